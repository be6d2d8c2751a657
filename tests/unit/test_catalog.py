"""The field catalog."""

import pytest

from shared.model.catalog import catalog
from shared.model.errors import BadMapping


def test_students() -> None:
    students = catalog("students")
    assert students.missing_field in students.fields
    assert set(students.match_keys) <= set(students.fields)
    assert {name for name, field in students.fields.items() if field.required} == {
        "students.fname",
        "students.lname",
        "students.dob",
    }
    assert not students.fields[students.missing_field].importable
    assert all(field.name == name and field.label for name, field in students.fields.items())


@pytest.mark.parametrize("name", ["", "teachers", "../students", "students.toml", "a/b", "students\0"])
def test_what_there_is_no_catalog_for(name: str) -> None:
    with pytest.raises(BadMapping, match="no data type"):
        catalog(name)
