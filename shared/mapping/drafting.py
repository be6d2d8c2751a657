"""A mapping that is still being made: what is wrong with it, row by row, and the Mapped Value of what is sound."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from shared.mapping.code_tables import code_problems, table_names, with_tables
from shared.mapping.compiled import MappingProblem
from shared.mapping.differences import columns_read
from shared.mapping.export_preview import preview_export
from shared.mapping.preview import MappedValue, preview_mapping
from shared.mapping.registrations import doubtful, is_refused, with_references
from shared.model.catalog import Catalog
from shared.model.codes import CodeSets, CodeTable
from shared.model.draft import TYPES
from shared.model.error_texts import said
from shared.model.errors import BadMapping
from shared.model.export_file import ExportColumn, ExportDraft, ExportFile
from shared.model.mapping import SOURCE_TAGS, DoNotMap, FieldMapping, MappingDraft
from shared.model.moment import Moment
from shared.model.plain import plain

Raw = Mapping[str, Any]
NONE_LEFT: Final = ("",)
LOST: Final = "mapping.column_missing"
TAGS: Final = frozenset({*SOURCE_TAGS, *TYPES})
"""What Pydantic names besides the fields: which kind it took something for."""
LABELS: Final = {
    "extension": "File Extension",
    "separator": "Field Separator",
    "text_identifier": "Text Identifier",
    "header": "Header",
    "neutralize_formulas": "Make spreadsheet formulas harmless",
    "encoding": "Encoding",
    "line_end": "Line end",
    "columns": "Fields",
    "source": "From",
}
"""What people call it."""
FILE_LABELS: Final = {**LABELS, "name": "File Name"}
_ROW: Final[TypeAdapter[FieldMapping]] = TypeAdapter(FieldMapping)


@dataclass(slots=True, frozen=True)
class Placed:
    """What is wrong, and where: `place` is the target of a row, "2" a file, "2.5" its fifth column, "" everything.

    Where it `blocks`, the mapping cannot be saved; a column that the examples do not have may be in the next file.
    """

    place: str
    code: str
    message: str
    fix: str = ""
    blocks: bool = True


@dataclass(slots=True)
class Looked:
    """`values` are the Mapped Values by place; `mapped` are the targets that are filled; `names` those of the files.

    `unchecked` are columns of which nobody knows yet whether the file has them: there are no examples.
    """

    values: dict[str, tuple[MappedValue, ...]] = field(default_factory=dict)
    problems: list[Placed] = field(default_factory=list)
    mapped: set[str] = field(default_factory=set)
    names: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Known:
    """What a draft is looked at with. `columns` are those of the examples; without any, those that the draft names."""

    catalog: Catalog
    columns: Sequence[str]
    examples: Sequence[list[str]]
    moment: Moment
    tables: Mapping[str, CodeTable]
    sets: CodeSets
    direction: str = "import"


def look_at_fields(rows: Sequence[Raw], known: Known) -> Looked:
    """Of a mapping of fields. Never raises on any row."""
    looked, sound = Looked(), list[FieldMapping]()
    for row in rows:
        target = str(row.get("target", ""))
        try:
            sound.append(_tabled(_sound_row(row), known))
        except BadMapping as error:
            looked.problems.append(Placed(target, error.code, error.message, error.fix))
    bad = {one.place for one in looked.problems}
    draft: MappingDraft = MappingDraft.model_construct(fields=tuple(sound))
    whole = with_references(draft) if known.direction == "export" else draft
    if not known.columns:
        looked.unchecked = list(columns_read(whole))
    columns = known.columns or tuple(looked.unchecked) or NONE_LEFT
    shown = preview_mapping(whole, known.catalog, columns, known.moment, known.examples, known.sets)
    looked.values = {one.target: one.examples for one in shown.fields}
    found = [*shown.problems, *(code_problems(draft, known.catalog, known.sets) if known.sets else [])]
    if known.direction == "export":
        found += doubtful(draft, known.catalog)
    looked.problems += [
        Placed(one.target, one.code, one.message, one.fix, _blocks(one, known))
        for one in found
        if not (one.row == 0 and one.target in bad)
    ]
    looked.mapped = {row.target for row in sound if not isinstance(row, DoNotMap)}
    return looked


def _blocks(problem: MappingProblem, known: Known) -> bool:
    return is_refused(problem, known.catalog) if known.direction == "export" else problem.code != LOST


def sound_fields(rows: Sequence[Raw], name: str) -> MappingDraft:
    """Raises ValidationError; nothing that `look_at_fields` finds no problem with."""
    return MappingDraft.model_validate({"name": name, "fields": list(rows)})


def look_at_files(files: Sequence[Raw], known: Known, at: datetime) -> Looked:
    """Of the files of an export. `at` is now, by the clock of the district, and stands in their names."""
    if not files:
        return Looked(problems=[Placed("", *said("draft.no_files"))])
    looked, sound = Looked(), list[ExportFile]()
    for number, raw in enumerate(files, 1):
        places, columns = [], []
        for place, column in _columns(number, raw):
            try:
                columns.append(_tabled(_sound_column(column), known))
                places.append(place)
            except BadMapping as error:
                looked.problems.append(Placed(place, error.code, error.message, error.fix))
        looked.problems += _settings_problems(number, raw, columns)
        looked.mapped |= set(places)
        name = str(raw.get("name", ""))
        file: ExportFile = ExportFile.model_construct(name=name, columns=tuple(columns))
        draft: ExportDraft = ExportDraft.model_construct(files=(file,))
        (shown,) = preview_export(draft, known.columns, known.moment, [name], known.examples)
        looked.values |= {places[one.row - 1]: one.examples for one in shown.columns}
        looked.problems += [Placed(places[one.row - 1], one.code, one.message, one.fix) for one in shown.problems]
        sound.append(file)
    if not looked.problems:
        looked.problems += _names(files, at, known.moment.school_year, looked)
    return looked


def sound_files(files: Sequence[Raw], name: str) -> ExportDraft:
    """Without the columns that are not mapped. Raises ValidationError; nothing that `look_at_files` passes."""
    made = [{**raw, "columns": [column for _, column in _columns(1, raw)]} for raw in files]
    return ExportDraft.model_validate({"name": name, "files": made})


def _columns(number: int, raw: Raw) -> Iterator[tuple[str, dict[str, Any]]]:
    """Those that are mapped, with their places."""
    for place, column in enumerate(raw.get("columns", ()), 1):
        if not column.get("do_not_map"):
            yield f"{number}.{place}", {key: value for key, value in column.items() if key != "do_not_map"}


def _sound_row(row: Raw) -> FieldMapping:
    if row.get("type") == "transformation" and not row.get("name"):
        raise BadMapping(*said("draft.no_transformation"))
    try:
        return _ROW.validate_python(row)
    except ValidationError as error:
        raise _told(error) from None


def _sound_column(column: Raw) -> ExportColumn:
    try:
        return ExportColumn.model_validate(column)
    except ValidationError as error:
        raise _told(error) from None


def _told(error: ValidationError) -> BadMapping:
    """In words for people; nothing that was typed is repeated."""
    for detail in error.errors(include_url=False, include_input=False):
        if detail["type"] in ("string_too_short", "missing") and {"source", "column", "field"} & set(detail["loc"]):
            return BadMapping(*said("draft.no_source"))
        return BadMapping(*said("draft.row", what=_what(detail, LABELS)))
    return BadMapping(*said("draft.no_source"))


def _what(detail: ErrorDetails, labels: Mapping[str, str] = FILE_LABELS) -> str:
    """What is wrong, and with what: the innermost thing that has a name."""
    named = [str(part) for part in detail["loc"] if isinstance(part, str) and part not in TAGS]
    text = plain(detail).rstrip(".")
    return f"{labels.get(named[-1], named[-1])}: {text}" if named else text


def _tabled(one: Any, known: Known) -> Any:
    """With the codes of the tables it names. Raises BadMapping."""
    if not table_names(one):
        return one
    return with_tables(one, known.tables, "export" if known.direction == "export" else "import")


def _settings_problems(number: int, raw: Raw, columns: Sequence[ExportColumn]) -> Iterator[Placed]:
    if not raw.get("columns"):
        yield Placed(str(number), *said("draft.no_columns"))
        return
    shown = columns or [ExportColumn(header="-", source="-")]
    try:
        ExportFile.model_validate({**raw, "columns": [one.model_dump() for one in shown]})
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            yield Placed(str(number), *said("draft.file", what=_what(detail)))


def _names(files: Sequence[Raw], at: datetime, year: int, looked: Looked) -> Iterator[Placed]:
    try:
        looked.names = sound_files(files, "default").file_names(at, year)
    except BadMapping as error:
        yield Placed("", error.code, error.message, error.fix)
    except ValidationError as error:
        yield Placed("", *said("draft.file", what=_what(error.errors()[0])))
