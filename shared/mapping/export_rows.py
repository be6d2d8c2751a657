"""The columns of an export file compiled to one function over a record."""

from collections.abc import Sequence

from shared.mapping.compiled import MappingProblem
from shared.mapping.sources import Columns, RowInputs
from shared.mapping.transformations.registry import Reader, ValueProblem
from shared.model.error_texts import said
from shared.model.errors import BadMapping
from shared.model.export_file import ExportFile
from shared.model.moment import Moment
from shared.model.record import Problem

_CODECS = {"utf-8": "utf-8", "utf-8-bom": "utf-8", "windows-1252": "cp1252"}


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
    found, readers, problems = Columns(columns), [], []
    for number, column in enumerate(file.columns, 1):
        inputs = RowInputs(found, {}, moment)
        try:
            readers.append(inputs.read(column.source))
        except BadMapping as error:
            problems.append(MappingProblem(number, column.header, error.code, error.message, error.fix))
        for lost in dict.fromkeys(inputs.lost):
            text = said("export.field_unknown", field=lost, header=column.header)
            problems.append(MappingProblem(number, column.header, *text))
    if problems:
        told = " ".join(f"Column {one.row}: {one.message}" for one in problems)
        raise BadMapping(*said("export.invalid", name=file.name, problems=told))
    return CompiledRows(file, readers)
