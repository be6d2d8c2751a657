"""The field catalog: which fields a data type has, as data. Source: the product facts, section 4; docs/data-types.md.

One TOML file per data type stands in `shared/model/catalogs/`. Adding a data type starts with adding a file there.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict

from shared.model.error_texts import said
from shared.model.errors import BadMapping

FieldType = Literal["text", "date", "datetime", "integer", "flag", "email", "list", "json"]
MatchKey: TypeAlias = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)
]


class Field(BaseModel):
    """One field of a data type. `length` counts characters, `minimum` is the least number it takes.

    `required`: no row may be without it. `create`: no record can be created without it.
    `refers`: it says which student, program or school is meant, and is never written itself.
    `replaces`: its values replace all there is under that name, whether a mapping fills all fields of it or not.
    `default`: what a blank means where the field is part of the match key. `codes` names its code set; a
    field of a SIS has a set of Enroll's where it is written alike there, and else one of its own.
    `create_only`: the target takes it when it makes the record and never again. `together`: fields of one name are sent
    all or none; `whole`: none of them is complete without this one. `takes`: the only texts it takes. `rule`: what
    fills it in a new record where the mapping does not.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    label: str
    type: FieldType = "text"
    length: int | None = None
    minimum: int | None = None
    required: bool = False
    create: bool = False
    importable: bool = True
    refers: bool = False
    replaces: str = ""
    default: str = ""
    example: str = ""
    codes: str = ""
    create_only: bool = False
    together: str = ""
    whole: bool = False
    takes: tuple[str, ...] = ()
    rule: Literal["", "entry_date", "exit_date", "status", "school"] = ""


class Catalog(BaseModel):
    """The fields of one data type.

    `match_keys` in order of precedence: the first one whose fields a mapping fills is used. `person` are the fields of
    which at least one must agree before a record counts as the same person. `create_one_of`: of each set a record needs
    one field to be created. `checked`: Enroll is asked about the changes before they are made. `called` are the fields
    that say by which name people know a record. `is_of_sis`: it is what an export fills, the student of a SIS.
    `refuses_parts`: a record with only a part of what goes together is refused as a whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_type: str
    label: str
    noun: str = "record"
    match_keys: tuple[MatchKey, ...]
    person: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    create_one_of: tuple[tuple[str, ...], ...] = ()
    checked: bool = False
    is_of_sis: bool = False
    refuses_parts: bool = False
    statuses: Mapping[str, str] = {}
    """What a new student's status is called in the SIS: `active` and `pre_enrolled`."""
    missing_field: str = ""
    """The flag that is set on records which a complete source no longer holds."""
    fields: Mapping[str, Field]

    @property
    def is_closed(self) -> bool:
        """Whether values are compared with Enroll's code sets here: elsewhere Enroll is asked about each change."""
        return not (self.checked or self.is_of_sis)

    def match_key(self, filled: set[str]) -> MatchKey:
        """The match key that a mapping of these fields uses; empty where it has none."""
        return next((key for key in self.match_keys if filled.issuperset(key)), ())

    def wholes(self) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """Of fields that go together: under which name, which they are, and those that none of them can be without."""
        for name in dict.fromkeys(field.together for field in self.fields.values() if field.together):
            parts = [field for field in self.fields.values() if field.together == name]
            if needed := tuple(field.name for field in parts if field.whole):
                yield name, tuple(field.name for field in parts), needed

    def label_of(self, name: str) -> str:
        """What people call a field; its name where it is none of these."""
        found = self.fields.get(name)
        return found.label if found else name


@cache
def catalog(data_type: str) -> Catalog:
    """The catalog of `data_type`.

    Raises:
        BadMapping: there is no such data type.
    """
    if data_type not in data_types():
        known = ", ".join(data_types())
        raise BadMapping(*said("data_type.unknown", data_type=data_type, known=known))
    return _read(data_type, f"{data_type}.toml")


@cache
def export_catalog(data_type: str) -> Catalog:
    """The fields that an export of `data_type` may carry.

    Raises:
        BadMapping: nothing of this data type is exported.
    """
    if data_type != "students":
        raise BadMapping(*said("data_type.unknown", data_type=data_type, known="students"))
    return _read(data_type, f"exports/{data_type}.toml")


@cache
def sis_catalog(sis: str, custom: tuple[str, ...] = ()) -> Catalog:
    """What an export may write into the students of a SIS, `custom` fields beside it. Source: SIS facts."""
    about = _read("students", f"sis/{sis}.toml")
    fields = {**about.fields, **{one: Field(name=one, label=one) for one in custom}}
    return about.model_copy(update={"fields": fields, "is_of_sis": True})


@cache
def data_types() -> tuple[str, ...]:
    """Every data type there is a catalog for."""
    folder = files("shared.model").joinpath("catalogs")
    return tuple(sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")))


def _read(data_type: str, path: str) -> Catalog:
    found = files("shared.model").joinpath("catalogs", *path.split("/"))
    raw = tomllib.loads(found.read_text(encoding="utf-8"))
    included = catalog(name).fields if (name := raw.pop("includes", "")) else {}
    own = {field.name: field for name, spec in raw.pop("fields").items() for field in _fields(name, spec)}
    return Catalog(data_type=data_type, fields={**own, **included}, **raw)


def _fields(name: str, spec: dict[str, Any]) -> Iterator[Field]:
    """A name that begins with `N - ` stands for `count` fields: 1 - programs.id, 2 - programs.id, ..."""
    count = spec.pop("count", 0)
    if not count:
        yield Field(name=name, **spec)
    label, together = spec.pop("label"), spec.pop("together", "")
    for number in range(1, count + 1):
        numbered = {"name": name.replace("N - ", f"{number} - ", 1), "label": f"{number} - {label}"}
        yield Field(**numbered, together=together.replace("N - ", f"{number} - ", 1), **spec)
