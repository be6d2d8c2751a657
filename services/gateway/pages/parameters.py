"""What an address may ask a page for, as the page calls it, and what is said of what was not understood."""

from collections.abc import Mapping, Set
from typing import Final

from fastapi import Request

from services.gateway.pages.words import LED_BACK, MESSAGES

PLACES: Final = frozenset({"after", "before"})
"""Places in a list: in another list they would be somewhere else."""
_EVERYWHERE: Final = {**dict.fromkeys(PLACES, "the place in the list"), "mapping": "the name of the mapping"}
_LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "/": {"search": "Name"},
    "/charts": {"name": "Connection"},
    "/connections/new": {"kind": "Kind of connection", "name": "Name", "instance": "Enroll instance"},
    "/explain": {"data_type": "Data type", "direction": "Which way"},
    "/failed-messages": {
        "type": "Type",
        "code": "Code",
        "reason": "Reason",
        "org": "Organization",
        "run": "Run",
        "state": "State",
    },
    "/runs": {
        "name": "Connection",
        "direction": "What",
        "state": "State",
        "data_type": "Data type",
        "since": "From",
        "until": "To",
    },
    "/runs/{id}": {"outcome": "Outcome", "action": "What", "code": "Cause", "field": "Field"},
}
"""What pages call their filters, by the path of their route and the parameter."""
_BETWEEN: Final = "."


def not_understood(request: Request, names: Set[str]) -> str:
    """The name of the message that says so, of what was left out just before as well. Only what this page knows is in
    it: a name may be anything."""
    earlier = request.query_params.get("said", "").split(_BETWEEN)
    return _BETWEEN.join((LED_BACK, *sorted({*names, *earlier} & _labels(request).keys())))


def message(request: Request, name: str) -> tuple[str, str | None]:
    """What this message is called without what it names, and its text; None where there is none."""
    kept, *names = name.split(_BETWEEN)
    known = _labels(request)
    told = dict.fromkeys(label for one, label in known.items() if one in names)
    if kept == LED_BACK and told:
        return kept, f"The address was not understood, and this was left out: {', '.join(told)}. Nothing is lost."
    return kept, MESSAGES.get(kept)


def _labels(request: Request) -> Mapping[str, str]:
    """By parameter, in the order of the page. An address that leads nowhere has no route."""
    shown = _LABELS.get(getattr(request.scope.get("route"), "path", ""), {})
    return {name: f"“{label}”" for name, label in shown.items()} | _EVERYWHERE
