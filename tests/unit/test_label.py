"""What a record is called, and how that is searched."""

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.registrations import COLUMNS
from shared.mapping.compiled import compile_mapping
from shared.mapping.registrations import compile_registrations
from shared.model.catalog import catalog, data_types, sis_catalog
from shared.model.label import MOST_CHARS, label_of, plain
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment
from shared.store.records import has_text

MOMENT = Moment(date(2026, 9, 1), 2026)
FIELDS = {"student_district_id": "ID", "fname": "First", "lname": "Last", "dob": "Born"}


def direct(target: str, source: str) -> dict[str, Any]:
    return {"type": "direct", "target": target, "source": source}


def test_the_label_of_an_import_is_what_the_mapping_makes_of_the_names() -> None:
    rows = [direct(f"students.{name}", column) for name, column in FIELDS.items()]
    rows[1] |= {"type": "transformation", "name": "proper_case", "options": {"source": rows[1].pop("source")}}
    compiled = compile_mapping(
        MappingDraft.model_validate({"fields": rows}), catalog("students"), tuple(FIELDS.values()), MOMENT
    )
    assert compiled.label(["1", "MARA", "Torres", ""]) == "Mara Torres"
    assert compiled.label(["1", "", "Torres", "tomorrow"]) == "Torres", "a row that cannot be sent has a name too"


def test_the_label_of_a_registration_is_the_student_with_the_districts_number() -> None:
    draft = MappingDraft.model_validate({"fields": [direct("name.last_name", "students.lname")]})
    compiled = compile_registrations(draft, sis_catalog("powerschool"), COLUMNS, MOMENT)
    values = dict.fromkeys(COLUMNS, "")
    values |= {"students.fname": "Mara", "students.lname": "Torres"}
    assert compiled.label(list(values.values())) == "Mara Torres"
    values["students.student_district_id"] = "20231"
    assert compiled.label(list(values.values())) == "Mara Torres, 20231"


def test_what_records_are_called_by_are_fields_of_theirs() -> None:
    assert all(set(catalog(one).called) <= set(catalog(one).fields) and catalog(one).called for one in data_types())


@given(st.lists(st.text()))
def test_any_label_can_be_stored(parts: list[str]) -> None:
    label = label_of(parts)
    assert len(label) <= MOST_CHARS
    label.encode()


def test_a_text_is_found_however_it_is_written() -> None:
    assert plain("José O\u2019Brien") == plain("JOSE O'BRIEN") == "jose obrien"
    assert has_text("torres mar", "7001", "Mara Torres, 20231", "801", ())
    assert has_text("2023", "7001", "Mara Torres, 20231", "801", ())
    assert has_text("elm st", "7001", "", None, ["12 Elm St", None, 5])
    assert not has_text("torres ana", "7001", "Mara Torres", None, ())
