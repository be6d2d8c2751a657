"""Mapped Value of an export: what each column of each file makes of a few registrations, before anything is written."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.mapping.compiled import MappingProblem
from shared.mapping.export_rows import column_readers
from shared.mapping.preview import MappedValue
from shared.mapping.transformations.registry import Reader, ValueProblem
from shared.model.export_file import ExportDraft, ExportFile
from shared.model.moment import Moment
from shared.model.record import Problem


@dataclass(slots=True, frozen=True)
class PreviewedColumn:
    """One column of a file (counted from 1), and its Mapped Value for each example."""

    row: int
    header: str
    fields: tuple[str, ...]
    examples: tuple[MappedValue, ...]


@dataclass(slots=True, frozen=True)
class PreviewedFile:
    """The columns that can be shown, and what is wrong with the others."""

    name: str
    columns: tuple[PreviewedColumn, ...]
    problems: tuple[MappingProblem, ...]


def preview_export(
    draft: ExportDraft, columns: Sequence[str], moment: Moment, names: Sequence[str], examples: Sequence[list[str]]
) -> list[PreviewedFile]:
    """`names` are those that the files would have now. Never raises on any text."""
    return [_file(file, columns, moment, name, examples) for file, name in zip(draft.files, names, strict=True)]


def _file(
    file: ExportFile, columns: Sequence[str], moment: Moment, name: str, examples: Sequence[list[str]]
) -> PreviewedFile:
    readers, problems = column_readers(file, columns, moment)
    shown = []
    for number, (column, reader) in enumerate(zip(file.columns, readers, strict=True), 1):
        if reader is not None:
            read, used = reader
            values = tuple(_mapped(read, column.header, [one[field.index] for field in used], one) for one in examples)
            shown.append(PreviewedColumn(number, column.header, tuple(field.name for field in used), values))
    return PreviewedFile(name, tuple(shown), tuple(problems))


def _mapped(read: Reader, header: str, sources: list[str], example: list[str]) -> MappedValue:
    try:
        return MappedValue(tuple(sources), read(example))
    except ValueProblem as error:
        problem = Problem(error.code, error.message, error.fix, header).as_dict()
        return MappedValue(tuple(sources), problem=problem)
