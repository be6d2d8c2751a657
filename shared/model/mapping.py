"""A mapping as people make it: which column fills which field, and how. Compiled by `shared.mapping`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Unmatched = Literal["fail", "default", "pass"]
Blank = Literal["keep", "clear"]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str = Field(min_length=1, max_length=100)
    blank: Blank = "keep"
    """What a blank result does to the target: leave it as it is, or clear it."""


class Direct(_Row):
    """The stored value, untouched."""

    type: Literal["direct"] = "direct"
    source: str


class MatchCodes(_Row):
    """The partner of a value in a table of codes."""

    type: Literal["match_codes"] = "match_codes"
    source: str
    codes: dict[str, str]
    unmatched: Unmatched = "fail"
    default: str = ""


class Transformation(_Row):
    """A value reshaped by a named transformation of `shared.mapping.transformations` with its options."""

    type: Literal["transformation"] = "transformation"
    name: str
    options: dict[str, Any] = Field(default_factory=dict)


class DoNotMap(_Row):
    """Leaves the field out, on purpose."""

    type: Literal["do_not_map"] = "do_not_map"


FieldMapping = Annotated[Direct | MatchCodes | Transformation | DoNotMap, Field(discriminator="type")]


class MappingDraft(BaseModel):
    """The rows of a mapping, as sent in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(default="default", min_length=1, max_length=100)
    fields: tuple[FieldMapping, ...] = Field(min_length=1, max_length=500)


class Mapping(MappingDraft):
    """A saved mapping: one immutable version of (connection, direction, data type, name)."""

    id: str
    connection: str
    direction: Literal["import", "export"]
    data_type: str
    version: int = Field(ge=1)
    created_at: datetime
    created_by: str
