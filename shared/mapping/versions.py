"""Two versions of a mapping beside each other, row by row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel

from shared.model.export_file import ExportDraft
from shared.model.mapping import MappingDraft

Row: TypeAlias = Mapping[str, Any]


@dataclass(slots=True, frozen=True)
class RowChange:
    """`place` is the target, or file and header. A row that is new has no `before`, one that is gone no `after`."""

    place: str
    before: Row | None
    after: Row | None


def compare(before: BaseModel, after: BaseModel) -> list[RowChange]:
    """What differs, in the order of `after`; what is gone stands at the end. Moved rows are no difference."""
    old, new = dict(_rows(before)), dict(_rows(after))
    changes = [RowChange(place, old.get(place), row) for place, row in new.items() if old.get(place) != row]
    return changes + [RowChange(place, row, None) for place, row in old.items() if place not in new]


def _rows(mapping: BaseModel) -> Iterator[tuple[str, Row]]:
    if isinstance(mapping, MappingDraft):
        for one in mapping.fields:
            yield one.target, one.model_dump(mode="json")
    if isinstance(mapping, ExportDraft):
        for file in mapping.files:
            name = f"{file.name}.{file.extension}"
            yield name, file.model_dump(mode="json", exclude={"columns"})
            for number, column in enumerate(file.columns, 1):
                yield f"{name}: {column.header or number}", column.model_dump(mode="json")
