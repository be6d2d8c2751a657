"""The columns of an export file compiled to one function over a record."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TypeAlias

from shared.mapping.compiled import MappingProblem
from shared.mapping.mark import UNKNOWN
from shared.mapping.sources import Column, Columns, RowInputs
from shared.mapping.transformations.registry import Reader, ValueProblem
from shared.model.error_texts import said
from shared.model.errors import BadMapping
from shared.model.export_file import ExportDraft, ExportFile
from shared.model.label import label_of
from shared.model.moment import Moment
from shared.model.record import Problem

Cells: TypeAlias = list[list[str]]
"""The cells of one record in each of the files."""

KEY, STATUS, TOLD = "registrations.id", "registrations.sis_export_status", "Succeeded"
CALLED, DISTRICT_ID = ("students.fname", "students.lname"), "students.student_district_id"
_CODECS = {"utf-8": "utf-8", "utf-8-bom": "utf-8", "windows-1252": "cp1252"}


def labelling(columns: Sequence[str]) -> Callable[[list[str]], str]:
    """What people call the student of a registration: the name, and the district's number where there is one."""
    places = [columns.index(name) for name in CALLED if name in columns]
    number = columns.index(DISTRICT_ID) if DISTRICT_ID in columns else None

    def label(values: list[str]) -> str:
        name = label_of(values[place] for place in places)
        told = label_of([values[number]]) if number is not None else ""
        return ", ".join(one for one in (name, told) if one)

    return label


class CompiledRows:
    """One file for one set of source columns; safe to share between threads."""

    def __init__(self, file: ExportFile, readers: Sequence[Reader]) -> None:
        self.headers = tuple(column.header for column in file.columns)
        self._columns = tuple(zip(self.headers, readers, strict=True))
        self._readers = tuple(readers)
        self._codec = _CODECS[file.encoding]

    def row(self, values: list[str]) -> tuple[list[str] | None, list[Problem]]:
        """The cells of one record in order, or what is wrong with it: all of it. Never raises on any text."""
        try:
            cells = [read(values) for read in self._readers]
            "".join(cells).encode(self._codec)
        except (ValueProblem, UnicodeEncodeError):
            return None, self._problems(values)
        return cells, []

    def _problems(self, values: list[str]) -> list[Problem]:
        problems = []
        for header, read in self._columns:
            try:
                read(values).encode(self._codec)
            except ValueProblem as error:
                problems.append(Problem(error.code, error.message, error.fix, column=header))
            except UnicodeEncodeError as error:
                character = error.object[error.start]
                lone = "\ud800" <= character <= "\udfff"
                text = said("value.bad_text") if lone else said("value.not_in_encoding", encoding=self._codec)
                problems.append(Problem(*text, column=header))
        return problems


def compile_rows(file: ExportFile, columns: Sequence[str], moment: Moment) -> CompiledRows:
    """What makes the rows of the file from records with these columns.

    Raises:
        BadMapping: names every column of the file that cannot be made; `row` counts them from 1.
    """
    readers, problems = column_readers(file, columns, moment)
    if problems:
        told = " ".join(f"Column {one.row}: {one.message}" for one in problems)
        raise BadMapping(*said("export.invalid", name=file.name, problems=told))
    return CompiledRows(file, [one[0] for one in readers if one is not None])


def column_readers(
    file: ExportFile, columns: Sequence[str], moment: Moment
) -> tuple[list[tuple[Reader, Sequence[Column]] | None], list[MappingProblem]]:
    """For each column of the file its reader and what it reads, or None and a problem that says why it has none."""
    found = Columns(columns)
    readers: list[tuple[Reader, Sequence[Column]] | None] = []
    problems = []
    for number, column in enumerate(file.columns, 1):
        inputs, read = RowInputs(found, {}, moment), None
        try:
            read = inputs.read(column.source)
        except BadMapping as error:
            problems.append(MappingProblem(number, column.header, error.code, error.message, error.fix))
        for lost in dict.fromkeys(inputs.lost):
            text = said("export.field_unknown", field=lost, header=column.header)
            problems.append(MappingProblem(number, column.header, *text))
        readers.append(None if read is None or inputs.lost else (read, tuple(dict.fromkeys(inputs.used))))
    return readers, problems


class CompiledExport:
    """All files of an export over the same records; safe to share between threads."""

    lost_columns: tuple[tuple[str, str], ...] = ()

    def __init__(self, files: Sequence[CompiledRows], names: Sequence[str], columns: Sequence[str]) -> None:
        self._files = files
        self._names = [
            f"{name}: {header}" if len(files) > 1 else header
            for name, file in zip(names, files, strict=True)
            for header in file.headers
        ]
        self.key = itemgetter(columns.index(KEY))
        self._status = itemgetter(columns.index(STATUS))
        self.label = labelling(columns)

    def mark(self, _: list[str]) -> str:
        """Nothing: a file is written whole, so every row is made anew."""
        return UNKNOWN

    def is_told(self, values: list[str]) -> bool:
        """Whether Enroll shows the record as exported already."""
        return bool(self._status(values) == TOLD)

    def cells(self, values: list[str]) -> tuple[Cells | None, list[Problem]]:
        """The cells of one record in each file, or what is wrong with it. It stands in all of them or in none."""
        made, problems = [], []
        for file in self._files:
            cells, found = file.row(values)
            made.append(cells or [])
            problems += [one for one in found if one not in problems]
        return (None, problems) if problems else (made, [])

    def named(self, cells: Cells) -> dict[str, str]:
        """The cells under their headers, and the file's name where there are several."""
        return dict(zip(self._names, (cell for row in cells for cell in row), strict=True))


def compile_export(draft: ExportDraft, columns: Sequence[str], moment: Moment) -> CompiledExport:
    """Raises:
    BadMapping: names every column of every file that cannot be made.
    """
    files, wrong = [], []
    for file in draft.files:
        try:
            files.append(compile_rows(file, columns, moment))
        except BadMapping as error:
            wrong.append(error)
    if wrong:
        raise BadMapping(wrong[0].code, " ".join(error.message for error in wrong), wrong[0].fix)
    return CompiledExport(files, [file.name for file in draft.files], columns)
