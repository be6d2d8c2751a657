"""What failed messages are called on operators' pages: each beside the term by which logs know it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from shared.contracts.messages import (
    EnrollSyncRequested,
    ExportDeliver,
    ExportRequested,
    RegistrationApproved,
    RunEnded,
    RunRequested,
    RunSettle,
    SliceApply,
    SliceCompare,
)
from shared.model.error_texts import every_text

TYPES: Final[Mapping[str, str]] = {
    EnrollSyncRequested.TYPE: "Enroll asks for a run",
    RegistrationApproved.TYPE: "A registration was approved",
    RunRequested.TYPE: "Begin an import, or its undo",
    ExportRequested.TYPE: "Begin an export, or its undo",
    SliceCompare.TYPE: "Compare a part of a run",
    ExportDeliver.TYPE: "Make and deliver the files of an export",
    SliceApply.TYPE: "Send a part of a run",
    RunSettle.TYPE: "Tidy up after a run",
    RunEnded.TYPE: "A run has ended",
}
REASONS: Final[Mapping[str, str]] = {
    "out of attempts": "Every attempt failed",
    "undecodable": "It could not be read",
    "unknown type or version": "Its type, or this version of it, is not known here",
    "delivery_limit": "The process that took it died, each time",
    "rejected": "It was refused without being tried",
    "expired": "It waited too long",
    "maxlen": "Its queue was full",
    "unknown": "Nobody noted why",
}
"""Those of ours, and those of RabbitMQ."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What became of the run meanwhile, and what an operator does."""

    meanwhile: str
    do: str


_FAILED: Final = (
    "Its run, or this part of it, has failed and says so; other parts go on. An event may have made no run."
)
_STANDS: Final = "Nothing was done. A run that it belongs to stands still, without an error. An event has made no run."
ADVICE: Final[Mapping[str, Advice]] = {
    "out of attempts": Advice(_FAILED, "Mend what the error names, or wait until it is over. Then send it again."),
    "undecodable": Advice(
        _STANDS,
        "Tell whoever sent it, and discard it: it reads the same the next time. Send it again only where a version "
        "runs by now that can read it; one that is no envelope at all cannot be.",
    ),
    "unknown type or version": Advice(
        _STANDS, "Send it again once a version runs here that knows it. Discard it where there will be none."
    ),
    "delivery_limit": Advice(
        _FAILED,
        "Find out why the process died, most often for want of memory. Then send it again, one of a run first: the "
        "others may only have been in the same process.",
    ),
    "rejected": Advice(_FAILED, "Sync Service refuses nothing so: ask who did it at the broker. Then send it again."),
    "expired": Advice(_FAILED, "Take the time limit off its queue, a policy of the broker. Then send it again."),
    "maxlen": Advice(_FAILED, "Take the limit of length off its queue, a policy of the broker. Then send it again."),
    "unknown": Advice(_STANDS, "Look at its type and its run, and decide by them."),
}
STATES: Final[Mapping[str, str]] = {
    "waiting": "Waiting",
    "replayed": "Sent again",
    "discarded": "Discarded",
    "any": "All",
    "remark": "Remark",
    "returned": "Failed again",
}
UNTOLD: Final[Mapping[str, str]] = {
    "undecodable": "What it holds does not have the form of a message that Sync Service reads"
}
UNFORESEEN: Final = "An error that nobody foresaw"
"""Of an error without a code nothing is told but its kind: its text may quote anything."""
UNNAMED: Final = "It does not say what it is"
STRANGE: Final = "No type of message that is known here"


def type_words(type: str) -> str:
    """What a message is for; of a version that is not known what others of its name are for."""
    if not type:
        return UNNAMED
    if type in TYPES:
        return TYPES[type]
    name = type.rpartition(".")[0]
    words = next((said for known, said in TYPES.items() if known.rpartition(".")[0] == name), "")
    return f"{words}, in a version that is not known here" if words else STRANGE


def reason_words(reason: str) -> str:
    """Why it ended among the failed ones; as it was noted, where that is none of those known."""
    return REASONS.get(reason, reason)


def error_words(letter: Mapping[str, str]) -> str:
    """What went wrong in the last attempt: as it was noted, else in general; blank where nothing was noted."""
    text = every_text().get(letter["code"])
    general = "" if text is None else text.cause if "{" in text.message else text.message
    return letter["detail"] or general or (letter["error"] and UNTOLD.get(letter["reason"], UNFORESEEN))


FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "type_words": type_words,
    "reason_words": reason_words,
    "error_words": error_words,
    "handled": STATES.__getitem__,
}
