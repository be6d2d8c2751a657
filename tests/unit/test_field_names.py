"""Fields are called by their labels on pages, whichever catalog they are of."""

import pytest

from services.gateway.field_names import called, wrong_at
from services.gateway.pages.site import environment
from shared.model.catalog import catalog, export_catalog, sis_catalog

STUDENTS = catalog("students")
POWERSCHOOL = sis_catalog("powerschool", ("u_students.bus",))


def problem(field: str, held: str, code: str = "value.bad_text", column: str = "") -> dict[str, str]:
    return {"code": code, "field": field, "column": column, "value": held}


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
    assert wrong_at(problem(field, held), STUDENTS) == said


@pytest.mark.parametrize(
    ("code", "field", "held", "said"),
    [
        ("value.bad_text", "name.first_name", "Zoë", "First Name = Zoë"),
        ("contact.refused", "1 - Contacts.", "Rosa Torres", "Contact 1 (Rosa Torres)"),
        ("contact.refused", "1 - Contacts.", "", "Contact 1"),
        ("contact.no_last_name", "2 - Contacts.LastName", "Rosa", "Contact 2 (Rosa), Last Name"),
        ("value.not_a_flag", "1 - Contacts.Emergency", "Friend", "Contact 1, Is Emergency Contact = Friend"),
        ("undo.contact_made", "1 - Contacts.Emergency", "", "Contact 1, Is Emergency Contact"),
        ("value.bad_text", "u_students.bus", "7", "u_students.bus = 7"),
    ],
)
def test_what_a_problem_of_an_export_is_about(code: str, field: str, held: str, said: str) -> None:
    """A value that cannot be used is no name of the contact."""
    assert wrong_at(problem(field, held, code), POWERSCHOOL) == said


def test_a_column_is_called_as_the_file_calls_it() -> None:
    assert wrong_at(problem("", "x", column="students.dob"), STUDENTS) == "students.dob = x"


def test_a_contact_as_a_whole() -> None:
    assert called("3 - Contacts.", POWERSCHOOL) == "Contact 3"
    assert called("3 - Contacts.Emails1", POWERSCHOOL) == "3 - Contact E-mail"


def test_what_a_file_carries() -> None:
    assert called("student_annual.grade", export_catalog("students")) == STUDENTS.fields["student_annual.grade"].label


def test_pages_have_it() -> None:
    shown = environment().from_string("{{ 'students.fname' | called(fields) }}").render(fields=STUDENTS)
    assert shown == "First Name"
