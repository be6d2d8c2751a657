"""Mapped Value for example rows."""

from contextlib import suppress
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.mapping.preview import Preview, preview_mapping
from shared.model.catalog import catalog
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment

COLUMNS = ["ID", "Name", "Born"]


def preview(rows: list[dict[str, Any]], *examples: list[str]) -> Preview:
    draft = MappingDraft.model_validate({"fields": rows})
    return preview_mapping(draft, catalog("students"), COLUMNS, Moment(date(2026, 9, 1), 2026), examples)


def split(target: str, fragment: int) -> dict[str, Any]:
    options = {"source": "Name", "delimiter": ",", "fragment": fragment}
    return {"type": "transformation", "target": target, "name": "split", "options": options}


ROWS: list[dict[str, Any]] = [
    split("students.lname", 1),
    split("students.fname", 2),
    {"type": "direct", "target": "students.student_district_id", "source": "ID"},
    {"type": "direct", "target": "students.dob", "source": "Born"},
    {"type": "direct", "target": "student_annual.city", "source": "Town"},
    {"type": "direct", "target": "students.mname", "source": {"value": " "}},
]


def test_each_row_shows_what_it_makes_and_of_what() -> None:
    found = preview(ROWS, ["1", "Torres, Mara", "2015-03-09"], ["2", "Cruz", "3/9/2015"])
    last, first, key, born, city, middle = found.fields
    assert [one.row for one in found.fields] == [1, 2, 3, 4, 5, 6]
    assert [(one.sources, one.value) for one in last.examples] == [
        (("Torres, Mara",), "Torres"),
        (("Cruz",), "Cruz"),
    ]
    assert first.examples[0].value == "Mara"
    assert first.examples[1].problem is not None
    assert first.examples[1].problem["code"] == "value.required"
    assert (key.label, key.columns) == ("District ID", ("ID",))
    assert (born.examples[1].problem or {})["value"] == "3/9/2015"
    assert (city.lost_columns, city.examples[0].kept) == (("Town",), True)
    assert middle.examples[0].kept
    assert [(one.row, one.code) for one in found.problems] == [(5, "mapping.column_missing")]


def test_a_mapping_that_is_not_whole_is_shown_as_far_as_it_goes() -> None:
    found = preview([ROWS[0], {"type": "direct", "target": "students.shoe", "source": "ID"}], ["1", "Torres, Mara", ""])
    assert [one.target for one in found.fields] == ["students.lname"]
    assert (2, "mapping.target_unknown") in [(one.row, one.code) for one in found.problems]
    assert (0, "mapping.no_match_key") in [(one.row, one.code) for one in found.problems]


@settings(deadline=None)
@given(st.lists(st.text(), min_size=3, max_size=3), st.text(max_size=10), st.integers(-3, 3))
def test_it_never_raises(example: list[str], delimiter: str, fragment: int) -> None:
    options = {"source": "Name", "delimiter": delimiter, "fragment": fragment}
    odd = {"type": "transformation", "target": "students.lname", "name": "split", "options": options}
    with suppress(ValidationError):
        assert preview([odd, *ROWS[1:]], example) is not None
