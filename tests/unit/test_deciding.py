"""What is decided about a row, now that the target has said what it holds."""

from typing import Any

import pytest

from shared.engine.classify import Candidate
from shared.engine.deciding import decide, loses_access, objections
from shared.model.catalog import Catalog, catalog, sis_catalog
from shared.model.record import Action, Change, Found

GONE = "students.sis_missing"
ABOUT = catalog("students")
BARE = Catalog(data_type="x", label="X", match_keys=("k",), fields={})


def candidate(**more: Any) -> Candidate:
    given: dict[str, Any] = {
        "row": 2, "key": "1", "values": {"a": 1, "b": None}, "digest": "d", "mark": "m", "known": False,
        "was_missing": False, "target_id": None,
    }  # fmt: skip
    return Candidate(**(given | more))


def test_whom_the_target_does_not_hold_is_created() -> None:
    change = decide(candidate(known=True, target_id="id-1"), None, ABOUT)
    assert (change.action, change.values, change.before, change.target_id) == (
        Action.CREATE,
        {"a": 1, "b": None},
        {},
        None,
    )


def test_only_what_differs_is_sent() -> None:
    change = decide(candidate(), Found("9", {"a": 2, "b": None, GONE: None}), ABOUT)
    assert (change.action, change.values, change.before, change.target_id) == (Action.UPDATE, {"a": 1}, {"a": 2}, "9")
    assert (change.row, change.digest, change.mark) == (2, "d", "m")


def test_what_the_target_holds_already_is_adopted() -> None:
    change = decide(candidate(), Found("9", {"a": 1, "b": None, GONE: 0}), ABOUT)
    assert (change.action, change.values, change.target_id) == (Action.ADOPT, {}, "9")


def test_who_comes_back_is_no_longer_missing() -> None:
    found = Found("9", {"a": 1, "b": None, GONE: 1})
    change = decide(candidate(was_missing=True), found, ABOUT)
    assert (change.action, change.values, change.before) == (Action.UPDATE, {GONE: 0}, {GONE: 1})
    assert decide(candidate(was_missing=True), None, ABOUT).values[GONE] == 0


def test_a_mark_that_this_state_does_not_know_of_is_taken_away_as_well() -> None:
    """The state of another school year set it, or this state was forgotten."""
    change = decide(candidate(), Found("9", {"a": 1, "b": None, GONE: 1}), ABOUT)
    assert (change.action, change.values) == (Action.UPDATE, {GONE: 0})


def test_a_data_type_without_the_mark_is_left_without() -> None:
    assert decide(candidate(was_missing=True), Found("9", {"a": 1, "b": None}), BARE).action is Action.ADOPT


def candidate_of(values: dict[str, Any]) -> Candidate:
    return Candidate(2, "k", values, "d", "m", known=False, was_missing=False, target_id=None)


def codes(one: Candidate, found: Found | None, data_type: str) -> list[tuple[str, str]]:
    problems = objections(one, found, catalog(data_type))
    assert all(problem.message and problem.fix for problem in problems)
    return [(problem.code, problem.field) for problem in problems]


def test_a_record_is_created_with_all_it_needs() -> None:
    whole = {"admin_users.email": "a@example.org", "admin_users.fname": "Lee", "admin_users.lname": "Ortega"}
    rest = {"admin_users.is_admin": 1, "admin_users.group_id": 2, "admin_users.all_programs": 0}
    assert codes(candidate_of({**whole, **rest}), None, "admin_users") == []
    assert codes(candidate_of(whole), None, "admin_users") == [("value.needed_to_create", name) for name in rest]
    assert codes(candidate_of(whole), Found("9", {}), "admin_users") == []


@pytest.mark.parametrize(
    ("without", "code", "cure"),
    [
        (
            "school_enrollment.exit_date",
            "export.no_last_day",
            "under Export rules, Last day of school; or map Exit Date",
        ),
        ("school_enrollment.school_number", "export.no_school", "Give the registration a school in Enroll"),
        ("name.last_name", "value.needed_in_sis", "Fill it in the registration in Enroll"),
    ],
)
def test_what_a_sis_lacks_for_a_new_student_is_told_as_of_the_sis(without: str, code: str, cure: str) -> None:
    """It is the SIS that has no such student; and what a rule of the connection fills is cured there."""
    about = sis_catalog("powerschool")
    values = {name: "1" for name, field in about.fields.items() if field.create and name != without}
    (problem,) = objections(candidate_of(values), None, about)
    assert (problem.code, problem.field) == (code, without)
    assert problem.message.startswith("The SIS has no such student yet, and none can be created there without ")
    assert about.fields[without].label in problem.message
    assert cure in problem.fix
    assert "source" not in problem.fix


def test_one_of_several_may_do() -> None:
    program = {"programs.title": "Dual", "programs.category_id": 1}
    assert codes(candidate_of(program), None, "programs") == [("value.needed_to_create", "programs.school_id")]
    assert codes(candidate_of({**program, "schools.school_code": "100"}), None, "programs") == []


def test_a_row_of_nothing_but_its_key_creates_nothing() -> None:
    blank = candidate_of({"cutoff_numbers.program_id": 5, "cutoff_numbers.grade": 0})
    assert codes(blank, None, "cutoff_numbers") == []
    change = decide(blank, None, catalog("cutoff_numbers"))
    assert (change.action, change.target_id) == (Action.ADOPT, None)
    application = candidate_of({"students.id": 5, "applications.program_id": 0})
    assert decide(application, None, catalog("applications")).action is Action.CREATE


PERSON = {"students.fname": "José", "students.lname": "Nguyễn", "students.dob": "2015-03-09"}


@pytest.mark.parametrize(
    ("held", "another"),
    [
        ({}, False),
        ({"students.fname": "JOSE"}, False),
        ({"students.fname": "Ana", "students.lname": "nguyen"}, False),
        ({"students.fname": "Ana", "students.lname": "Torres"}, False),
        ({"students.fname": "Ana", "students.lname": "Torres", "students.dob": "2014-01-01"}, True),
        ({"students.fname": None, "students.lname": "Torres", "students.dob": "2014-01-01"}, False),
    ],
)
def test_an_id_that_belongs_to_somebody_else_is_held_back(held: dict[str, Any], another: bool) -> None:
    found = Found("9", {**PERSON, **held})
    expected = [("key.another_person", "students.id")] if another else []
    assert codes(candidate_of(PERSON), found, "students") == expected


@pytest.mark.parametrize("kind", ["powerschool", "aeries", "skyward"])
def test_an_export_says_that_it_is_the_sis_that_has_somebody_else(kind: str) -> None:
    about = sis_catalog(kind)
    ours, theirs = ("Nguyen", "2015-03-09"), ("Torres", "2014-01-01")
    held = Found("9", dict(zip(about.person, theirs, strict=True)))
    (told,) = objections(candidate_of(dict(zip(about.person, ours, strict=True))), held, about)
    assert (told.code, told.field) == ("key.another_in_sis", "")
    assert told.message.startswith("The SIS has another student")
    assert "Leave the name and the birth date in Enroll as the family gave them" in told.fix


def test_what_only_refers_is_never_a_change_but_goes_along_with_one() -> None:
    about = catalog("applications")
    who = {"students.id": 5, "students.fname": "MARA", "applications.program_id": 12}
    held = Found("9", {"students.id": 5, "students.fname": "Mara", "applications.program_id": 12})
    assert decide(candidate_of(who), held, about).action is Action.ADOPT
    change = decide(candidate_of({**who, "applications.choice_rank": 1}), held, about)
    assert (change.values, change.before) == (
        {**who, "applications.choice_rank": 1},
        {"applications.choice_rank": None},
    )


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"1 - programs.id": ["5", "6"]}, {"1 - programs.id": ["5"]}, True),
        ({"1 - programs.id": ["5"]}, {"1 - programs.id": ["5", "6"]}, False),
        (
            {"1 - programs.id": ["5"], "2 - programs.id": None},
            {"1 - programs.id": None, "2 - programs.id": ["5"]},
            False,
        ),
        ({"2 - programs.id": ["5"]}, {"2 - programs.id": None}, True),
        ({"admin_users.fname": "Lee"}, {"admin_users.fname": "Li"}, False),
        ({"admin_users.all_programs_grades": ["1"]}, {"admin_users.all_programs_grades": None}, False),
    ],
)
def test_who_loses_access(before: dict[str, Any], after: dict[str, Any], expected: bool) -> None:
    change = Change("k", Action.UPDATE, 2, after, before, "9", "d", "m")
    assert loses_access(change, Found("9", before), catalog("admin_users")) is expected


def test_what_another_group_holds_already_is_not_lost() -> None:
    held = Found("9", {"1 - programs.id": ["512"], "2 - programs.id": ["512", "513"], "admin_users.lname": "Lee"})
    change = Change("k", Action.UPDATE, 2, {"1 - programs.id": None}, {"1 - programs.id": ["512"]}, "9", "d", "m")
    assert not loses_access(change, held, catalog("admin_users"))
    other = Change("k", Action.UPDATE, 2, {"2 - programs.id": None}, {"2 - programs.id": ["512", "513"]}, "9", "d", "m")
    assert loses_access(other, held, catalog("admin_users"))
    assert not loses_access(Change("k", Action.CREATE, 2, {}, {}, None, "d", "m"), None, catalog("admin_users"))
