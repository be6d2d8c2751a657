"""What is suggested for the fields of a SIS: rows that can be saved and sent."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping.automap import UNCHECKED, Proposal
from shared.mapping.code_tables import with_tables
from shared.mapping.export_suggestions import Tried, propose_export
from shared.mapping.registrations import check_registrations, compile_registrations, parts_unmapped
from shared.model.catalog import Catalog, export_catalog, sis_catalog
from shared.model.codes import Code, CodePair, CodeTable
from shared.model.mapping import MappingDraft
from tests.examples import examples
from tests.unit.test_drafting import MOMENT

SISS = ("powerschool", "aeries", "skyward")
ENROLL = export_catalog("students")
COLUMNS = tuple(ENROLL.fields)
ADDRESS = {"student_annual.address": "12 Elm St", "student_annual.city": "Mesa", "student_annual.state": "AZ",
           "student_annual.zip": "85201"}  # fmt: skip
REGISTRATION = {
    "registrations.id": "7001", "registrations.student_id": "48210", "schools.school_code": "100",
    "students.student_district_id": "20231", "students.state_unique_key": "9900012345", "students.fname": "Mara",
    "students.mname": "Ines", "students.lname": "Torres", "students.dob": "2015-03-09", "students.gender": "F",
    "students.race": '["W"]', "students.sis_school_year": "2026", "student_annual.grade": "3",
    "student_annual.current_school": "100", **ADDRESS, "student_annual.phone": "(480) 555-0147",
    "student_annual.language": "en", "student_annual.guardian1_fname": "Ana",
    "student_annual.guardian1_lname": "Torres", "student_annual.guardian1_email": "ana@example.org",
    "student_annual.guardian1_phone": "(480) 555-0148", "student_annual.guardian1_relation": "Mother",
    "student_annual.emergency1_name": "Leo Diaz", "student_annual.emergency1_phone": "(480) 555-0199",
    "student_annual.emergency1_relation": "Aunt", "student_annual.emergency2_name": "Jun Ito",
    "student_annual.emergency2_phone": "(480) 555-0198", "student_annual.emergency2_relation": "Aunt",
}  # fmt: skip
SETS = {
    "gender": [Code(code=one) for one in "FMX"],
    "race": [Code(code=one) for one in "AW"],
    "states": [Code(code="AZ"), Code(code="NM")],
    "languages": [Code(code="en"), Code(code="es")],
    "relationships": [Code(code="Mother"), Code(code="Aunt")],
    "grades": [Code(code=str(one)) for one in range(-1, 13)],
}
RELATIONSHIPS = CodeTable(
    id="t",
    connection="c",
    name="Kin",
    version=1,
    created_at=datetime(2026, 7, 1, tzinfo=UTC),
    created_by="u",
    enroll_set="relationships",
    pairs=(CodePair(sis="11", enroll="Mother"), CodePair(sis="19", enroll="Aunt")),
)


def row(**more: str) -> list[str]:
    values = {**REGISTRATION, **{name.replace("__", "."): value for name, value in more.items()}}
    return [values.get(name, "") for name in COLUMNS]


def problems(found: Sequence[Proposal], about: Catalog, registration: list[str]) -> list[str]:
    """What stands in the way of a mapping of all that is suggested, and of sending this registration by it."""
    draft = MappingDraft.model_validate({"fields": [one.row for one in found]})
    draft = with_tables(draft, {"Kin": RELATIONSHIPS}, "export")
    wrong = [*check_registrations(draft, about, MOMENT), *parts_unmapped(draft, about)]
    compiled = compile_registrations(draft, about, COLUMNS, MOMENT)
    return [one.message for one in wrong] + [one.message for one in compiled.record(registration)[1]]


@pytest.mark.parametrize("sis", SISS)
@pytest.mark.parametrize(
    "tried", [Tried(), Tried(sets=SETS), Tried([row()], SETS), Tried([row()], SETS, [RELATIONSHIPS])]
)
def test_all_that_is_suggested_can_be_saved_and_sent(sis: str, tried: Tried) -> None:
    about = sis_catalog(sis)
    found = propose_export(about, tried)
    assert len(found) >= 17, [one.target for one in found]
    assert problems(found, about, row()) == []
    assert len({one.column for one in found}) == len(found), "a field of Enroll stands in two places"
    assert not any(about.fields[one.target].refers or about.fields[one.target].rule for one in found)
    assert all((UNCHECKED in one.reason) is not bool(tried.registrations) for one in found)


@pytest.mark.parametrize("sis", SISS)
def test_each_is_of_the_kind_that_the_field_takes(sis: str) -> None:
    about = sis_catalog(sis)
    for one in propose_export(about):
        source, target = ENROLL.fields[one.column], about.fields[one.target]
        assert target.type != "flag", one
        assert not target.takes, one
        assert (target.type == "date") == (source.type == "date"), one
        assert (target.type == "email") <= ("email" in source.name), one
        assert source.codes == target.codes, one
        for kind in ("phone", "email", "name"):
            assert (kind in target.label.casefold().replace("-", "")) == (kind in source.label.casefold()), one


names = st.text("abcdefghijklmnop ", min_size=1, max_size=20).filter(str.strip)


@settings(max_examples=examples())
@given(st.sampled_from(SISS), names, names, st.sampled_from("FMX"), st.integers(-1, 12), st.booleans())
def test_any_normal_registration_can_be_sent(
    sis: str, first: str, street: str, gender: str, grade: int, tried: bool
) -> None:
    made = row(
        students__fname=first, student_annual__address=street, students__gender=gender, student_annual__grade=str(grade)
    )
    about = sis_catalog(sis)
    assert problems(propose_export(about, Tried([made] if tried else [], SETS)), about, made) == []


def targets(sis: str, tried: Tried, mapped: frozenset[str] = frozenset()) -> dict[str, Proposal]:
    return {one.target: one for one in propose_export(sis_catalog(sis), tried, mapped)}


def test_what_an_example_does_not_suit_is_not_suggested_nor_what_goes_with_it() -> None:
    assert "MailingAddressZipCode" in targets("aeries", Tried([row()], SETS))
    found = targets("aeries", Tried([row(), row(student_annual__zip="85201-1204")], SETS))
    assert not any(name.startswith("MailingAddress") for name in found)
    found = targets("aeries", Tried([row(student_annual__guardian1_lname="x" * 51)], SETS))
    assert not any(name.startswith("1 - Contacts") for name in found)
    assert "2 - Contacts.LastName" in found


def test_an_address_that_examples_have_by_halves_is_not_suggested_where_the_sis_refuses_it() -> None:
    half = Tried([row(student_annual__state="")], SETS)
    assert not any(name.startswith("addresses.") for name in targets("powerschool", half))
    assert "MailingAddress" in targets("aeries", half)


def test_nothing_is_suggested_for_what_is_mapped() -> None:
    mapped = frozenset({"1 - Contacts.LastName", "Gender", "MailingAddressCity"})
    found = targets("aeries", Tried(), mapped)
    assert not found.keys() & mapped
    assert {"1 - Contacts.FirstName", "MailingAddress"} <= found.keys(), "the rest goes together with what is mapped"


def test_codes_of_the_sis_are_matched_by_the_table_of_the_connection() -> None:
    field = "1 - Contacts.Relationship"
    assert field not in targets("aeries", Tried([row()], SETS))
    found = targets("aeries", Tried([row()], SETS, [RELATIONSHIPS]))
    assert found[field].row == {
        "target": field, "type": "match_codes", "source": "student_annual.guardian1_relation", "table": "Kin",
    }  # fmt: skip
    without = Tried([row(student_annual__guardian1_relation="Klingon")], SETS, [RELATIONSHIPS])
    assert field not in targets("aeries", without)
