"""Fields are called by their labels on pages, whichever catalog they are of."""

import pytest

from services.gateway.field_names import called, wrong_at
from services.gateway.pages.site import environment
from shared.model.catalog import catalog, export_catalog, sis_catalog

STUDENTS = catalog("students")
POWERSCHOOL = sis_catalog("powerschool", ("u_students.bus",))


@pytest.mark.parametrize(
    ("field", "held", "said"),
    [
        ("students.dob", "02/30/2015", "Date of Birth = 02/30/2015"),
        ("students.dob", "", "Date of Birth"),
        ("students.unheard_of", "", "students.unheard_of"),
        ("", "", ""),
    ],
)
def test_what_a_problem_of_an_import_is_about(field: str, held: str, said: str) -> None:
    assert wrong_at({"field": field, "column": "", "value": held}, STUDENTS) == said


@pytest.mark.parametrize(
    ("field", "held", "said"),
    [
        ("name.first_name", "Zoë", "First Name = Zoë"),
        ("1 - Contacts.", "Rosa Torres", "Contact 1 (Rosa Torres)"),
        ("2 - Contacts.LastName", "Rosa", "Contact 2 (Rosa), Last Name"),
        ("u_students.bus", "7", "u_students.bus = 7"),
    ],
)
def test_what_a_problem_of_an_export_is_about(field: str, held: str, said: str) -> None:
    assert wrong_at({"field": field, "column": "", "value": held}, POWERSCHOOL) == said


def test_a_column_is_called_as_the_file_calls_it() -> None:
    assert wrong_at({"field": "", "column": "students.dob", "value": "x"}, STUDENTS) == "students.dob = x"


def test_a_contact_as_a_whole() -> None:
    assert called("3 - Contacts.", POWERSCHOOL) == "Contact 3"
    assert called("3 - Contacts.Emails1", POWERSCHOOL) == "3 - Contact E-mail"


def test_what_a_file_carries() -> None:
    assert called("student_annual.grade", export_catalog("students")) == STUDENTS.fields["student_annual.grade"].label


def test_pages_have_it() -> None:
    shown = environment().from_string("{{ 'students.fname' | called(fields) }}").render(fields=STUDENTS)
    assert shown == "First Name"
