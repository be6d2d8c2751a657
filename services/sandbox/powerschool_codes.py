"""The code lists and tables of a simulated PowerSchool. Source: SIS facts, 1.7 and 1.11."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.sandbox.powerschool_district import PowerSchoolSpec

Rows = list[dict[str, Any]]
RACES = {
    "W": "White",
    "H": "Hispanic",
    "B": "Black",
    "A": "Asian",
    "I": "American Indian",
    "P": "Pacific",
    "M": "Multi",
}
STATUS = {"A": 0, "P": -1, "I": 1, "T": 2, "G": 3, "H": 4}
"""The letters of an enrollment status to what stands in the table."""
CODE_SET = (
    ("Relationship", "Mother", "Mother", ""),
    ("Relationship", "Father", "Father", ""),
    ("Relationship", "Guardian", "", ""),
    ("Relationship", "Ward", "Ward of the court", "2001-06-30"),
    ("Phone", "Mobile", "Mobile", ""),
    ("Phone", "Home", "Home", ""),
    ("Email", "Current", "Current", ""),
    ("Language", "en", "English", ""),
    ("Country", "US", "United States", ""),
)
"""Type, code, display value, effective end: one of them has passed, one shows its code."""


def code_lists(spec: "PowerSchoolSpec") -> Mapping[str, tuple[str, Rows]]:
    """The wrapper of each list to the name of its items, and the items."""
    return {
        "district_race_codes": ("district_race_code", _rows(RACES)),
        "federal_race_categories": ("federal_race_category", _rows({"WH": "White", "BL": "Black"})),
        "scheduling_reporting_ethnicities": ("scheduling_reporting_ethnicity", _rows(RACES)),
        "entry_codes": ("entry_code", _rows({code: f"Entry {code}" for code in spec.entry_codes})),
        "exit_codes": ("exit_code", _rows({code: f"Exit {code}" for code in spec.exit_codes})),
        "districts_of_residence": ("district_of_residence", []),
    }


def tables(students: Sequence[Mapping[str, Any]], schools: Sequence[Mapping[str, Any]] = ()) -> dict[str, Rows]:
    """Each with its primary key first."""
    names = ("codetype", "code", "displayvalue", "effectiveenddate")
    return {
        "codeset": [{"codesetid": at, **dict(zip(names, one, strict=True))} for at, one in enumerate(CODE_SET, 1)],
        "students": [
            {
                "dcid": one["id"],
                "id": one["id"],
                "student_number": one["local_id"],
                **{name: one.get("name", {}).get(name) for name in ("last_name", "first_name", "middle_name")},
                "dob": one.get("demographics", {}).get("birth_date"),
                "grade_level": one.get("school_enrollment", {}).get("grade_level"),
                "schoolid": one.get("school_enrollment", {}).get("school_number"),
                "enroll_status": STATUS.get(one.get("school_enrollment", {}).get("enroll_status"), 0),
            }
            for one in students
        ],
        "schools": [
            {"dcid": one["id"], **{name: one[name] for name in ("name", "school_number", "low_grade", "high_grade")}}
            for one in schools
        ],
    }


def _rows(codes: Mapping[str, str]) -> Rows:
    return [
        {"id": number, "code": code, "description": label, "sort_order": number}
        for number, (code, label) in enumerate(codes.items(), 1)
    ]
