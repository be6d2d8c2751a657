"""Every transformation: what it accepts, what it refuses, what blank gives."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping import transformations
from shared.mapping.transformations import Read, Reader, Step, ValueProblem, names, parse, registry, transformation
from shared.model.errors import BadMapping


def run(name: str, text: str, **options: Any) -> str:
    """What transformation `name` makes of one value."""
    return parse(name, {"source": "A", **options}).compile(lambda _: itemgetter(0))([text])


def refusal(name: str, text: str, **options: Any) -> str:
    with pytest.raises(ValueProblem) as caught:
        run(name, text, **options)
    assert caught.value.message
    assert caught.value.fix
    return caught.value.code


def pattern(from_: str, to: str = "YYYY-MM-DD", **more: Any) -> dict[str, Any]:
    return {"from": from_, "to": to, **more}


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
        (pattern("mm/dd/yyyy"), "from: Write the pattern with"),
        (pattern("MM/DD"), "each once"),
        (pattern("MM/DD/YYYY/YY", pivot=30), "each once"),
        (pattern("MDYYYY"), "need a separator"),
        (pattern("DDMYYYY"), "need a separator"),
        (pattern("YYYYMMMMM"), "from: Write the pattern with"),
        (pattern("MM/DD/YY"), "pivot"),
        (pattern("MM/DD/YY", pivot=100), "pivot: "),
        (pattern("MM/DD/YYYY", "--"), "to: Write the pattern with"),
        (pattern("MM/DD/YYYY", "DDD"), "to: Write the pattern with"),
        ({"from": "MM/DD/YYYY"}, "to: Field required."),
        (pattern("MM/DD/YYYY", source=""), "source: "),
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


@pytest.mark.parametrize("blank", ["", "  ", "\t\u00a0"])
def test_blank_gives_blank(blank: str) -> None:
    assert run("date", blank, **pattern("MM/DD/YYYY")) == ""
    assert run("phone_number", blank, form="9999999999") == ""


def test_value_input_reads_nothing() -> None:
    def read(_: str) -> Reader:
        raise AssertionError

    assert parse("value_input", {"value": "2026"}).compile(read)(["x"]) == "2026"


@settings(deadline=None)
@given(st.text(), st.text())
def test_any_text_gives_a_text_or_a_problem(text: str, tail: str) -> None:
    for name, options in (("date", pattern("M/D/YYYY")), ("phone_number", {"form": "9999999999"})):
        for value in (text, f"1/2/{text}", f"480555{tail}"):
            with suppress(ValueProblem):
                assert isinstance(run(name, value, **options), str)


def test_the_registry_names_what_there_is() -> None:
    assert {"date", "phone_number", "value_input"} <= set(names())
    with pytest.raises(BadMapping, match="no transformation 'dat'") as caught:
        parse("dat", {})
    assert caught.value.code == "mapping.transformation_unknown"
    assert "phone_number" in caught.value.fix


@pytest.fixture
def _restored() -> Iterator[None]:
    kept = dict(registry._steps)
    yield
    registry._steps.clear()
    registry._steps.update(kept)


@pytest.mark.usefixtures("_restored")
def test_a_new_transformation_is_one_small_class() -> None:
    @transformation("shout")
    class Shout(Step):
        source: registry.Source

        def compile(self, read: Read) -> Reader:
            source = read(self.source)
            return lambda values: source(values).upper()

    assert run("shout", "mara") == "MARA"
    with pytest.raises(ValueError, match="two transformations named 'shout'"):
        transformation("shout")(Shout)


def test_every_transformation_says_what_blank_gives() -> None:
    for step in (transformations.Date, transformations.PhoneNumber, transformations.ValueInput):
        assert "blank" in (step.__doc__ or "").lower()
