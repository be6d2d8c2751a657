"""Which contact of the SIS a contact of Enroll is: the rules of product facts, section 8, and nobody taken twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.contact_match import Known, known, pair, slots, wanted

ROSA = known("Rosa", "Torres", ["(480) 555-0147"], [])


@pytest.mark.parametrize(
    ("held", "is_same"),
    [
        (known("rosa ", "TORRES", ["4805550147"], []), True),
        (known("Rosa", "Torres", ["+1 480 555 0147"], []), True),
        (known("Rosa", "Torrez", ["4805550147"], []), True),
        (known("Rosa", "Torres", ["4805550148"], []), False),
        (known("Rose", "Torres", ["4805550147"], []), False),
        (known("Rosa", "Torres", [], ["r@example.org"]), False),
    ],
    ids=["exact", "country code", "misspelt last name", "other phone", "other first name", "nothing in common"],
)
def test_the_same_names_and_a_phone_or_email(held: Known, is_same: bool) -> None:
    assert pair({1: ROSA}, {"9": held}) == ({1: "9"} if is_same else {})


def test_an_email_is_as_good_as_a_phone() -> None:
    mine = known("Rosa", "Torres", [], ["R.Torres@Example.org "])
    assert pair({1: mine}, {"9": known("Rosa", "Torres", ["1"], ["r.torres@example.org"])}) == {1: "9"}


def test_an_exact_match_comes_before_a_misspelt_one_whatever_the_slot() -> None:
    aunt = known("Rosa", "Diaz", ["4805550147"], [])
    held = {"9": known("Rosa", "Torres", ["4805550147"], [])}
    assert pair({1: aunt, 2: ROSA}, held) == {2: "9"}


def test_names_alone_count_where_there_is_neither_phone_nor_email() -> None:
    bare = known("Rosa", "Torres", [], [])
    assert pair({1: bare}, {"9": ROSA}) == {1: "9"}
    assert pair({1: bare}, {"9": known("Rosa", "Torrez", [], [])}) == {}


def test_slots_are_taken_apart_and_empty_ones_left_out() -> None:
    values = {"1 - Contacts.FirstName": "Rosa", "1 - Contacts.Phones2": "5", "3 - Contacts.LastName": None, "a.b": 1}
    assert slots(values) == {1: {"FirstName": "Rosa", "Phones2": "5"}, 3: {"LastName": None}}
    assert list(wanted(slots(values))) == [1]


PEOPLE = st.builds(
    known,
    st.sampled_from(["Rosa", "Leo"]),
    st.sampled_from(["Torres", "Diaz"]),
    st.lists(st.sampled_from(["4805550147", "4805550148"])),
    st.lists(st.sampled_from(["a@example.org"]), max_size=1),
)


@given(st.dictionaries(st.integers(1, 5), PEOPLE), st.dictionaries(st.sampled_from("abcde"), PEOPLE))
def test_no_contact_is_taken_twice(mine: dict[int, Known], held: dict[str, Known]) -> None:
    found = pair(mine, held)
    assert len(set(found.values())) == len(found)
    assert found.keys() <= mine.keys()
