"""A mapping as people make it: which column fills which field, and how. Compiled by `shared.mapping`."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from shared.model.saved import SavedMapping

Unmatched = Literal["fail", "default", "pass"]
Blank = Literal["keep", "clear"]

ColumnName = Annotated[str, Field(min_length=1, max_length=500)]


class _Source(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldSource(_Source):
    """What another row of the same mapping makes for the field named here."""

    field: str = Field(min_length=1, max_length=100)


class ValueSource(_Source):
    """A fixed text."""

    value: str = Field(max_length=10_000)


class StepSource(_Source):
    """The result of another transformation, with its own options."""

    transformation: str
    options: dict[str, Any] = Field(default_factory=dict)


SOURCE_TAGS: Final = ("column", "field", "value", "transformation")


def _kind_of_source(source: Any) -> str | None:
    if isinstance(source, str):
        return "column"
    for kind in SOURCE_TAGS[1:]:
        if kind in source if isinstance(source, dict) else hasattr(source, kind):
            return kind
    return None


Source = Annotated[
    Annotated[ColumnName, Tag("column")]
    | Annotated[FieldSource, Tag("field")]
    | Annotated[ValueSource, Tag("value")]
    | Annotated[StepSource, Tag("transformation")],
    Discriminator(
        _kind_of_source,
        custom_error_type="source",
        custom_error_message=(
            'A source is the name of a column, {{"field": ...}}, {{"value": ...}} or '
            '{{"transformation": ..., "options": ...}}'
        ),
    ),
]
"""Where a value comes from: a column by its name, a field, a fixed value or a transformation."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str = Field(min_length=1, max_length=100)
    blank: Blank = "keep"
    """What a blank result does to the target: leave it as it is, or clear it."""
    updatable: bool = True
    """Whether it is written to records that exist already, or to new ones alone."""


class Direct(_Row):
    """The stored value, untouched."""

    type: Literal["direct"] = "direct"
    source: Source


class CodeMatch(BaseModel):
    """How values are looked up in a table of codes.

    `unmatched` says what becomes of a value without a partner: the record fails, it gets `default`, or it passes as it
    is. `when_blank` is the partner of a blank value. With a `separator`, or where the value is a JSON list, each
    element is looked up by itself and the result is a JSON list. `table` names a code table of the connection, whose
    codes are written in when the mapping is saved.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Source
    codes: dict[str, str] = Field(default_factory=dict)
    table: str = Field(default="", max_length=100, json_schema_extra={"x-tables": True})
    table_version: int = Field(default=0, json_schema_extra={"readOnly": True})
    unmatched: Unmatched = "fail"
    default: str = Field(default="", max_length=1000)
    when_blank: str = Field(default="", max_length=1000)
    separator: str = Field(default="", max_length=10)


class MatchCodes(_Row, CodeMatch):
    """The partner of a value in a table of codes."""

    type: Literal["match_codes"] = "match_codes"


class Transformation(_Row):
    """A value reshaped by a named transformation of `shared.mapping.transformations` with its options."""

    type: Literal["transformation"] = "transformation"
    name: str
    options: dict[str, Any] = Field(default_factory=dict)


class DoNotMap(_Row):
    """Leaves the field out, on purpose."""

    type: Literal["do_not_map"] = "do_not_map"


FieldMapping = Annotated[Direct | MatchCodes | Transformation | DoNotMap, Field(discriminator="type")]


MAX_NESTING = 100
"""Levels of JSON in a mapping: a chain of 20 transformations, which is the longest that is compiled, has about 60."""


def not_too_deep(raw: Any) -> Any:
    """What was sent. Raises ValueError where it nests so deep that nothing could walk through it."""
    level, depth = [raw], 0
    while level:
        depth += 1
        if depth > MAX_NESTING:
            raise ValueError("Transformations are chained further than any value needs. Make the chain shorter")
        inside = [
            one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list | tuple)
        ]
        level = [part for parts in inside for part in parts]
    return raw


class MappingDraft(BaseModel):
    """The rows of a mapping, as sent in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    _shallow = model_validator(mode="before")(not_too_deep)

    name: str = Field(default="default", min_length=1, max_length=100)
    fields: tuple[FieldMapping, ...] = Field(min_length=1, max_length=500)


class Mapping(MappingDraft, SavedMapping):
    """A saved mapping of an import."""
