"""How many records one page holds: fifty, or as many as make a page that loads at once on any line."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import escape

from services.gateway.field_names import called, wrong_at
from services.gateway.values import shown
from shared.model.catalog import Catalog

MOST: Final = 50
BYTES: Final = 80_000
_RECORD, _FIELD, _CHANGE, _PROBLEM = 850, 45, 150, 140
"""What stands around each, in bytes."""


def portion(found: Sequence[dict[str, Any]], fields: Catalog) -> tuple[list[dict[str, Any]], bool]:
    """The first of these records, at least one; and whether others may follow. `found` are at most MOST; `fields` are
    what their values are of."""
    taken: list[dict[str, Any]] = []
    room = BYTES
    for one in found:
        room -= _weight(one, fields)
        if room < 0 and taken:
            return taken, True
        taken.append(one)
    return taken, len(found) == MOST


def _weight(record: Mapping[str, Any], fields: Catalog) -> int:
    is_new = record["action"] == "create"
    weight = _RECORD + 3 * _bytes(record["key"]) + _bytes(record["label"])
    for name, pair in record["changes"].items():
        weight += _FIELD + _bytes(name) + _bytes(called(name, fields)) + _bytes(pair[1])
        weight += 0 if is_new else _CHANGE + _bytes(pair[0])
    for problem in record["problems"]:
        weight += _PROBLEM + _bytes(wrong_at(problem, fields)) + sum(map(_bytes, problem.values()))
    return weight


def _bytes(held: Any) -> int:
    return len(escape(shown(held)).encode())
