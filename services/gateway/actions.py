"""What a run does about its records, in people's words: what it would, what it did, and what it could not do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.model.explanation import Writer
from shared.model.record import Action, Outcome
from shared.model.run import Run, RunState


@dataclass(frozen=True, slots=True)
class Words:
    """`chosen` is what those are asked for by in a run that has ended: done or not."""

    planned: str
    done: str
    not_done: str
    chosen: str


def _same(words: str) -> Words:
    return Words(words, words, words, words)


WORDS: Final[Mapping[Action, Words]] = {
    Action.CREATE: Words("To create", "Created", "Not created", "Created, or failed"),
    Action.UPDATE: Words("To change", "Changed", "Not changed", "Changed, or failed"),
    Action.REMOVE: Words("To remove", "Removed", "Not removed", "Removed, or failed"),
    Action.ADOPT: _same("Unchanged"),
    Action.NONE: _same("Not sent"),
}
"""Of everything but `missing`: what that is called depends on where the records come from."""
UNDO_WORDS: Final[Mapping[Action, Words]] = {
    Action.CREATE: Words("To bring back", "Brought back", "Not brought back", "Brought back, or failed"),
    Action.UPDATE: Words("To change back", "Changed back", "Not changed back", "Changed back, or failed"),
    Action.NONE: _same("Left alone"),
}
"""What is called otherwise in a run that takes another one back."""
ID_WORDS: Final[Mapping[str, str]] = {"import": "Enroll ID", "export": "SIS ID"}
"""What the id of a record in the target is called, by the direction of the run."""
LEFT_ALONE: Final = UNDO_WORDS[Action.NONE].done
_GONE: Final = {"api": "Not in the SIS any more", "enroll": "Not approved any more"}
_WILL_BE: Final = (Outcome.PENDING, Outcome.IN_PROGRESS, Outcome.STOPPED)
_IS: Final = (Outcome.SUCCEEDED, Outcome.PARTIAL)


def gone(run: Run) -> str:
    """What a record is that the source of the run held once, and does not hold now."""
    return _GONE.get("enroll" if run.direction == "export" else run.source.kind, "Not in the file any more")


def action_of(record: Mapping[str, Any], run: Run) -> str:
    """What was, or would be, done about one record."""
    words, outcome = _words(Action(record["action"]), run), record["outcome"]
    return words.planned if outcome in _WILL_BE else words.done if outcome in _IS else words.not_done


def outcome_of(record: Mapping[str, Any], by: Run | Writer) -> str:
    """What became of one record: an undo that leaves it alone has not failed."""
    is_left = by.undoes and record["action"] == Action.NONE and record["outcome"] == Outcome.FAILED
    return LEFT_ALONE if is_left else str(record["outcome"])


def outcomes(run: Run) -> dict[str, str]:
    """What the records of a run can have come to, with its words."""
    left = {Outcome.FAILED: f"Failed, or {LEFT_ALONE.lower()}"} if run.undoes else {}
    return {one.value: left.get(one, one.value) for one in Outcome}


def choices(run: Run) -> dict[str, str]:
    """What the records of a run can be asked for by, with its words."""
    is_done = run.ended and run.state is not RunState.CANCELLED
    of_another = run.source.kind in ("failed", "undo")  # who is not in it was never looked for
    never = {Action.ADOPT, Action.MISSING} if of_another else {Action.ADOPT}
    asked = [one for one in Action if one not in never]
    return {one.value: (found.chosen if is_done else found.planned) for one in asked for found in [_words(one, run)]}


def _words(action: Action, run: Run) -> Words:
    if action is Action.MISSING:
        return _same(gone(run))
    return UNDO_WORDS.get(action, WORDS[action]) if run.undoes else WORDS[action]
