"""The field catalog: which fields a data type has, as data. Source: the product facts, section 4.9 (data dictionary).

One TOML file per data type stands in `shared/model/catalogs/`. Adding a data type starts with adding a file there.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.model.errors import BadMapping

FieldType = Literal["text", "date", "integer", "flag", "json"]


class Field(BaseModel):
    """One field of a data type. `length` counts characters. `required` means: needed to create a record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    label: str
    type: FieldType = "text"
    length: int | None = None
    required: bool = False
    importable: bool = True
    example: str = ""
    codes: str = ""


class Catalog(BaseModel):
    """The fields of one data type. `match_keys` in order of precedence: the first one a mapping fills is used."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_type: str
    label: str
    match_keys: tuple[str, ...]
    missing_field: str = ""
    """The flag that is set on records which a complete source no longer holds."""
    fields: Mapping[str, Field]


@cache
def catalog(data_type: str) -> Catalog:
    """The catalog of `data_type`.

    Raises:
        BadMapping: there is no such data type.
    """
    found = files("shared.model").joinpath("catalogs", f"{data_type}.toml")
    if not data_type.isidentifier() or not found.is_file():
        raise BadMapping("data_type.unknown", f"There is no data type {data_type!r}.", "Use one of: students.")
    raw = tomllib.loads(found.read_text(encoding="utf-8"))
    fields = {name: Field(name=name, **spec) for name, spec in raw.pop("fields").items()}
    return Catalog(data_type=data_type, fields=fields, **raw)
