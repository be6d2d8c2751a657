"""The Phone Number transformation: every way of writing a number, and into each other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model.errors import BadMapping
from tests.unit.transforming import refusal, run

PHONES = {"(999) 999-9999": "(480) 555-0147", "9999999999": "4805550147", "999-999-9999": "480-555-0147"}


@pytest.mark.parametrize("form", PHONES)
@pytest.mark.parametrize(
    "text",
    [
        "4805550147",
        "14805550147",
        "+1 480 555 0147",
        "+1.480.555.0147",
        "1-480-555-0147",
        " (480)555-0147 ",
        "(480)\u00a0555\u20110147",
        "480/555/0147",
    ],
)
def test_phone_number_takes_the_usual_ways_of_writing(text: str, form: str) -> None:
    assert run("phone_number", text, form=form) == PHONES[form]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("(480) 555-0147 x12", "phone.extension"),
        ("480-555-0147, Ext. 3", "phone.extension"),
        ("4805550147#9", "phone.extension"),
        ("555-0147", "phone.not_ten_digits"),
        ("24805550147", "phone.not_ten_digits"),
        ("+44 20 7946 0000", "phone.not_ten_digits"),
        ("+4805550147", "phone.not_ten_digits"),
        ("480-555-0147 / 480-555-0148", "phone.not_ten_digits"),
        ("unlisted", "phone.not_ten_digits"),
        ("٤٨٠٥٥٥٠١٤٧", "phone.not_ten_digits"),
        ("()", "phone.not_ten_digits"),
        ("480555" + " " * 100 + "0147", "phone.not_ten_digits"),
    ],
)
def test_phone_number_refuses(text: str, code: str) -> None:
    assert refusal("phone_number", text, form="9999999999") == code


def test_phone_number_knows_its_forms() -> None:
    with pytest.raises(BadMapping, match="form: "):
        run("phone_number", "", form="999.999.9999")


@settings(deadline=None)
@given(
    st.integers(0, 10**10 - 1).map("{:010}".format), st.sampled_from(sorted(PHONES)), st.sampled_from(sorted(PHONES))
)
def test_phone_forms_convert_into_each_other(digits: str, one: str, other: str) -> None:
    through = run("phone_number", run("phone_number", digits, form=one), form=other)
    assert run("phone_number", through, form="9999999999") == digits
