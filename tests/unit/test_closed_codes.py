"""A value that is none of Enroll's codes is a problem of its record, whichever way it came."""

from typing import Any

import pytest

from shared.mapping.compiled import compile_mapping
from shared.mapping.preview import preview_mapping
from shared.model.catalog import catalog, sis_catalog
from shared.model.codes import NO_SETS, Code, CodeSets
from shared.model.mapping import MappingDraft
from tests.unit.test_drafting import MOMENT

STUDENTS = catalog("students")
COLUMNS = ["ID", "First", "Last", "Born", "Code"]
SETS: CodeSets = {
    "gender": [Code(code="F"), Code(code="M")],
    "grades": [Code(code="-1"), Code(code="0"), Code(code="12")],
    "race": [Code(code="A"), Code(code="W")],
    "languages": [Code(code="en")],
    "states": [],
}
WHO = {
    "students.student_district_id": "ID",
    "students.fname": "First",
    "students.lname": "Last",
    "students.dob": "Born",
}


def drafted(field: str, **row: Any) -> MappingDraft:
    rows = [{"type": "direct", "target": target, "source": source} for target, source in WHO.items()]
    rows.append({"type": "direct", "source": "Code", "target": field, **row})
    return MappingDraft.model_validate({"fields": rows})


def made(field: str, value: str, sets: CodeSets = SETS, **row: Any) -> tuple[Any, list[tuple[str, str]]]:
    compiled = compile_mapping(drafted(field, **row), STUDENTS, COLUMNS, MOMENT, sets)
    found = [compiled.record(["1", "Mara", "Torres", "2015-03-09", value]) for _ in range(2)]
    assert found[0] == found[1], "what was made once is remembered"
    out, problems = found[0]
    return compiled.values(out).get(field) if out else None, [(one.code, one.field) for one in problems]


@pytest.mark.parametrize(
    ("field", "value", "sent"),
    [
        ("students.gender", "F", "F"), ("students.gender", " F ", "F"), ("students.gender", "", None),
        ("student_annual.grade", "012", 12), ("student_annual.grade", "-1", -1),
        ("students.race", '["W","A"]', ["W", "A"]), ("students.race", "W", ["W"]),
        ("student_annual.state", "ZZ", "ZZ"),
        ("student_annual.current_school", "999", "999"),
    ],
)  # fmt: skip
def test_a_code_of_enroll_is_sent(field: str, value: str, sent: Any) -> None:
    assert made(field, value) == (sent, [])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("students.gender", "Q"), ("students.gender", "f"), ("student_annual.grade", "13"),
        ("student_annual.grade", "99"), ("students.race", "ZZ"), ("students.race", '["W","ZZ"]'),
        ("student_annual.language", "xx"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["direct", "pass", "fixed"])
def test_what_is_none_of_them_is_a_problem_of_its_record(field: str, value: str, way: str) -> None:
    rows: dict[str, dict[str, Any]] = {
        "direct": {},
        "pass": {"type": "match_codes", "codes": {"here": "W" if field.endswith("race") else "0"}, "unmatched": "pass"},
        "fixed": {"source": {"value": value}},
    }
    row = rows[way]
    assert made(field, value, **row) == (None, [("value.code_unknown", field)])
    assert made(field, value, NO_SETS, **row)[1] == []
    shown = preview_mapping(drafted(field, **row), STUDENTS, COLUMNS, MOMENT, [["1", "M", "T", "", value]], SETS)
    assert shown.problems == (), "a code that Enroll has no more does not stop the other records"
    (problem,) = (each.problem for one in shown.fields if one.target == field for each in one.examples)
    assert problem
    assert problem["code"] == "value.code_unknown"


def test_where_enroll_is_asked_about_each_change_it_is_left_to_it() -> None:
    assert not catalog("cutoff_numbers").is_closed
    assert not sis_catalog("aeries").is_closed
