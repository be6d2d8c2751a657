"""How the page of the API words a schema."""

from typing import Any

import pytest

from services.gateway.pages.reference import _groups, _kind, _shape, _shapes

THING = {"$ref": "#/components/schemas/Thing"}


@pytest.mark.parametrize(
    ("schema", "kind", "shape"),
    [
        (THING, "Thing", "Thing"),
        ({"type": "array", "items": THING}, "list of Thing", "Thing"),
        ({"type": "array", "items": {"type": "string"}}, "list of text", ""),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "whole number or nothing", ""),
        ({"oneOf": [THING, THING]}, "Thing", "Thing"),
        ({"type": "string", "enum": ["a", "b"]}, "one of a, b", ""),
        ({"type": "string", "const": "a"}, "a", ""),
        ({"type": "string", "format": "date-time"}, "date and time", ""),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "object of true or false", ""),
        ({"type": "object"}, "object", ""),
        ({}, "anything", ""),
    ],
)
def test_a_schema_in_a_few_words(schema: dict[str, Any], kind: str, shape: str) -> None:
    assert (_kind(schema), _shape(schema)) == (kind, shape)


def test_calls_stand_by_what_they_are_about() -> None:
    answer = {"content": {"application/json": {"schema": THING}}}
    show = {"description": "One thing.", "parameters": [{"name": "id", "schema": {"type": "string"}, "required": True}]}
    make = {"requestBody": {"required": True, **answer}, "responses": {"201": answer, "422": {}}}
    paths = {
        "/api/v1/odd-things/{id}": {"get": {**show, "responses": {"200": {}}}},
        "/api/v1/odd-things": {"post": make},
    }
    ((name, (get, post)),) = _groups({"paths": paths}).items()
    assert name == "odd things"
    assert (get.method, get.path, get.text, get.body, get.answer) == (
        "GET",
        "/api/v1/odd-things/{id}",
        "One thing.",
        None,
        None,
    )
    assert [(one.name, one.kind, one.needed) for one in get.parameters] == [("id", "text", True)]
    assert post.body is not None
    assert (post.body.name, post.body.shape, post.body.needed) == ("application/json", "Thing", True)
    assert post.answer is not None
    assert post.answer.kind == "Thing"


def test_a_shape_has_its_fields_or_its_values() -> None:
    thing = {"description": "Odd.", "required": ["a"], "properties": {"a": {"type": "integer"}, "b": THING}}
    (one, other) = _shapes({"Thing": thing, "Size": {"description": "Its size.", "enum": ["s", "l"]}})
    assert one[:2] == ("Thing", "Odd.")
    assert [(field.name, field.kind, field.needed) for field in one[2]] == [
        ("a", "whole number", True),
        ("b", "Thing", False),
    ]
    assert other == ("Size", "Its size. one of s, l", ())
