"""The options of transformations as forms need them: read from their JSON schema (`GET /transformations`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from shared.mapping import transformations

Kind = Literal["text", "number", "choice", "flag", "source", "list", "group", "pairs", "either"]
TITLES: Final = {"Source": "Source Data", "If": "Conditions", "Then": "Then (where they hold)", "Else": "Else"}
"""Names of options that say more to people than to programs."""
MISSING: Final = object()
"""What an option has that is left out."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One option. `parts` are those of a group by name, `item` is what a list holds."""

    kind: Kind
    label: str = ""
    default: Any = MISSING
    choices: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    parts: tuple[tuple[str, "Shape"], ...] = ()
    item: "Shape | None" = None
    optional: bool = False
    tables: bool = False
    """Whether it names a code table."""

    @property
    def _takes_one(self) -> bool:
        """Whether a text by itself is understood as a list of it: one date format."""
        return self.item is not None and self.item.kind == "text"

    def blank(self) -> Any:
        """What one is that nobody has filled in."""
        match self.kind:
            case "list":
                return [self.item.blank() if self.item else ""]
            case "pairs":
                return {}
            case "group":
                return {name: part.blank() for name, part in self.parts if part.default is MISSING}
            case "flag":
                return False
            case _:
                return ""

    def fits(self, value: Any) -> bool:
        """Whether the form can show this value. What it cannot show stays as it is."""
        match self.kind:
            case "list":
                return isinstance(value, list) or (isinstance(value, str) and self._takes_one)
            case "either":
                return isinstance(value, str) or (
                    isinstance(value, list) and all(isinstance(one, str) for one in value)
                )
            case "pairs":
                return isinstance(value, dict) and all(isinstance(one, str) for one in value.values())
            case "group":
                return isinstance(value, dict)
            case "source":
                return isinstance(value, str) or kind_of_source(value) != "column"
            case "flag":
                return isinstance(value, bool)
            case "number":
                return value is None or isinstance(value, str) or (isinstance(value, int) and value is not bool(value))
            case _:
                return isinstance(value, str)


@dataclass(frozen=True, slots=True)
class StepShape:
    """A transformation: what people call it, what it does, and its options."""

    name: str
    label: str
    about: tuple[str, ...]
    blank: str
    options: tuple[tuple[str, Shape], ...]


@cache
def steps() -> Mapping[str, StepShape]:
    """Every transformation, by name, in the order of their labels."""
    described = sorted(transformations.described(), key=lambda one: str(one["label"]))
    return {one["name"]: _step(one) for one in described}


def kind_of_source(source: Any) -> str:
    """`column`, `field`, `value` or `transformation`."""
    if isinstance(source, dict):
        for kind in ("field", "value"):
            if isinstance(source.get(kind), str) and len(source) == 1:
                return kind
        if isinstance(source.get("transformation"), str) and isinstance(source.get("options", {}), dict):
            return "transformation"
    return "column"


def _step(one: Mapping[str, Any]) -> StepShape:
    schema = one["options"]
    defs = schema.get("$defs", {})
    options = tuple((name, _shape(part, defs)) for name, part in _properties(schema))
    about = tuple(" ".join(part.split()) for part in one["description"].split("\n\n"))
    return StepShape(one["name"], one["label"], about, one["blank"], options)


def _properties(schema: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, part) for name, part in schema.get("properties", {}).items() if not part.get("readOnly")]


def _shape(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Shape:
    if "$ref" in schema:
        own = {name: part for name, part in schema.items() if name != "$ref"}
        return _shape({**defs[schema["$ref"].rpartition("/")[2]], **own}, defs)
    common: dict[str, Any] = {
        "label": TITLES.get(schema.get("title", ""), schema.get("title", "")),
        "default": schema.get("default", MISSING),
        "examples": tuple(schema.get("examples", ())),
        "tables": bool(schema.get("x-tables")),
    }
    if "enum" in schema:
        return Shape("choice", choices=tuple(schema["enum"]), **common)
    if "oneOf" in schema:
        return Shape("source", **common)
    if "anyOf" in schema:
        return _either(schema["anyOf"], defs, common)
    match schema.get("type"):
        case "array":
            return Shape("list", item=_shape(schema["items"], defs), **common)
        case "object" if "properties" in schema:
            return Shape("group", parts=tuple((name, _shape(one, defs)) for name, one in _properties(schema)), **common)
        case "object":
            return Shape("pairs", **{**common, "default": {}})
        case "boolean":
            return Shape("flag", **common)
        case "integer":
            return Shape("number", **common)
        case _:
            return Shape("text", **common)


def _either(of: list[Mapping[str, Any]], defs: Mapping[str, Any], common: dict[str, Any]) -> Shape:
    known = [_shape(one, defs) for one in of if one.get("type") != "null"]
    if len(known) == 1:
        return Shape(known[0].kind, optional=True, **common)
    return Shape("either", item=Shape("text"), **common)
