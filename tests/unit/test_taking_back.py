"""What a run wrote goes back field by field, only where the target still holds it, and never more than that."""

from typing import Any

import pytest

from shared.engine.taking_back import Written, take_back
from shared.model.catalog import catalog, sis_catalog
from shared.model.record import Action, Found

ABOUT = catalog("students")
SIS = sis_catalog("powerschool")
NAME, CITY, GONE = "students.fname", "student_annual.city", "students.sis_missing"
PHONE, LAST, EMAIL = (f"1 - Contacts.{one}" for one in ("Phones1", "LastName", "Emails1"))


def written(action: Action, changes: dict[str, tuple[Any, Any]], also: dict[str, Any] | None = None) -> Written:
    return Written(7, "k", action, "9", changes, also or {})


def codes(problems: Any) -> list[tuple[str, str]]:
    return [(one.code, one.field) for one in problems]


def test_each_field_goes_back_where_it_is_as_the_run_left_it() -> None:
    one = written(Action.UPDATE, {NAME: ("Mara", "Maren"), CITY: (None, "Mesa")})
    change = take_back(one, Found("9", {NAME: "Maren", CITY: "Mesa"}), ABOUT, removable=True)
    assert (change.action, change.values) == (Action.UPDATE, {NAME: "Mara", CITY: None})
    assert (change.before, change.target_id, change.row) == ({NAME: "Maren", CITY: "Mesa"}, "9", 7)
    assert (change.digest, change.mark, change.problems) == ("", "", [])


def test_what_somebody_changed_since_is_left_alone_and_told() -> None:
    one = written(Action.UPDATE, {NAME: ("Mara", "Maren"), CITY: ("Mesa", "Tempe")})
    part = take_back(one, Found("9", {NAME: "Maren", CITY: "Yuma"}), ABOUT, removable=True)
    assert (part.action, part.values) == (Action.UPDATE, {NAME: "Mara"})
    assert codes(part.problems) == [("undo.changed_since", CITY)]
    nothing = take_back(one, Found("9", {NAME: "Marit", CITY: "Yuma"}), ABOUT, removable=True)
    assert (nothing.action, len(nothing.problems)) == (Action.NONE, 2)


@pytest.mark.parametrize("held", [{NAME: "Mara"}, {NAME: "Mara", CITY: "Yuma"}])
def test_what_is_back_already_is_not_sent(held: dict[str, Any]) -> None:
    change = take_back(written(Action.UPDATE, {NAME: ("Mara", "Maren")}), Found("9", held), ABOUT, removable=True)
    assert (change.action, change.values, change.target_id) == (Action.ADOPT, {}, "9")


def test_a_mark_of_a_missing_student_is_taken_off() -> None:
    change = take_back(written(Action.MISSING, {GONE: (0, 1)}), Found("9", {GONE: 1}), ABOUT, removable=True)
    assert (change.action, change.values) == (Action.UPDATE, {GONE: 0})


@pytest.mark.parametrize("found", [None, Found("10", {NAME: "Maren"})], ids=["nobody", "another record"])
def test_a_record_that_is_gone_is_told(found: Found | None) -> None:
    change = take_back(written(Action.UPDATE, {NAME: ("Mara", "Maren")}), found, ABOUT, removable=True)
    assert (change.action, codes(change.problems)) == (Action.NONE, [("undo.record_gone", "")])


def test_a_record_that_was_made_is_removed_only_as_it_was_made() -> None:
    one = written(Action.CREATE, {NAME: (None, "Maren"), CITY: (None, None)})
    change = take_back(one, Found("9", {NAME: "Maren", CITY: None}), ABOUT, removable=True)
    assert (change.action, change.values, change.before) == (Action.REMOVE, {NAME: "Maren"}, {NAME: "Maren"})
    other = take_back(one, Found("9", {NAME: "Maren", CITY: "Mesa"}), ABOUT, removable=True)
    assert (other.action, codes(other.problems)) == (Action.NONE, [("undo.changed_since", CITY)])
    gone = take_back(one, None, ABOUT, removable=True)
    assert (gone.action, gone.target_id) == (Action.ADOPT, None)
    stays = take_back(one, Found("9", {NAME: "Maren"}), ABOUT, removable=False)
    assert (stays.action, codes(stays.problems)) == (Action.NONE, [("undo.made_in_sis", "")])


def test_a_removal_is_undone_by_making_the_record_again() -> None:
    one = written(Action.REMOVE, {NAME: ("Maren", None), CITY: (None, None)})
    change = take_back(one, None, ABOUT, removable=True)
    assert (change.action, change.values, change.target_id) == (Action.CREATE, {NAME: "Maren"}, None)
    there = take_back(one, Found("12", {NAME: "Maren"}), ABOUT, removable=True)
    assert there.action is Action.ADOPT


def test_a_part_of_a_contact_goes_back_with_the_rest_of_it_as_it_is_now() -> None:
    also = {LAST: "Torres", EMAIL: "a@example.org", "registrations.student_id": 4}
    one = written(Action.UPDATE, {PHONE: ("480-555-0147", "480-555-0100")}, also)
    held = {PHONE: "480-555-0100", LAST: "Torres-Diaz", EMAIL: "a@example.org"}
    change = take_back(one, Found("9", held), SIS, removable=False)
    assert change.action is Action.UPDATE
    assert change.before == {PHONE: "480-555-0100"}
    assert change.values == {
        PHONE: "480-555-0147",
        LAST: "Torres-Diaz",
        EMAIL: "a@example.org",
        "registrations.student_id": 4,
    }


def test_a_contact_that_was_made_stays_and_is_told_once() -> None:
    one = written(Action.UPDATE, {PHONE: (None, "480-555-0100"), LAST: (None, "Torres"), "name.first_name": ("A", "B")})
    held = {PHONE: "480-555-0100", LAST: "Torres", "name.first_name": "B"}
    change = take_back(one, Found("9", held), SIS, removable=False)
    assert (change.values, codes(change.problems)) == ({"name.first_name": "A"}, [("undo.contact_made", PHONE)])
