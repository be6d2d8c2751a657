"""The field catalog."""

import pytest

from shared.mapping.values import converter
from shared.model.catalog import catalog, data_types, export_catalog
from shared.model.errors import BadMapping


def test_students() -> None:
    students = catalog("students")
    assert students.missing_field in students.fields
    assert students.match_keys[:2] == (("students.id",), ("students.student_district_id",))
    assert {name for name, field in students.fields.items() if field.required} == {
        "students.fname",
        "students.lname",
        "students.dob",
    }
    assert not students.fields[students.missing_field].importable
    assert all(field.name == name and field.label for name, field in students.fields.items())


@pytest.mark.parametrize("data_type", data_types())
def test_every_catalog_holds_together(data_type: str) -> None:
    about = catalog(data_type)
    named = {name for key in (*about.match_keys, *about.create_one_of, about.person) for name in key}
    assert named <= set(about.fields)
    assert about.match_key(set(about.fields)) == about.match_keys[0]
    for name, field in about.fields.items():
        assert field.name == name
        assert field.label
        if field.example:
            converter(field)(field.example)


def test_the_data_types_of_the_product() -> None:
    assert data_types() == (
        "admin_users",
        "applications",
        "cutoff_numbers",
        "programs",
        "schools",
        "seat_tracker_mapping",
        "students",
    )


def test_a_numbered_field_stands_for_several() -> None:
    fields = catalog("admin_users").fields
    assert fields["1 - programs.id"].label == "1 - Program ID(s)"
    assert "9 - programs.grades" in fields
    assert "10 - programs.id" not in fields


def test_the_first_match_key_that_is_filled_is_used() -> None:
    about = catalog("applications")
    names = {"students.student_district_id", "applications.program_name"}
    assert about.match_key(names) == ("students.student_district_id", "applications.program_name")
    assert about.match_key(names | {"applications.program_id"})[1] == "applications.program_id"
    assert about.match_key({"students.id"}) == ()


@pytest.mark.parametrize("name", ["", "teachers", "../students", "students.toml", "a/b", "students\0"])
def test_what_there_is_no_catalog_for(name: str) -> None:
    with pytest.raises(BadMapping, match="no data type"):
        catalog(name)


def test_an_export_carries_the_student_and_the_registration() -> None:
    fields = export_catalog("students").fields
    assert next(iter(fields)) == "registrations.id"
    assert {"students.dob", "student_annual.grade", "schools.school_code"} <= set(fields)
    with pytest.raises(BadMapping, match="no data type 'schools'"):
        export_catalog("schools")
