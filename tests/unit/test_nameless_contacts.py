"""Contacts without a last name, which no SIS takes."""

from dataclasses import replace
from typing import Any

import pytest

from shared.engine.contacts import without_nameless
from shared.model.record import Action, Change, Problem

ROSA = {"1 - Contacts.FirstName": "Rosa", "1 - Contacts.LastName": "Torres", "1 - Contacts.Phones1": "4805550147"}
PRIYA = {"2 - Contacts.FirstName": "Priya", "2 - Contacts.LastName": None, "2 - Contacts.Phones1": "4805550148"}
NOBODY = {"3 - Contacts.FirstName": None, "3 - Contacts.LastName": None, "3 - Contacts.Phones1": None}
OWN = {"registrations.id": "7", "name.last_name": "Ito"}


def change(action: Action, values: dict[str, Any], before: dict[str, Any]) -> Change:
    return Change("7", action, 2, values, before, "9", "d", "m")


def test_a_new_student_goes_without_the_contact_that_cannot_be_saved() -> None:
    values = {**OWN, **ROSA, **PRIYA, **NOBODY}
    left = without_nameless(change(Action.CREATE, values, {}), values)
    assert left.values == {**OWN, **ROSA, **NOBODY}
    assert [(one.code, one.field, one.value) for one in left.problems] == [
        ("contact.no_last_name", "2 - Contacts.LastName", "Priya")
    ]
    assert not left.is_empty


def test_where_nothing_else_differs_nothing_is_sent() -> None:
    values = {**OWN, **ROSA, **PRIYA}
    left = without_nameless(change(Action.UPDATE, {"registrations.id": "7", **PRIYA}, dict.fromkeys(PRIYA)), values)
    assert (left.values, left.before, left.is_empty) == ({"registrations.id": "7"}, {}, True)


def test_other_changes_of_the_student_are_sent() -> None:
    values = {**OWN, **PRIYA}
    sent, before = {**OWN, **PRIYA}, {"name.last_name": "Itto", **dict.fromkeys(PRIYA)}
    left = without_nameless(change(Action.UPDATE, sent, before), values)
    assert (left.values, left.before, len(left.problems)) == (OWN, {"name.last_name": "Itto"}, 1)


def test_a_contact_with_a_name_or_with_nothing_at_all_changes_nothing() -> None:
    values = {**OWN, **ROSA, **NOBODY}
    whole = change(Action.CREATE, values, {})
    assert without_nameless(whole, values) is whole


@pytest.mark.parametrize(
    ("action", "before", "problems", "is_sent"),
    [
        (Action.CREATE, {}, [], True),
        (Action.UPDATE, {"name.last_name": "Itto"}, [], True),
        (Action.UPDATE, {}, [Problem("contact.no_last_name", "m")], False),
        (Action.UPDATE, {}, [], True),  # of a file, which says nothing of what stood there before
        (Action.ADOPT, {}, [], False),
        (Action.NONE, {}, [], False),
        (Action.MISSING, {"sis_missing": 0}, [], True),
    ],
)
def test_the_target_is_called_for_what_is_left(
    action: Action, before: dict[str, Any], problems: list[Problem], is_sent: bool
) -> None:
    assert replace(change(action, OWN, before), problems=problems).is_sent is is_sent
