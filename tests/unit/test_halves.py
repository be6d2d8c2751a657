"""Half an address: PowerSchool refuses the whole student for it, so it stays behind, and the preview says so."""

from typing import Any

import pytest

from shared.engine.classify import Candidate
from shared.engine.deciding import decide
from shared.engine.halves import without_halves
from shared.mapping.preview import preview_mapping
from shared.mapping.registrations import check_registrations, doubtful, is_refused, parts_unmapped
from shared.model.catalog import sis_catalog
from shared.model.mapping import MappingDraft
from shared.model.record import Action, Found
from tests.unit.test_drafting import MOMENT

ABOUT = sis_catalog("powerschool")
HOME = "addresses.physical."
WHOLE = {"street": "12 Elm St", "city": "Mesa", "state_province": "AZ", "postal_code": "85201"}
OWN = {"registrations.id": "7", "name.last_name": "Ito"}


def address(**more: str | None) -> dict[str, Any]:
    return {HOME + name: value for name, value in (WHOLE | more).items()}


def candidate(values: dict[str, Any]) -> Candidate:
    return Candidate(2, "7", values, "d", "m", False, False, None)


def test_a_new_student_goes_without_half_an_address() -> None:
    values = OWN | address(state_province=None)
    left = without_halves(decide(candidate(values), None, ABOUT), ABOUT)
    assert (left.action, left.values) == (Action.CREATE, OWN)
    assert [(one.code, one.field) for one in left.problems] == [("value.part_blank", HOME + "state_province")]
    assert "Home Street; Home City; Home Zip" in left.problems[0].message


def test_a_whole_address_and_none_at_all_are_sent_as_they_are() -> None:
    for values in (OWN | address(), OWN, OWN | address(**dict.fromkeys(WHOLE))):
        change = decide(candidate(values), None, ABOUT)
        assert without_halves(change, ABOUT) is change


def test_what_enroll_leaves_blank_is_sent_as_the_sis_has_it() -> None:
    """A blank leaves the field as it is, so a new street stays in the city that the SIS knows."""
    values = OWN | {HOME + "street": "9 Oak St"}
    change = decide(candidate(values), Found("9", OWN | address()), ABOUT)
    assert change.before == {HOME + "street": "12 Elm St"}
    assert without_halves(change, ABOUT).values == {"registrations.id": "7", **address(street="9 Oak St")}


def test_of_an_update_nothing_but_the_half_stays_behind() -> None:
    values = {"registrations.id": "7", "name.last_name": "Ito", **address(city=None)}
    change = decide(candidate(values), Found("9", {"name.last_name": "Itto", **address()}), ABOUT)
    left = without_halves(change, ABOUT)
    assert (left.values, left.before, len(left.problems)) == (OWN, {"name.last_name": "Itto"}, 1)


def test_an_emergency_contact_goes_with_a_phone() -> None:
    values = OWN | {"contact.emergency_contact_name1": "Diaz, Leo"}
    left = without_halves(decide(candidate(values), None, ABOUT), ABOUT)
    assert (left.values, left.problems[0].field) == (OWN, "contact.emergency_phone1")


def test_other_siss_take_half_an_address() -> None:
    aeries = sis_catalog("aeries")
    change = decide(candidate({"registrations.id": "7", "MailingAddress": "12 Elm St"}), None, aeries)
    assert without_halves(change, aeries) is change


def draft(*targets: str) -> MappingDraft:
    rows = [{"type": "direct", "target": one, "source": "students.fname"} for one in targets]
    return MappingDraft.model_validate({"fields": rows})


def test_yes_and_no_from_anything_else_is_told_of() -> None:
    rows = [
        {"type": "direct", "target": "ethnicity_race.federal_ethnicity", "source": "students.race"},
        {"type": "direct", "target": "1 - Contacts.Emergency", "source": "student_annual.emergency1_relation"},
        {"type": "direct", "target": "1 - Contacts.LastName", "source": "students.lname"},
        {"type": "direct", "target": "1 - Contacts.Custodial", "source": {"value": "1"}},
    ]
    made = MappingDraft.model_validate({"fields": rows})
    found = doubtful(made, ABOUT)
    assert [(one.row, one.code, is_refused(one, ABOUT)) for one in found] == [
        (1, "mapping.other_kind", False),
        (2, "mapping.other_kind", False),
    ]
    assert "takes YES or NO, and Race of Enroll" in found[0].message
    shown = preview_mapping(made, ABOUT, ["students.race"], MOMENT, [['["W"]']]).fields[0].examples[0]
    assert shown.problem
    assert shown.problem["message"] == "This is not YES or NO."


@pytest.mark.parametrize(
    ("sis", "mapped", "lacking", "refused"),
    [
        ("powerschool", ["addresses.mailing.street", "addresses.mailing.postal_code"],
         {"addresses.mailing.city", "addresses.mailing.state_province"}, True),
        ("powerschool", ["contact.emergency_phone2"], {"contact.emergency_contact_name2"}, True),
        ("powerschool", ["3 - Contacts.FirstName"], {"3 - Contacts.LastName"}, False),
        ("powerschool", [f"addresses.mailing.{name}" for name in WHOLE], set(), False),
        ("aeries", ["MailingAddress", "MailingAddressCity", "MailingAddressState"], {"MailingAddressZipCode"}, False),
        ("aeries", ["ResidenceAddress", "ResidenceAddressCity", "ResidenceAddressState", "ResidenceAddressZipCode"],
         set(), False),
        ("skyward", ["Address.Street"], {"Address.City", "Address.State", "Address.Zip"}, False),
    ],
)  # fmt: skip
def test_a_mapping_of_a_part_is_told_of(sis: str, mapped: list[str], lacking: set[str], refused: bool) -> None:
    about = sis_catalog(sis)
    found = parts_unmapped(draft(*mapped), about)
    assert {one.target for one in found} == lacking
    assert any(is_refused(one, about) for one in found) is refused
    told = check_registrations(draft(*mapped), about, MOMENT)
    assert {one.target for one in told} == (lacking if refused else set())
