"""What a new student gets: the entry date rule, the status, the school; and what is left alone afterwards."""

from datetime import date

import pytest

from shared.engine.classify import Candidate
from shared.engine.deciding import decide
from shared.engine.enrolling import enrolling, left_open
from shared.mapping.registrations import check_registrations
from shared.model.catalog import catalog, sis_catalog
from shared.model.export_rules import ExportRules, SchoolStart
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment
from shared.model.record import Action, Found

TODAY = date(2026, 8, 1)
ABOUT = sis_catalog("powerschool")
RULES = ExportRules(start_date="2026-08-10", school_starts=(SchoolStart(school="200", date="2026-07-20"),))


@pytest.mark.parametrize(
    ("today", "school", "expected"),
    [
        (date(2026, 8, 1), "100", "2026-08-10"),
        (date(2026, 8, 10), "100", "2026-08-10"),
        (date(2026, 8, 11), "100", "2026-08-11"),
        (date(2026, 7, 19), "200", "2026-07-20"),
        (date(2026, 8, 1), "200", "2026-08-01"),
    ],
)
def test_the_start_of_school_if_today_is_on_or_before_it_else_today(today: date, school: str, expected: str) -> None:
    assert RULES.entry_date(school, today).isoformat() == expected
    assert ExportRules().entry_date(school, today) == today


def test_a_new_student_gets_what_the_mapping_does_not_say() -> None:
    rules = ExportRules(end_date="2027-05-28", new_students="pre_enrolled")
    assert enrolling({"schools.school_code": "100"}, ABOUT, rules, TODAY) == {
        "school_enrollment.school_number": "100",
        "school_enrollment.entry_date": "2026-08-01",
        "school_enrollment.exit_date": "2027-05-28",
        "school_enrollment.enroll_status": "P",
    }
    said = {"schools.school_code": "100", "school_enrollment.school_number": "7", "school_enrollment.entry_date": "x"}
    assert enrolling(said, ABOUT, ExportRules(), TODAY) == {"school_enrollment.enroll_status": "A"}
    assert enrolling({}, catalog("students"), rules, TODAY) == {}


def test_what_the_rules_leave_open() -> None:
    """Of what no student can be created without; the school and the day to enter there always are."""
    assert [one.name for one in left_open(ABOUT, RULES)] == ["school_enrollment.exit_date"]
    assert left_open(ABOUT, ExportRules(end_date="2027-05-28")) == ()
    for other in (sis_catalog("aeries"), sis_catalog("skyward"), catalog("students")):
        assert left_open(other, ExportRules()) == ()


def test_fixed_fields_are_not_updated_and_fields_of_a_group_go_together() -> None:
    sent = {"addresses.physical.street": "1 New St", "addresses.physical.city": "Mesa", "name.middle_name": "Q"}
    held = {"addresses.physical.street": "9 Old St", "addresses.physical.city": "Mesa", "name.middle_name": "I"}
    candidate = Candidate(2, "7", {"registrations.id": "7", **sent}, "d", "m", True, False, "1")
    change = decide(candidate, Found("1", held), ABOUT, frozenset({"name.middle_name"}))
    assert change.action is Action.UPDATE
    assert change.values == {
        "registrations.id": "7",
        "addresses.physical.street": "1 New St",
        "addresses.physical.city": "Mesa",
    }
    assert change.before == {"addresses.physical.street": "9 Old St"}
    only_fixed = Candidate(2, "7", {"name.middle_name": "Q"}, "d", "m", True, False, "1")
    assert decide(only_fixed, Found("1", held), ABOUT, frozenset({"name.middle_name"})).action is Action.ADOPT


@pytest.mark.parametrize(
    ("target", "source", "code"),
    [
        ("name.first_name", "students.fname", ""),
        ("name.nick", "students.fname", "mapping.target_unknown"),
        ("registrations.id", "students.fname", "mapping.target_unknown"),
        ("name.first_name", "students.no_such_field", "mapping.column_missing"),
    ],
)
def test_a_mapping_is_checked_when_it_is_saved(target: str, source: str, code: str) -> None:
    draft = MappingDraft.model_validate({"fields": [{"type": "direct", "target": target, "source": source}]})
    problems = check_registrations(draft, ABOUT, Moment(TODAY, 2026))
    assert [one.code for one in problems] == ([code] if code else [])


def test_custom_fields_of_the_connection_are_fields_of_the_catalog() -> None:
    assert "u_x.bus" in sis_catalog("powerschool", ("u_x.bus",)).fields
    assert "u_x.bus" not in ABOUT.fields
