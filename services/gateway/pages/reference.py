"""The page of the HTTP API, made of its own description: no script, and nothing from elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.gateway.pages.site import bare

router = APIRouter(include_in_schema=False)

METHODS: Final = ("get", "post", "put", "patch", "delete")
OURS: Final = "/api/v1"
REFUSALS: Final = ("412",)
"""What only some calls answer; the others are those of every call."""


@dataclass(frozen=True, slots=True)
class Given:
    """Something that is sent or answered: `kind` as people read it, `shape` the name of its schema where it has one."""

    name: str
    kind: str
    shape: str
    needed: bool
    text: str


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    text: str
    parameters: tuple[Given, ...]
    body: Given | None
    answer: Given | None
    refusals: tuple[tuple[str, str], ...]
    """Status and when it is answered, of those that the description names."""


@router.get("/docs")
async def show(request: Request) -> Response:
    described = request.app.openapi()
    schemas = described["components"]["schemas"]
    return bare(request, "reference.html", groups=_groups(described), shapes=sorted(_shapes(schemas)))


def _groups(described: Mapping[str, Any]) -> dict[str, list[Call]]:
    """Calls by what they are about: the first part of their path."""
    groups: dict[str, list[Call]] = {}
    for path, item in described["paths"].items():
        about = path.removeprefix(OURS).split("/")[1].partition(".")[0].replace("-", " ")
        groups.setdefault(about, []).extend(_call(method, path, item[method]) for method in METHODS if method in item)
    return groups


def _call(method: str, path: str, about: Mapping[str, Any]) -> Call:
    body = about.get("requestBody")
    answers = [one for status, one in about["responses"].items() if status.startswith("2")]
    return Call(
        method.upper(),
        path,
        about.get("description", ""),
        tuple(
            _given(one["name"], one["schema"], one.get("required", False), one) for one in about.get("parameters", ())
        ),
        _content(body, needed=body.get("required", False)) if body else None,
        _content(answers[0], needed=False) if answers else None,
        tuple((status, one["description"]) for status, one in about["responses"].items() if status in REFUSALS),
    )


def _content(about: Mapping[str, Any], *, needed: bool) -> Given | None:
    for media, one in about.get("content", {}).items():
        return _given(media, one.get("schema", {}), needed, about)
    return None


def _shapes(schemas: Mapping[str, Any]) -> Iterator[tuple[str, str, tuple[Given, ...]]]:
    """Each schema by its name: what it is, and its fields or the values that it may have."""
    for name, schema in schemas.items():
        needed = schema.get("required", ())
        fields = [_given(field, one, field in needed, one) for field, one in schema.get("properties", {}).items()]
        text = schema.get("description", "")
        yield name, text if fields else f"{text} {_kind(schema)}".strip(), tuple(fields)


def _given(name: str, schema: Mapping[str, Any], needed: bool, about: Mapping[str, Any]) -> Given:
    return Given(name, _kind(schema), _shape(schema), needed, about.get("description", ""))


def _kind(schema: Mapping[str, Any]) -> str:
    """In a few words: "list of text", "one of a, b", the name of a schema."""
    if "$ref" in schema:
        return _shape(schema)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(map(_kind, options)))
    if "enum" in schema or "const" in schema:
        values = schema.get("enum") or [schema["const"]]
        return "one of " + ", ".join(map(str, values)) if len(values) > 1 else str(values[0])
    match schema.get("type"):
        case "array":
            return f"list of {_kind(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), Mapping):
            return f"object of {_kind(schema['additionalProperties'])}"
        case "string":
            return {"date-time": "date and time", "date": "date", "binary": "file"}.get(
                schema.get("format", ""), "text"
            )
        case str(other):
            return {"null": "nothing", "boolean": "true or false", "integer": "whole number"}.get(other, other)
    return "anything"


def _shape(schema: Mapping[str, Any]) -> str:
    """The schema that this is, or that it is a list or a choice of."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    inner = [schema["items"]] if "items" in schema else [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return next((found for one in inner if (found := _shape(one))), "")
