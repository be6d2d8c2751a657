"""Every transformation: what it accepts, what it refuses, what blank gives."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.mapping.sources import Columns, RowInputs
from shared.mapping.transformations import (
    Inputs,
    Reader,
    Step,
    ValueProblem,
    described,
    names,
    parse,
    registry,
    transformation,
)
from shared.model.errors import BadMapping
from shared.model.mapping import Source
from tests.examples import examples
from tests.unit.transforming import MOMENT, pattern, refusal, run

CASES: dict[str, list[tuple[dict[str, Any], tuple[str, ...], str]]] = {
    "direct": [({}, (" Ana ",), " Ana ")],
    "value_input": [({"value": "2026"}, ("x",), "2026")],
    "today": [({}, ("x",), "2026-09-01"), ({"to": "MM/DD/YY"}, ("x",), "09/01/26")],
    "enroll_school_year": [
        ({}, ("x",), "2026"),
        ({"form": "YYYY-YYYY"}, ("x",), "2026-2027"),
        ({"form": "YYYY-YY"}, ("x",), "2026-27"),
        ({"form": "YY-YY"}, ("x",), "26-27"),
        ({"form": "end YYYY"}, ("x",), "2027"),
    ],
    "lower": [({}, ("JOSÉ Ñ",), "josé ñ")],
    "upper": [({}, ("nguyễn",), "NGUYỄN")],
    "proper_case": [
        ({}, ("mcdonald-o'neil",), "McDonald-O'Neil"),
        ({}, ("MCDONALD-O’NEIL",), "McDonald-O’Neil"),
        ({}, ("josé",), "José"),
        ({}, ("NGUYỄN",), "Nguyễn"),
        ({}, ("DeShawn",), "DeShawn"),
        ({"keep_mixed": False}, ("DeShawn",), "Deshawn"),
        ({}, ("john smith iii",), "John Smith III"),
        ({}, ("vi nguyen",), "Vi Nguyen"),
        ({}, ("st. mary's school",), "St. Mary's School"),
        ({}, ("d'angelo",), "D'Angelo"),
        ({}, ("ǆ",), "ǅ"),
        ({}, ("  ana   maria ",), "  Ana   Maria "),
    ],
    "trim": [({}, ("\u00a0 Ana  Maria\t",), "Ana  Maria")],
    "squish": [({}, ("\u00a0 Ana \r\n Maria\t",), "Ana Maria")],
    "character_limit": [
        ({"limit": 3}, ("abcdef",), "abc"),
        ({"limit": 3, "keep": "end"}, ("abcdef",), "def"),
        ({"limit": 2}, ("ae\u0301x",), "a"),
        ({"limit": 9}, ("abc",), "abc"),
    ],
    "pad": [
        ({"width": 5}, ("42",), "00042"),
        ({"width": 5}, (" 42 ",), "00042"),
        ({"width": 4, "fill": " ", "side": "right"}, ("ab",), "ab  "),
        ({"width": 2}, ("12345",), "12345"),
    ],
    "join": [
        ({"sources": ["A", "B", "C"]}, ("Ana", " ", "Torres"), "Ana Torres"),
        ({"sources": ["A", "B", "C"], "delimiter": ",", "blanks": "keep"}, ("1", "", "3"), "1,,3"),
        ({"sources": ["A", {"value": "x"}], "delimiter": "-"}, ("1",), "1-x"),
    ],
    "pick": [({"sources": ["A", "B", "C"]}, (" ", "", "x"), "x"), ({"sources": ["A"]}, (" ",), "")],
    "split": [
        ({"delimiter": ",", "fragment": 1}, ("Torres, Mara",), "Torres"),
        ({"delimiter": ",", "fragment": -1}, ("Torres, Mara",), "Mara"),
        ({"delimiter": ",", "fragment": 3}, ("Torres, Mara",), ""),
        ({"delimiter": ",", "fragment": -3}, ("Torres, Mara",), ""),
    ],
    "substitute": [
        ({"find": "a", "replace": "o"}, ("banana",), "bonono"),
        ({"find": "a", "replace": "o", "where": "first"}, ("banana",), "bonana"),
        ({"find": "NA", "replace": "", "where": "whole"}, (" NA ",), ""),
        ({"find": "NA", "replace": "", "where": "whole"}, ("NAN",), "NAN"),
    ],
    "regex_replace": [
        ({"find": "[0-9]+"}, ("12 Elm 3",), " Elm "),
        ({"find": "([a-z]+), ([a-z]+)", "replace": r"\2 \1"}, ("torres, mara",), "mara torres"),
        ({"find": "^0+", "where": "first"}, ("00420",), "420"),
        ({"find": "x", "replace": "[\\0\\\\]"}, ("axb",), "a[x\\]b"),
        ({"find": "(?i)APT"}, ("apt 4",), " 4"),
        ({"find": "é", "replace": "e"}, ("José",), "Jose"),
        ({"find": "(a+)+$"}, ("a" * 50_000 + "!",), "a" * 50_000 + "!"),
    ],
    "number_format": [
        ({"decimals": 2}, ("1,234.5",), "1234.50"),
        ({"decimals": 0}, ("0.5",), "1"),
        ({"decimals": 1, "grouping": True, "decimal_mark": ","}, ("$1234567.25",), "1.234.567,3"),
        ({}, ("(0012)",), "-12"),
        ({"decimals": 0}, ("-0.2",), "0"),
    ],
    "yes_no": [
        ({}, ("TRUE",), "Yes"),
        ({"form": "1/0"}, (" n ",), "0"),
        ({"form": "Y/N", "blank": "no"}, ("",), "N"),
    ],
    "transliterate": [
        ({}, ("José Nguyễn-O’Brien 3rd",), "Jose Nguyen-O'Brien rd"),
        ({}, ("Łukasz Großmann",), "Lukasz Grossmann"),
        ({}, ("李",), ""),
    ],
    "match_codes": [
        ({"codes": {"F": "Female"}}, (" F ",), "Female"),
        ({"codes": {}, "when_blank": "none"}, (" ",), "none"),
        ({"codes": {"W": "White", "A": "Asian"}, "separator": ";"}, ("W; A;W",), '["White","Asian"]'),
        ({"codes": {"W": "White"}, "unmatched": "default"}, ('["W","X"]',), '["White"]'),
    ],
    "phone_number": [({"form": "9999999999"}, ("(480) 555-0147",), "4805550147")],
    "date": [
        ({"from": ["MM/DD/YYYY", "YYYY-MM-DD"], "to": "YYYY-MM-DD"}, ("2015-03-09",), "2015-03-09"),
        (
            {"from": "YYYY-MM-DDTHH:mm:ss.SZ", "to": "M/D/YYYY h:mm A"},
            ("2015-03-09T15:04:05.123Z",),
            "3/9/2015 3:04 PM",
        ),
        ({"from": "M/D/YYYY h:mm A", "to": "YYYY-MM-DD HH:mm:ss"}, ("3/9/2015 12:04 am",), "2015-03-09 00:04:00"),
        ({"from": "EXCEL", "to": "YYYY-MM-DD"}, ("42072",), "2015-03-09"),
        ({"from": "EXCEL", "to": "YYYY-MM-DD"}, ("1",), "1900-01-01"),
        ({"from": "ddd, D MMM YYYY", "to": "YYYY-MM-DD"}, ("Mon, 9 Sept. 2015",), "2015-09-09"),
    ],
    "if_then_else": [
        (
            {"if": [{"source": "A", "operator": "equals", "value": "yes"}], "then": "B", "else": {"value": "-"}},
            ("YES", "b"),
            "b",
        ),
        (
            {
                "if": [{"source": "A", "operator": "at least", "value": "5"}],
                "then": {"value": "up"},
                "else": {"value": "low"},
            },
            ("10",),
            "up",
        ),
        (
            {
                "if": [{"source": "A", "operator": "less than", "value": "2015-09-01"}],
                "then": {"value": "y"},
                "else": {"value": "n"},
            },
            ("2015-08-31",),
            "y",
        ),
        (
            {
                "if": [
                    {"source": "A", "operator": "blank"},
                    {"source": "B", "operator": "one of", "value": ["x", "y"]},
                ],
                "match": "any",
                "then": {"value": "1"},
                "else": {"value": "0"},
            },
            ("a", "Y"),
            "1",
        ),
        (
            {
                "if": [{"source": "A", "operator": "matches", "value": "^[A-Z]+$"}],
                "then": {"value": "1"},
                "else": {"transformation": "lower", "options": {"source": "A"}},
            },
            ("aB",),
            "ab",
        ),
    ],
}


@pytest.mark.parametrize(
    ("name", "options", "row", "expected"), [(name, *case) for name, cases in CASES.items() for case in cases]
)
def test_what_it_makes_of_a_value(name: str, options: dict[str, Any], row: tuple[str, ...], expected: str) -> None:
    assert run(name, *row, **options) == expected


def test_every_transformation_is_among_the_cases() -> None:
    assert set(CASES) == set(names())


@pytest.mark.parametrize(
    ("name", "text", "options", "code"),
    [
        ("number_format", "12a", {}, "number.not_a_number"),
        ("number_format", "1,23", {}, "number.not_a_number"),
        ("number_format", "9" * 101, {}, "number.not_a_number"),
        ("yes_no", "maybe", {}, "yes_no.unknown"),
        ("regex_replace", "a\ud800", {"find": "x"}, "value.bad_text"),
        ("regex_replace", "a" * 1000, {"find": "a", "replace": "b" * 500}, "result.too_long"),
        ("substitute", "a" * 1000, {"find": "a", "replace": "b" * 500}, "result.too_long"),
        ("match_codes", "X", {"codes": {"F": "Female"}}, "code.unmatched"),
        (
            "if_then_else",
            "x",
            {"if": [{"source": "A", "operator": "less than", "value": "5"}], "then": "A", "else": "A"},
            "if.not_comparable",
        ),
        ("date", "60", {"from": "EXCEL", "to": "YYYY"}, "date.not_real"),
        ("date", "9999999", {"from": "EXCEL", "to": "YYYY"}, "date.not_real"),
    ],
)
def test_what_it_refuses(name: str, text: str, options: dict[str, Any], code: str) -> None:
    assert refusal(name, text, **options) == code


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("split", {"delimiter": ",", "fragment": 0}, "The first piece is 1"),
        ("regex_replace", {"find": "("}, "RE2"),
        ("regex_replace", {"find": "(?=a)b"}, "RE2"),
        ("regex_replace", {"find": "a", "replace": r"\1"}, "no group 1"),
        ("regex_replace", {"find": "a", "replace": "\\x"}, "backslash"),
        (
            "if_then_else",
            {"if": [{"source": "A", "operator": "at least", "value": "x"}], "then": "A", "else": "A"},
            "a number or a date",
        ),
        (
            "if_then_else",
            {"if": [{"source": "A", "operator": "one of", "value": "x"}], "then": "A", "else": "A"},
            "a list of values",
        ),
        ("date", pattern("YYYY-MM-DD hh:mm"), "AM and PM"),
        ("date", pattern("YYYY-MM-DD", "YYYYZ"), "cannot be written|not written|can be read"),
        ("pick", {"sources": []}, "sources"),
        ("join", {"sources": [{"column": "A"}]}, "A source is"),
    ],
)
def test_options_are_checked(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadMapping, match=said) as caught:
        run(name, "", **options)
    assert caught.value.code == "mapping.options"


@pytest.mark.parametrize("blank", ["", "  ", "\t\u00a0"])
@pytest.mark.parametrize("name", sorted(set(CASES) - {"value_input", "today", "enroll_school_year", "if_then_else"}))
def test_blank_gives_blank_unless_it_says_otherwise(name: str, blank: str) -> None:
    for options, row, _ in CASES[name]:
        if not options.get("when_blank") and options.get("blank") != "no" and options.get("delimiter") != "-":
            assert run(name, *[blank] * len(row), **options).strip() == ""


def test_chains_read_from_each_other() -> None:
    last = {"transformation": "split", "options": {"source": "A", "delimiter": ",", "fragment": 1}}
    first = {"transformation": "split", "options": {"source": "A", "delimiter": ",", "fragment": 2}}
    both = {"transformation": "join", "options": {"sources": [first, last]}}
    assert run("proper_case", "TORRES, MARA", source=both) == "Mara Torres"


def test_a_chain_has_an_end() -> None:
    source: Any = "A"
    for _ in range(30):
        source = {"transformation": "trim", "options": {"source": source}}
    with pytest.raises(BadMapping) as caught:
        run("trim", "x", source=source)
    assert caught.value.code == "mapping.too_deep"


anything = st.text() | st.text(st.characters()) | st.text(" \t[]{}\"',0123456789+-/.:()$\ud800aAyYxX", max_size=60)


@settings(deadline=None, max_examples=examples(200))
@given(st.data(), st.sampled_from(sorted(CASES)))
def test_any_text_gives_a_text_or_a_problem(data: st.DataObject, name: str) -> None:
    options, row, _ = data.draw(st.sampled_from(CASES[name]))
    values = data.draw(st.lists(anything | st.sampled_from(row), min_size=len(row), max_size=len(row)))
    with suppress(ValueProblem):
        assert isinstance(run(name, *values, **options), str)


@settings(deadline=None, max_examples=examples(200))
@given(anything, st.text(max_size=20), st.text(max_size=10))
def test_any_options_give_a_text_or_a_clear_refusal(text: str, one: str, two: str) -> None:
    for name, options in (
        ("regex_replace", {"find": one, "replace": two}),
        ("substitute", {"find": one, "replace": two}),
        ("split", {"delimiter": one, "fragment": 2}),
        ("date", {"from": one, "to": two, "pivot": 50}),
        ("pad", {"width": 9, "fill": two}),
        ("match_codes", {"codes": {one: two}, "separator": two}),
        ("if_then_else", {"if": [{"source": "A", "operator": "matches", "value": one}], "then": "A", "else": "A"}),
    ):
        with suppress(ValueProblem, BadMapping):
            assert isinstance(run(name, text, **options), str)


@settings(deadline=None)
@given(st.text(), st.sampled_from(["trim", "squish", "lower", "proper_case", "transliterate"]))
def test_done_twice_is_done_once(text: str, name: str) -> None:
    options = {"keep_mixed": False} if name == "proper_case" else {}
    with suppress(ValueProblem):
        once = run(name, text, **options)
        assert run(name, once, **options) == once


def test_value_input_reads_nothing() -> None:
    inputs = RowInputs(Columns([]), {}, MOMENT)
    assert parse("value_input", {"value": "2026"}).compile(inputs)([]) == "2026"
    assert (inputs.used, inputs.lost, inputs.asked_moment) == ([], [], False)


def test_the_registry_names_what_there_is() -> None:
    with pytest.raises(BadMapping, match="no transformation 'dat'") as caught:
        parse("dat", {})
    assert caught.value.code == "mapping.transformation_unknown"
    assert "phone_number" in caught.value.fix


def test_every_transformation_says_what_it_does() -> None:
    for one in described():
        assert one["label"]
        assert one["description"]
        assert one["blank"]
        assert one["options"]["type"] == "object"


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
        """Upper-cased."""

        label: ClassVar[str] = "Shout"
        blank_gives: ClassVar[str] = "blank"

        source: Source

        def compile(self, inputs: Inputs) -> Reader:
            source = inputs.read(self.source)
            return lambda values: source(values).upper()

    assert run("shout", "mara") == "MARA"
    with pytest.raises(ValueError, match="two transformations named 'shout'"):
        transformation("shout")(Shout)
