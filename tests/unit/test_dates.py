"""The Date transformation: every way of writing a day, and back."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model.errors import BadMapping
from tests.unit.transforming import pattern, refusal, run


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("09/01/2007", pattern("MM/DD/YYYY"), "2007-09-01"),
        (" 9/1/2007 ", pattern("M/D/YYYY"), "2007-09-01"),
        ("09/01/2007", pattern("M/D/YYYY"), "2007-09-01"),
        ("2007-09-01", pattern("YYYY-MM-DD", "M/D/YY"), "9/1/07"),
        ("01Sep2007", pattern("DDMMMYYYY"), "2007-09-01"),
        ("1sep2007", pattern("DMMMYYYY"), "2007-09-01"),
        ("SEPTEMBER 1, 2007", pattern("MMMM D, YYYY"), "2007-09-01"),
        ("2007-09-01", pattern("YYYY-MM-DD", "MMM D, YYYY"), "Sep 1, 2007"),
        ("2007-09-01", pattern("YYYY-MM-DD", "DD. MMMM YYYY"), "01. September 2007"),
        ("2007-09-01", pattern("YYYY-MM-DD", "YYYY"), "2007"),
        ("09/01/26", pattern("MM/DD/YY", pivot=26), "2026-09-01"),
        ("09/01/27", pattern("MM/DD/YY", pivot=26), "1927-09-01"),
        ("09/01/00", pattern("MM/DD/YY", pivot=0), "2000-09-01"),
        ("02/29/2016", pattern("MM/DD/YYYY"), "2016-02-29"),
        ("20070901", pattern("YYYYMMDD"), "2007-09-01"),
    ],
)
def test_date_rewrites(text: str, options: dict[str, Any], expected: str) -> None:
    assert run("date", text, **options) == expected


@pytest.mark.parametrize(
    ("text", "from_", "code"),
    [
        ("9/1/2007", "MM/DD/YYYY", "date.wrong_pattern"),
        ("2007-09-01", "MM/DD/YYYY", "date.wrong_pattern"),
        ("09/01/2007 00:00", "MM/DD/YYYY", "date.wrong_pattern"),
        ("09.01.2007", "MM/DD/YYYY", "date.wrong_pattern"),
        ("٠٩/01/2007", "MM/DD/YYYY", "date.wrong_pattern"),
        ("02/29/2015", "MM/DD/YYYY", "date.not_real"),
        ("13/01/2015", "MM/DD/YYYY", "date.not_real"),
        ("01/00/2015", "MM/DD/YYYY", "date.not_real"),
        ("01/01/0000", "MM/DD/YYYY", "date.not_real"),
        ("1 Mai 2015", "D MMM YYYY", "date.not_real"),
        ("1 Mar 2015", "D MMMM YYYY", "date.not_real"),
    ],
)
def test_date_refuses(text: str, from_: str, code: str) -> None:
    assert refusal("date", text, **pattern(from_)) == code


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (pattern("mm/dd/yyyy"), "Source Data Formats (from.0): Write the pattern with"),
        (pattern("MM/DD"), "each once"),
        (pattern("MM/DD/YYYY/YY", pivot=30), "each once"),
        (pattern("MDYYYY"), "need a separator"),
        (pattern("DDMYYYY"), "need a separator"),
        (pattern("YYYYMMMMM"), "Source Data Formats (from.0): Write the pattern with"),
        (pattern("MM/DD/YY"), "pivot"),
        (pattern("MM/DD/YY", pivot=100), "(pivot): Use 99 or less."),
        (pattern("MM/DD/YYYY", "--"), "Destination Date Format (to): Write the pattern with"),
        (pattern("MM/DD/YYYY", "DDD"), "Destination Date Format (to): Write the pattern with"),
        ({"from": "MM/DD/YYYY"}, "Destination Date Format (to): Fill this in."),
        (pattern("MM/DD/YYYY", source=""), "source: Fill this in."),
        (pattern("MM/DD/YYYY", zone="x"), "zone: "),
    ],
)
def test_date_options_are_checked(options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadMapping) as caught:
        run("date", "", **options)
    assert caught.value.code == "mapping.options"
    assert said in caught.value.message
    assert "'date'" in caught.value.message


@settings(deadline=None)
@given(
    st.dates(date(1901, 1, 1), date(2099, 12, 31)),
    st.sampled_from(["MM/DD/YYYY", "M-D-YYYY", "D MMM YYYY", "MMMM D, YYYY", "DDMMYYYY", "YYYY.M.DD", "DDMMMMYYYY"]),
)
def test_every_date_survives_the_way_there_and_back(day: date, there: str) -> None:
    written = run("date", day.isoformat(), **pattern("YYYY-MM-DD", there))
    assert run("date", written, **pattern(there)) == day.isoformat()


@settings(deadline=None)
@given(st.integers(0, 99), st.integers(0, 99))
def test_a_short_year_is_in_the_2000s_up_to_the_pivot(year: int, pivot: int) -> None:
    expected = (2000 if year <= pivot else 1900) + year
    assert run("date", f"01/02/{year:02}", **pattern("MM/DD/YY", "YYYY", pivot=pivot)) == str(expected)
