"""What is proposed for the headers of each system, and for those people make up."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping.automap import Proposal, propose
from shared.mapping.code_tables import code_problems
from shared.mapping.compiled import check_mapping
from shared.model.catalog import catalog, data_types
from shared.model.codes import Code
from shared.model.mapping import MappingDraft
from tests.examples import examples

STUDENTS = catalog("students")
REST = {"City": "Mesa", "State": "AZ", "Zip": "85201"}


def proposals(row: dict[str, str], *more: dict[str, str], data_type: str = "students") -> dict[str, Proposal]:
    rows = [list(one.values()) for one in (row, *more)]
    found = propose(catalog(data_type), list(row), rows)
    if not found:
        return {}
    draft = MappingDraft.model_validate({"fields": [one.row for one in found]})
    wrong = {problem.code for problem in check_mapping(draft, catalog(data_type))}
    assert wrong <= {"mapping.required_unmapped", "mapping.no_match_key"}
    assert all(one.reason and 0.5 <= one.confidence <= 1 for one in found)
    return {one.target: one for one in found}


FILES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "PowerSchool": (
        {"Student_Number": "101", "Last_Name": "Torres", "First_Name": "Mara", "DOB": "03/19/2015", "Gender": "F",
         "Grade_Level": "-1", "SchoolID": "100", "Home_Phone": "480-555-0147", "Street": "1 Elm St", **REST,
         "State_StudentNumber": "9900", "DCID": "77", "Ethnicity": "W"},
        {"students.student_district_id": "Student_Number", "students.lname": "Last_Name", "students.dob": "DOB",
         "student_annual.grade": "Grade_Level", "student_annual.current_school": "SchoolID",
         "student_annual.phone": "Home_Phone", "students.state_unique_key": "State_StudentNumber",
         "students.sis_unique_key": "DCID", "students.race": "Ethnicity", "student_annual.zip": "Zip"},
    ),
    "Aeries": (
        {"STU.SC": "100", "STU.ID": "1", "STU.LN": "Torres", "STU.FN": "Mara", "STU.SX": "F", "STU.GR": "K",
         "STU.BD": "2015-03-09", "STU.TL": "4805550147", "STU.CID": "99", "STU.AD": "1 Elm St",
         "STU.PEM": "a@example.org"},
        {"students.student_district_id": "STU.ID", "students.fname": "STU.FN", "students.gender": "STU.SX",
         "student_annual.grade": "STU.GR", "students.dob": "STU.BD", "students.state_unique_key": "STU.CID",
         "student_annual.guardian1_email": "STU.PEM", "student_annual.address": "STU.AD"},
    ),
    "Skyward": (
        {"NameID": "5", "OtherID": "1", "NameFirst": "Mara", "NameLast": "Torres", "DateOfBirth": "3/19/2015",
         "GradeLevel": "05", "EntityID": "100", "PrimaryPhone": "(480) 555-0147", "StateID": "9"},
        {"students.student_district_id": "OtherID", "students.sis_unique_key": "NameID", "students.fname": "NameFirst",
         "students.dob": "DateOfBirth", "student_annual.current_school": "EntityID",
         "student_annual.grade": "GradeLevel"},
    ),
    "Infinite Campus": (
        {"student.studentNumber": "1", "student.lastName": "Torres", "student.firstName": "Mara",
         "student.birthdate": "03/19/2015", "student.gender": "M", "student.grade": "KG", "student.stateID": "9"},
        {"students.student_district_id": "student.studentNumber", "students.lname": "student.lastName",
         "students.dob": "student.birthdate", "student_annual.grade": "student.grade",
         "students.state_unique_key": "student.stateID"},
    ),
    "OneRoster": (
        {"sourcedId": "u1", "status": "active", "enabledUser": "true", "orgSourcedIds": "100", "role": "student",
         "username": "mara", "givenName": "Mara", "familyName": "Torres", "identifier": "1", "email": "m@example.org",
         "grades": "05", "phone": "4805550147"},
        {"students.sis_unique_key": "sourcedId", "students.student_district_id": "identifier",
         "students.fname": "givenName", "students.lname": "familyName", "student_annual.grade": "grades",
         "student_annual.current_school": "orgSourcedIds"},
    ),
    "home-made": (
        {"Kid's first name": "Mara", "Last": "Torres", "DOB (mm/dd/yyyy)": "3/19/15", "Grade Level": "5th",
         "Zip Code": "85201", "Parent 1 Email": "a@example.org", "Mother's Cell": "480.555.0147", "Student ID #": "S1",
         "Home Address": "1 Elm St", "Middle Init.": "J"},
        {"students.fname": "Kid's first name", "students.lname": "Last", "students.dob": "DOB (mm/dd/yyyy)",
         "student_annual.grade": "Grade Level", "student_annual.zip": "Zip Code",
         "student_annual.guardian1_email": "Parent 1 Email", "student_annual.guardian1_phone": "Mother's Cell",
         "students.student_district_id": "Student ID #", "student_annual.address": "Home Address"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("system", FILES)
def test_the_headers_of_each_system(system: str) -> None:
    row, expected = FILES[system]
    found = proposals(row)
    assert {target: found[target].column for target in expected if target in found} == expected
    if system != "home-made":
        assert any(system in one.reason for one in found.values())


def test_a_oneroster_set_is_recognized_with_its_guardians() -> None:
    row = {"sourcedId": "u1", "givenName": "Mara", "school.identifier": "100", "races": "white"}
    row |= {"1 - Contacts.FirstName": "Ana", "1 - Contacts.Phones1": "4805550147"}
    row |= {"2 - Contacts.Emails1": "b@example.org", "3 - Contacts.FirstName": "Zoe"}
    found = {one.column: target for target, one in proposals(row).items()}
    assert found["school.identifier"] == "student_annual.current_school"
    assert found["races"] == "students.race"
    assert found["1 - Contacts.FirstName"] == "student_annual.guardian1_fname"
    assert found["1 - Contacts.Phones1"] == "student_annual.guardian1_phone"
    assert found["2 - Contacts.Emails1"] == "student_annual.guardian2_email"


def test_codes_that_enroll_calls_otherwise_are_matched_by_their_names() -> None:
    sets = {"race": [Code(code="W", label="White"), Code(code="I", label="American Indian or Alaska Native")]}

    def row(*values: str) -> Any:
        (found,) = propose(STUDENTS, ["races"], [[value] for value in values], sets)
        return found.row

    made = row("white,americanIndianOrAlaskaNative", "", "white", "martian")
    assert made["codes"] == {"white": "W", "americanIndianOrAlaskaNative": "I"}
    assert (made["type"], made["separator"]) == ("match_codes", ",")
    assert row("White; White")["separator"] == ";"
    assert row("W", "I")["type"] == "direct"
    assert propose(STUDENTS, ["races"], [["martian"]], sets) == [], "Enroll would refuse every one of them"


def test_enrolls_own_id_is_never_guessed() -> None:
    found = proposals({"StudentID": "1", "OldStudentID": "0", "id": "5", "ID of student": "7", "FirstName": "Mara"})
    assert "students.id" not in found
    assert found["students.student_district_id"].column == "StudentID"
    assert proposals({"Enroll Student ID": "48210"})["students.id"].confidence > 0.9


def test_an_email_of_the_student_is_not_the_guardians() -> None:
    assert "student_annual.guardian1_email" not in proposals(FILES["OneRoster"][0])


@pytest.mark.parametrize(
    ("values", "from_", "sure"),
    [
        (("03/19/2015", "12/31/2014"), ["M/D/YYYY"], 0.95),
        (("19/03/2015", "01/02/2014"), ["D/M/YYYY"], 0.95),
        (("03/09/2015", "01/02/2014"), ["M/D/YYYY"], 0.85),
        (("3/19/15",), ["M/D/YY"], 0.95),
        (("42072", "42100"), ["EXCEL"], 0.95),
        (("3/19/2015", "2015-03-20"), ["YYYY-MM-DD", "M/D/YYYY"], 0.95),
        (("Mar 9, 2015",), ["MMM D, YYYY"], 0.95),
    ],
)
def test_dates_are_read_as_they_are_written(values: tuple[str, ...], from_: list[str], sure: float) -> None:
    found = proposals(*({"Birthdate": value} for value in values))["students.dob"]
    options = found.row["options"]
    assert (sorted(options["from"]), options["to"]) == (sorted(from_), "YYYY-MM-DD")
    assert found.confidence == sure
    assert ("check it" in found.reason) == (sure < 0.9)
    assert ("pivot" in options) == any("YYYY" not in one and one != "EXCEL" for one in from_)


def test_values_that_are_no_dates_speak_against_it() -> None:
    assert "students.dob" not in proposals({"DOB": "unknown"}, {"DOB": "n/a"})
    assert "students.dob" not in proposals({"DOB": "13/9/2015"}, {"DOB": "3/19/2015"})
    assert proposals({"DOB": ""})["students.dob"].reason.endswith("There are no values to check it by.")


def test_codes_are_translated_where_they_can_be() -> None:
    found = proposals({"Grade": "KG", "Sex": "Female"}, {"Grade": "01", "Sex": "Male"}, {"Grade": "PK", "Sex": "Male"})
    assert found["student_annual.grade"].row["codes"] == {"KG": "0", "01": "1", "PK": "-1"}
    assert found["students.gender"].row["codes"] == {"Female": "F", "Male": "M"}
    assert proposals({"Grade": "5", "Sex": "F"})["student_annual.grade"].row["type"] == "direct"


def test_a_whole_name_is_split() -> None:
    found = proposals({"Student Name": "Torres, Mara", "Student ID": "1"})
    assert found["students.lname"].row["options"]["fragment"] == 1
    assert found["students.fname"].row["options"]["fragment"] == 2
    apart = proposals({"Student Name": "Torres, Mara", "First Name": "Mara", "Last Name": "Torres"})
    assert apart["students.fname"].column == "First Name"


@pytest.mark.parametrize("data_type", data_types())
def test_a_file_of_our_own_labels_is_mapped_whole(data_type: str) -> None:
    fields = {name: field for name, field in catalog(data_type).fields.items() if field.importable}
    found = proposals({field.label: field.example for field in fields.values()}, data_type=data_type)
    assert {target: one.column for target, one in found.items()} == {n: f.label for n, f in fields.items()}


def test_one_column_feeds_one_field_and_the_order_is_the_catalogs() -> None:
    found = propose(STUDENTS, ["First Name", "First Name ", "FIRST_NAME"], [])
    assert [(one.target, one.column) for one in found] == [("students.fname", "First Name")]


cells = st.lists(st.text(max_size=30), max_size=8)


@settings(deadline=None, max_examples=examples(60))
@given(cells, st.lists(cells, max_size=5), st.sampled_from(data_types()))
def test_no_file_makes_it_raise(columns: list[str], samples: list[list[str]], data_type: str) -> None:
    found = propose(catalog(data_type), columns, samples)
    assert len({one.target for one in found}) == len(found)
    rows: list[Any] = [one.row for one in found if one.column.strip()]
    if rows:
        MappingDraft.model_validate({"fields": rows})


def test_a_contact_is_never_taken_for_the_student_or_for_another_contact() -> None:
    about = catalog("students")
    found = propose(about, ["3 - Contacts.LastName", "3 - Contacts.BirthDate", "3 - Contacts.Phones1"], [])
    targets = {one.target for one in found}
    assert not targets & {"students.lname", "students.dob", "student_annual.phone"}


GRADES = [Code(code=str(one)) for one in range(-1, 13)]
GENDERS = [Code(code=one) for one in "FM"]


@settings(max_examples=examples())
@given(
    st.lists(st.sampled_from(["PK", "K", "KG", "1", "12", "13", "14", "Grade 13", "18", "x"]), min_size=1, max_size=8),
    st.lists(st.sampled_from(["Male", "Female", "X", "Non-binary", "M"]), min_size=1, max_size=4),
)
def test_save_takes_every_code_that_is_proposed(grades: list[str], genders: list[str]) -> None:
    """Grade 13 was proposed, and refused by Save."""
    sets = {"grades": GRADES, "gender": GENDERS}
    rows = [[grade, gender] for grade in ("1", *grades) for gender in ("M", *genders)]
    found = propose(STUDENTS, ["Grade", "Gender"], rows, sets)
    assert found
    draft = MappingDraft.model_validate({"fields": [one.row for one in found]})
    assert code_problems(draft, STUDENTS, sets) == []


def test_a_grade_that_enroll_does_not_have_is_left_for_the_person() -> None:
    (found,) = propose(STUDENTS, ["Grade"], [["K"], ["1"], ["13"]], {"grades": GRADES})
    assert found.row["codes"] == {"K": "0", "1": "1"}
    (found,) = propose(STUDENTS, ["Grade"], [["K"], ["1"], ["13"]])
    assert found.row["codes"] == {"K": "0", "1": "1", "13": "13"}, "nobody knows Enroll's codes"
