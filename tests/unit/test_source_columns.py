"""Which columns each field of a mapping is made from."""

from datetime import date
from typing import Any

from shared.mapping.source_columns import source_columns
from shared.model.catalog import catalog
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment

STUDENTS = catalog("students")
MOMENT = Moment(date(2026, 9, 1), 2026)
ROWS: list[dict[str, Any]] = [
    {"type": "direct", "target": "students.student_district_id", "source": "ID"},
    {"type": "transformation", "target": "students.fname", "name": "join", "options": {"sources": ["First", "Middle"]}},
    {"type": "transformation", "target": "students.lname", "name": "join", "options": {"sources": ["Last", "ID"]}},
    {"type": "do_not_map", "target": "students.dob"},
]


def columns_of(*columns: str) -> dict[str, tuple[str, ...]]:
    return dict(source_columns(MappingDraft.model_validate({"fields": ROWS}), STUDENTS, columns, MOMENT))


def test_columns_are_named_in_the_order_they_are_read() -> None:
    assert columns_of("Middle", "Last", "First", "ID", "More") == {
        "students.student_district_id": ("ID",),
        "students.fname": ("First", "Middle"),
        "students.lname": ("Last", "ID"),
    }


def test_what_cannot_be_read_any_more_is_left_out() -> None:
    assert columns_of("ID", "First", "Middle") == {
        "students.student_district_id": ("ID",),
        "students.fname": ("First", "Middle"),
    }
    assert columns_of() == {}
