"""Codes as they are typed, one a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.pages.mapping.codes import lined, parted


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("5,White", ("5", "White")),
        ("5\tWhite", ("5", "White")),
        (" 5 , White ", ("5", "White")),
        ("5", ("5", "")),
        ("5,Black, or African American", ("5", "Black, or African American")),
        ("5\tBlack, or African American", ("5", "Black, or African American")),
        ('"A,B",Both', ("A,B", "Both")),
        ('"A,B"', ("A,B", "")),
        ('"A,B"\tBoth, that is', ("A,B", "Both, that is")),
        ('"A,B", "Both, that is"', ("A,B", "Both, that is")),
        ('"say ""A""",Both', ('say "A"', "Both")),
        ('5" pipe,Pipe', ('5" pipe', "Pipe")),
        ('"A,B', ("A,B", "")),
        ("A,B\tBoth", ("A,B", "Both")),
    ],
)
def test_a_line_is_a_code_and_what_it_means(line: str, read: tuple[str, str]) -> None:
    assert parted(line) == read


texts = st.text("ab,\"\t '5é", max_size=8).map(str.strip)


@given(texts.filter(bool), texts)
def test_what_is_written_is_read_as_it_was(code: str, meaning: str) -> None:
    assert parted(lined(code, meaning)) == (code, meaning)


@given(st.text(max_size=20))
def test_no_line_is_too_wrong_to_be_read(line: str) -> None:
    for one in line.splitlines():
        parted(one)
