"""A mapping beside the columns of a file: what is gone, what is new, what may have been renamed. Nothing is applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from shared.mapping.headers import Names, unread
from shared.mapping.sources import Columns, RowInputs
from shared.model.errors import BadMapping
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment

LEAST = 0.5
_ANY = Moment(date(2026, 7, 1), 2026)


@dataclass(slots=True, frozen=True)
class LostColumn:
    """A column the mapping reads and the file does not have. `suggestion` is a new column like it; "" where none is."""

    column: str
    targets: tuple[str, ...]
    suggestion: str
    confidence: float


@dataclass(slots=True, frozen=True)
class Differences:
    """`same` where the file has every column that the mapping reads; columns that nothing reads do no harm."""

    same: bool
    lost: tuple[LostColumn, ...]
    unread: tuple[str, ...]


def differences(draft: MappingDraft, columns: Sequence[str]) -> Differences:
    """Columns match exactly, else but for case and white space, as they do in a run."""
    found, reading = Columns(columns), columns_read(draft)
    held = {name: _finds(found, name) for name in reading}
    free = unread(columns, [name for name in reading if held[name]])
    names = Names(free)
    lost = tuple(_lost(name, targets, names) for name, targets in reading.items() if not held[name])
    return Differences(not lost, lost, tuple(free))


def columns_read(draft: MappingDraft) -> dict[str, tuple[str, ...]]:
    """Every column the mapping names, however deep in its transformations, and the fields it feeds."""
    rows = {row.target: row for row in draft.fields}
    reading: dict[str, list[str]] = {}
    for row in draft.fields:
        inputs = RowInputs(None, rows, _ANY)
        try:
            inputs.row(row)
        except BadMapping:
            continue
        for column in inputs.used:
            reading.setdefault(column.name, []).append(row.target)
    return {name: tuple(dict.fromkeys(targets)) for name, targets in reading.items()}


def _finds(columns: Columns, name: str) -> bool:
    try:
        return columns.find(name) is not None or columns.may_lack(name)
    except BadMapping:
        return True


def _lost(name: str, targets: tuple[str, ...], names: Names) -> LostColumn:
    like = names.like(name, LEAST)
    best = max(like, key=lambda other: like[other], default="")
    return LostColumn(name, targets, best, round(like.get(best, 0.0), 2))
