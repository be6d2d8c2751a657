"""Two versions of a mapping or of a code table beside each other, row by row."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

from shared.model.codes import Code, CodePair, CodeTableDraft
from shared.model.draft import Draft
from shared.model.export_file import ExportDraft
from shared.model.mapping import MappingDraft

SET_PLACE: Final = "Enroll's codes"
Row: TypeAlias = Mapping[str, Any]


@dataclass(slots=True, frozen=True)
class RowChange:
    """`place` is the target, or file and header, or which code. A row that is new has no `before`, one that is gone no
    `after`."""

    place: str
    before: Row | None
    after: Row | None


def compare(before: BaseModel, after: BaseModel) -> list[RowChange]:
    """What differs, in the order of `after`; what is gone stands at the end. Moved rows are no difference."""
    old, new = dict(rows(before)), dict(rows(after))
    changes = [RowChange(place, old.get(place), row) for place, row in new.items() if old.get(place) != row]
    return changes + [RowChange(place, row, None) for place, row in old.items() if place not in new]


def rows(mapping: BaseModel) -> Iterator[tuple[str, Row]]:
    """Every row with its place: of a version, or of a draft, where it may be in any state."""
    if isinstance(mapping, MappingDraft):
        for one in mapping.fields:
            yield one.target, one.model_dump(mode="json")
    if isinstance(mapping, ExportDraft):
        for file in mapping.files:
            yield from _of_file(file.model_dump(mode="json"))
    if isinstance(mapping, Draft):
        for row in mapping.fields:
            yield str(row.get("target", "")), row
        for raw in mapping.files:
            yield from _of_file(raw)
    if isinstance(mapping, CodeTableDraft):
        yield from _of_codes(mapping)


def code_place(one: Code) -> str:
    return f"SIS code {one.code}"


def pair_place(one: CodePair) -> str:
    return f"Pair {one.sis}"


def file_name(file: Row) -> str:
    return f"{file.get('name', '')}.{file.get('extension', 'csv')}"


def _of_codes(table: CodeTableDraft) -> Iterator[tuple[str, Row]]:
    yield SET_PLACE, {"enroll_set": table.enroll_set}
    for code in table.sis_codes:
        yield code_place(code), {"label": code.label}
    for sis, enroll in table.inward().items():
        yield pair_place(CodePair(sis=sis, enroll=enroll)), {"enroll": enroll}


def _of_file(file: Row) -> Iterator[tuple[str, Row]]:
    name = file_name(file)
    yield name, {option: value for option, value in file.items() if option != "columns"}
    for number, column in enumerate(file.get("columns", ()), 1):
        yield f"{name}: {column.get('header') or number}", column
