"""A form that somebody else has saved meanwhile: nothing of theirs and nothing of mine is lost."""

from typing import Any

import pytest

from services.gateway.pages.fields import Field, Form
from services.gateway.pages.meanwhile import carried, together

FIELDS = (
    Field("name", "Name"),
    Field("x.codes", "Codes", "lines"),
    Field("x.few", "Few", "number"),
    Field("x.is_on", "On", "switch"),
    Field("x.kinds", "Kinds", "many", options=(("a", "First"), ("b", "Second"))),
)
BEFORE: dict[str, Any] = {"name": "Ours", "x": {"codes": ["1", "2"], "few": 2.5, "is_on": False, "kinds": ["b", "a"]}}


def form(**changed: Any) -> Form:
    """As `Form.of` shows what is saved."""
    name = changed.pop("name", BEFORE["name"])
    return Form.of(FIELDS, {"name": name, "x": {**BEFORE["x"], **changed}})


def test_what_was_only_typed_another_way_is_no_change() -> None:
    typed = form()
    typed.typed |= {"x.codes": "1\r\n\r\n2", "x.few": " 2.5 "}
    assert together(carried(form()), typed, form()) is None


def test_each_field_is_of_whoever_changed_it() -> None:
    mine, theirs = form(name="Mine", few=7), form(codes=["3"], is_on=True, few=9, kinds=["b"])

    found = together(carried(form()), mine, theirs)

    assert found is not None
    assert found.form.values() == {"name": "Mine", "x.codes": ["3"], "x.few": "7", "x.is_on": True, "x.kinds": ["b"]}
    assert [(one.label, one.before, one.now) for one in found.changes] == [
        ("Codes", "1, 2", "3"),
        ("Few", "2.5", "9"),
        ("On", "No", "Yes"),
        ("Kinds", "First, Second", "Second"),
    ]
    assert [one.mine for one in found.changes if one.is_both] == ["7"]
    assert together(carried(theirs), found.form, theirs) is None, "and is saved next"


def test_the_same_change_of_both_is_asked_about_by_nobody() -> None:
    assert together(carried(form()), form(name="New"), form(name="New")) is None


@pytest.mark.parametrize("was", ["", "no json", "[1]", "7", '{"name": "Ours"}'])
def test_a_form_that_does_not_say_what_it_was_made_from_is_taken(was: str) -> None:
    assert together(was, form(few=1), form(few=2)) is None
