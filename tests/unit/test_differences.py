"""A saved mapping beside the header of another file."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.mapping.differences import columns_read, differences
from shared.model.mapping import MappingDraft

ROWS: list[dict[str, Any]] = [
    {"type": "direct", "target": "students.fname", "source": "First Name"},
    {"type": "match_codes", "target": "students.gender", "source": "Sex", "codes": {"1": "F"}},
    {
        "type": "transformation",
        "target": "students.dob",
        "name": "pick",
        "options": {"sources": ["Birth Date", {"transformation": "trim", "options": {"source": "DOB"}}]},
    },
    {"type": "direct", "target": "students.mname", "source": {"field": "students.fname"}},
    {"type": "do_not_map", "target": "students.ssn"},
]
DRAFT = MappingDraft.model_validate({"fields": ROWS})
COLUMNS = ["First Name", "Sex", "Birth Date", "DOB"]


def test_every_column_that_is_read_however_deep() -> None:
    assert columns_read(DRAFT) == {
        "First Name": ("students.fname", "students.mname"),
        "Sex": ("students.gender",),
        "Birth Date": ("students.dob",),
        "DOB": ("students.dob",),
    }


def test_the_same_header_in_another_order_with_more_columns_is_the_same() -> None:
    found = differences(DRAFT, ["Homeroom", *reversed(COLUMNS), " sex2"])
    assert (found.same, found.lost, found.unread) == (True, (), ("Homeroom", " sex2"))
    assert differences(DRAFT, [" first name", "SEX", "Birth Date", "dob"]).same


def test_a_renamed_column_is_shown_with_a_suggestion() -> None:
    found = differences(DRAFT, ["Student First Name", "Sex", "Birth Date", "Zip"])
    first, dob = found.lost
    assert (first.column, first.targets, first.suggestion) == (
        "First Name",
        ("students.fname", "students.mname"),
        "Student First Name",
    )
    assert first.confidence > 0.5
    assert (dob.column, dob.suggestion, dob.confidence) == ("DOB", "", 0.0)
    assert found.unread == ("Student First Name", "Zip")
    assert not found.same


def test_a_column_the_mapping_reads_is_never_suggested() -> None:
    found = differences(DRAFT, ["First Name", "Sex", "Birth Date"])
    assert [(one.column, one.suggestion) for one in found.lost] == [("DOB", "")]


@given(st.lists(st.text(max_size=30), max_size=20))
def test_no_header_makes_it_raise(columns: list[str]) -> None:
    found = differences(DRAFT, columns)
    assert all(one.suggestion in {*columns, ""} for one in found.lost)
