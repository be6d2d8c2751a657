"""What PowerSchool's JSON does to values, undone. Each test is named after the quirk."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.powerschool.json import STUDENT, contacts, many, postal_code, student, text

RAW: dict[str, Any] = {
    "id": 4711,
    "local_id": 20231,
    "name": {"first_name": "Mara", "last_name": "Torres"},
    "addresses": {"physical": {"street": "12 Elm St", "postal_code": 2134}, "mailing": ""},
    "alerts": "",
    "phones": {"main": {"number": 4805550147}},
    "ethnicity_race": {"federal_ethnicity": "YES", "races": {"district_race_code": "W"}},
}


def test_a_single_item_collapsed_to_an_object_is_a_list_of_one() -> None:
    assert many({"a": 1}) == [{"a": 1}]
    assert many([{"a": 1}]) == [{"a": 1}]
    assert many("") == many(None) == []
    assert student(RAW)["ethnicity_race.races"] == "W"
    several = {**RAW, "ethnicity_race": {"races": [{"district_race_code": "W"}, {"district_race_code": 7}]}}
    assert student(several)["ethnicity_race.races"] == "W,7"


def test_quotes_that_numbers_lost_come_back() -> None:
    found = student(RAW)
    assert (found["dcid"], found["local_id"], found["phones.main.number"]) == ("4711", "20231", "4805550147")
    assert (text(7.0), text(0.5), text(True), text(0)) == ("7", "0.5", "1", "0")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2134", "02134"),
        ("85201", "85201"),
        ("21340009", "021340009"),
        ("85211-0009", "85211-0009"),
        ("K1A 0B1", "K1A 0B1"),
    ],
)
def test_leading_zeros_of_postal_codes_come_back(given: str, expected: str) -> None:
    assert postal_code(given) == expected
    assert student(RAW)["addresses.physical.postal_code"] == "02134"


def test_empty_groups_and_absent_keys_are_no_values() -> None:
    found = student({"id": 1, "name": "", "demographics": "", "_extension_data": ""})
    assert found == {"dcid": "1"}


def test_extensions_may_be_one_table_with_one_field() -> None:
    field = {"name": "homeroom", "type": "String", "value": "B12"}
    raw = {"id": 1, "_extension_data": {"_table_extension": {"recordFound": True, "name": "u_x", "_field": field}}}
    assert student(raw)["u_x.homeroom"] == "B12"


def test_contacts_come_in_slots_with_the_preferred_number_first() -> None:
    detail = {"relationship": "Mother", "custodial": True, "active": True}
    one = {
        "contactId": 7,
        "firstName": "Ana",
        "emails": [{"primary": False, "address": "b@example.org"}, {"primary": True, "address": "a@example.org"}],
        "phones": [{"preferred": True, "phoneNumber": "480-555-0199"}],
        "contactStudents": [
            {"sequence": 1, "studentDetails": [{**detail, "active": False, "relationship": "x"}, detail]}
        ],
    }
    found = dict(contacts([one, {"contactId": 8, "lastName": None}]))
    assert found["1 - Contacts.Emails1"] == "a@example.org"
    assert (found["1 - Contacts.Relationship"], found["1 - Contacts.Custodial"]) == ("Mother", "1")
    assert (found["1 - Contacts.Phones1"], found["2 - Contacts.ContactID"]) == ("480-555-0199", "8")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
GROUPS = sorted({name.partition(".")[0] for name in STUDENT} | {"_extension_data"})


@given(st.dictionaries(st.sampled_from(GROUPS), anything), st.lists(st.dictionaries(st.text(max_size=5), anything)))
def test_no_answer_makes_it_raise(raw: dict[str, Any], people: list[dict[str, Any]]) -> None:
    assert all(isinstance(value, str) for value in student(raw).values())
    assert all(isinstance(value, str) for value in dict(contacts(people)).values())
