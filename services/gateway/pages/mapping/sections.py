"""The table of the Field Mapping: its lines, in sections, what is not mapped yet, and how far it has come."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.gateway.pages.mapping.rows import Names, Step, step_of
from services.gateway.pages.words import plural
from shared.mapping.drafting import Looked, Placed
from shared.mapping.preview import MappedValue
from shared.model.catalog import Catalog, Field
from shared.model.contacts import contact_field

_NUMBERED = re.compile(r"([0-9]+) - ")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the draft. `place` is its target, or `2.5` in a file; `number` counts the lines of the form."""

    number: int
    place: str
    label: str
    needed: str
    step: Step
    values: Sequence[MappedValue]
    problems: Sequence[Placed]
    header: str = ""
    summary: str = ""

    @property
    def id(self) -> str:
        return slug(self.place)


@dataclass(slots=True)
class Section:
    """The fields of one table, or of one contact. `others` are those that are not mapped."""

    name: str
    lines: list[Line] = field(default_factory=list)
    others: list[Field] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the fields that are needed are mapped, and which are not. `ruled` are those of them that an export
    rule of the connection would fill as well."""

    mapped: int
    needed: int
    left: Sequence[str]
    ruled: Sequence[str] = ()

    @property
    def words(self) -> str:
        return f"{self.mapped} of {plural(self.needed, 'required field')} mapped"


def slug(place: str) -> str:
    """The place as an id of the page."""
    return re.sub(r"[^A-Za-z0-9.]+", "_", place)


def mappable(catalog: Catalog, direction: str) -> Mapping[str, Field]:
    """The fields that a person may fill. Which registration is meant goes without saying."""
    fields = catalog.fields.items()
    hidden = direction == "export"
    return {name: one for name, one in fields if one.importable and not (hidden and one.refers)}


def sections(
    rows: Sequence[Mapping[str, Any]], catalog: Catalog, direction: str, looked: Looked, wanted: str, names: Names
) -> list[Section]:
    """In the order of the catalog. With `wanted`, only what has it in its name or in what it reads."""
    fields = mappable(catalog, direction)
    found: dict[str, Section] = {}
    drafted = {str(row.get("target", "")): (number, row) for number, row in enumerate(rows)}
    for name in [*fields, *(one for one in drafted if one not in fields)]:
        one = fields.get(name) or Field(name=name, label=name)
        section = found.setdefault(_section(name, catalog), Section(_section(name, catalog)))
        if name in drafted:
            number, row = drafted[name]
            line = _line(number, name, one.label, _needed(one, catalog), row, looked, names)
            read = line.step.column or ""
            if not wanted or _is_found(wanted, name, one.label, read, names.read(read), line.summary):
                section.lines.append(line)
        elif not wanted or _is_found(wanted, name, one.label):
            section.others.append(one)
    return [one for one in found.values() if one.lines or one.others]


def lines_of_file(number: int, raw: Mapping[str, Any], looked: Looked, names: Names) -> list[Line]:
    """The columns of an export file."""
    columns = raw.get("columns", [])
    return [
        _line(place, f"{number}.{place}", f"Field {place}", "", row, looked, names, header=str(row.get("header", "")))
        for place, row in enumerate(columns, 1)
    ]


def progress(catalog: Catalog, direction: str, mapped: set[str], left_open: Sequence[Field] = ()) -> Progress:
    """Fields that no record can do without, and a match key. `left_open` are those that a rule would fill, and says
    nothing yet."""
    needed = [
        (one.label, name in mapped)
        for name, one in mappable(catalog, direction).items()
        if (one.required or one.create) and (not one.rule or one in left_open)
    ]
    if direction == "import" and not {name for key in catalog.match_keys for name in key} & _required(catalog):
        labels = " or ".join(" and ".join(catalog.fields[name].label for name in key) for key in catalog.match_keys)
        needed.append((f"a match key ({labels})", bool(catalog.match_key(mapped))))
    left = [label for label, is_mapped in needed if not is_mapped]
    ruled = [one.label for one in left_open if one.name not in mapped]
    return Progress(len(needed) - len(left), len(needed), left, ruled)


def _required(catalog: Catalog) -> set[str]:
    return {name for name, one in catalog.fields.items() if one.required or one.create}


def _line(
    number: int,
    place: str,
    label: str,
    needed: str,
    row: Mapping[str, Any],
    looked: Looked,
    names: Names,
    header: str = "",
) -> Line:
    step, values = step_of(row), looked.values.get(place, ())
    problems = [one for one in looked.problems if one.place == place]
    return Line(number, place, label, needed, step, values, problems, header, step.summary(names))


def _needed(one: Field, catalog: Catalog) -> str:
    if one.required:
        return "required"
    if any(one.name in key for key in catalog.match_keys):
        return "match key"
    return "required for new ones" if one.create and not one.rule else ""


def _section(name: str, catalog: Catalog) -> str:
    if found := contact_field(name):
        return f"Contact {found.slot}"
    if numbered := _NUMBERED.match(name):
        return f"Group {numbered[1]}"
    table, dot, _ = name.partition(".")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", table).replace("_", " ").title() if dot else catalog.label


def _is_found(wanted: str, *texts: str) -> bool:
    return all(any(word in text.casefold() for text in texts) for word in wanted.casefold().split())
