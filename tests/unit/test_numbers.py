"""Whole numbers that came as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.number import whole_number


@given(st.integers(0, 10**18 - 1))
def test_what_is_written_is_read(number: int) -> None:
    assert whole_number(str(number)) == whole_number(f"00{number}"[-18:]) == number


@given(st.text() | st.text(st.characters(categories=["Nd", "No", "Nl"]), min_size=1))
def test_no_text_is_too_odd(text: str) -> None:
    assert whole_number(text, -7) == (int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -7)


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1.0", "1e3", "²", "٣", "9" * 19, "9" * 5000])
def test_what_is_none(text: str) -> None:
    assert (whole_number(text), whole_number(text, 0)) == (-1, 0)
