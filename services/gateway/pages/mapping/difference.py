"""The difference of two versions, in words."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from services.gateway.pages.mapping.rows import TYPES, step_of
from shared.mapping.versions import Row, RowChange

CODES: Final = ("enroll_set", "label", "enroll")
"""What a row of a code table has."""


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the difference, in words, and as it is stored. `name` is what people call its place; `mine` is what a
    draft has there; `is_both`: it too has changed it."""

    place: str
    name: str
    before: str
    after: str
    raw_before: str
    raw_after: str
    mine: str = ""
    is_both: bool = False


def change(one: RowChange, called: Callable[[str], str] = str) -> Change:
    """`called` says what the field of a mapping is called."""
    return Change(one.place, called(one.place), words(one.before), words(one.after), _raw(one.before), _raw(one.after))


def beside(
    changes: Sequence[RowChange], mine: Mapping[str, Row], both: Collection[str], called: Callable[[str], str] = str
) -> list[Change]:
    """With what a draft has in each place."""
    return [replace(change(one, called), mine=words(mine.get(one.place)), is_both=one.place in both) for one in changes]


def words(row: Row | None) -> str:
    if row is None:
        return "not mapped"
    if "name" in row and "type" not in row:
        return "File Settings"
    for part in CODES:
        if part in row and "source" not in row:
            return str(row[part]) or "–"
    step = step_of(row)
    kind = dict(TYPES)[step.type]
    parts = [part for part in (step.column, step.summary) if part]
    return f"{kind}: {', '.join(parts)}" if parts else kind


def _raw(row: Row | None) -> str:
    return orjson.dumps(row, option=orjson.OPT_INDENT_2).decode() if row else ""
