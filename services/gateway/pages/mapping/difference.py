"""The difference of two versions, in words."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from services.gateway.pages.mapping.rows import TYPES, Names, step_of
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


def change(one: RowChange, names: Names) -> Change:
    before, after = words(one.before, names), words(one.after, names)
    return Change(one.place, names.filled(one.place), before, after, _raw(one.before), _raw(one.after))


def beside(changes: Sequence[RowChange], mine: Mapping[str, Row], both: Collection[str], names: Names) -> list[Change]:
    """With what a draft has in each place."""
    return [
        replace(change(one, names), mine=words(mine.get(one.place), names), is_both=one.place in both)
        for one in changes
    ]


def words(row: Row | None, names: Names) -> str:
    if row is None:
        return "not mapped"
    if "name" in row and "type" not in row:
        return "File Settings"
    for part in CODES:
        if part in row and "source" not in row:
            return str(row[part]) or "–"
    step = step_of(row)
    kind = dict(TYPES)[step.type]
    read = names.read(step.column) if step.column else ""
    parts = [part for part in (read, step.summary(names)) if part]
    return f"{kind}: {', '.join(parts)}" if parts else kind


def _raw(row: Row | None) -> str:
    return orjson.dumps(row, option=orjson.OPT_INDENT_2).decode() if row else ""
