"""Code tables: both directions from one, what nothing maps to, what is proposed, what a mapping may not say."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mapping.code_tables import code_problems, report, suggest, table_names, with_tables
from shared.model.catalog import catalog
from shared.model.codes import Code, CodeTable, CodeTableDraft
from shared.model.errors import BadMapping
from shared.model.mapping import MappingDraft

ENROLL = (Code(code="W", label="White"), Code(code="A", label="Asian"), Code(code="B", label="Black"))


def table(*pairs: tuple[str, str], sis: tuple[str, ...] = ()) -> CodeTableDraft:
    listed = [{"sis": one, "enroll": other} for one, other in pairs]
    known = [{"code": code} for code in sis]
    return CodeTableDraft.model_validate({"enroll_set": "race", "pairs": listed, "sis_codes": known})


def saved(name: str, *pairs: tuple[str, str]) -> CodeTable:
    about = {
        "id": "t",
        "connection": "c",
        "name": name,
        "version": 3,
        "created_at": datetime.now(UTC),
        "created_by": "u",
    }
    return CodeTable(**table(*pairs).model_dump(), **about)


def draft(*rows: dict[str, Any]) -> MappingDraft:
    return MappingDraft.model_validate({"fields": rows})


def match(target: str = "students.gender", **more: Any) -> dict[str, Any]:
    return {"type": "match_codes", "target": target, "source": "X", **more}


def test_the_first_pair_counts_in_each_direction() -> None:
    both = table(("1", "W"), ("2", "A"), ("5", "W"), ("2", "B"))
    assert both.inward() == {"1": "W", "2": "A", "5": "W"}
    assert both.outward() == {"W": "1", "A": "2", "B": "2"}


@given(st.dictionaries(st.text("abc", min_size=1), st.text("xyz", min_size=1)))
def test_there_and_back_where_every_code_has_one_partner(pairs: dict[str, str]) -> None:
    one_to_one = {enroll: sis for sis, enroll in pairs.items()}
    both = table(*((sis, enroll) for enroll, sis in one_to_one.items()))
    assert {both.outward()[enroll]: enroll for enroll in both.inward().values()} == both.inward()


def test_the_report_names_what_is_left_over_on_either_side() -> None:
    found = report(table(("1", "W"), ("2", "Z"), ("2", "A"), ("9", "W"), sis=("1", "2", "3")), ENROLL)
    assert [one.code for one in found.unmapped_sis] == ["3"]
    assert [one.label for one in found.unmapped_enroll] == ["Black"]
    assert (found.unknown_sis, found.unknown_enroll) == (("9",), ("Z",))
    assert (found.second_sis, found.second_enroll) == (("2",), ("W",))
    nothing_known = report(table(("1", "W")), ())
    assert (nothing_known.unknown_sis, nothing_known.unknown_enroll, nothing_known.unmapped_enroll) == ((), (), ())


def test_pairs_are_proposed_by_code_and_by_label_and_never_guessed() -> None:
    sis = [Code(code="w"), Code(code="2", label=" asian "), Code(code="black"), Code(code="9", label="Other")]
    assert [(one.sis, one.enroll) for one in suggest(sis, ENROLL)] == [("w", "W"), ("2", "A"), ("black", "B")]


def test_a_table_is_written_into_the_mapping_wherever_it_is_named() -> None:
    nested = {"transformation": "match_codes", "options": {"source": "Y", "table": "race"}}
    join = {"type": "transformation", "target": "students.race_other", "name": "join", "options": {"sources": [nested]}}
    named = draft(match(table="race"), join, match("students.ssn", codes={"a": "b"}))
    assert table_names(named) == {"race"}
    written = with_tables(named, {"race": saved("race", ("1", "W"))}).model_dump(mode="json")["fields"]
    assert (written[0]["codes"], written[0]["table_version"]) == ({"1": "W"}, 3)
    assert written[1]["options"]["sources"][0]["options"]["codes"] == {"1": "W"}
    assert written[2]["codes"] == {"a": "b"}
    with pytest.raises(BadMapping, match="no code table named 'race'") as caught:
        with_tables(named, {"grades": saved("grades")})
    assert "grades" in caught.value.fix


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (match(codes={"1": "F", "2": "M"}), ""),
        (match(codes={"1": "F", "2": "Q"}), "'Q'"),
        (match(codes={"1": "F"}, default="?"), "'?'"),
        (match(codes={}, when_blank="none"), "'none'"),
        (match("student_annual.grade", codes={"K": "00", "1": " 1"}), ""),
        (match("student_annual.grade", codes={"K": "99"}), "'99'"),
        (match("students.fname", codes={"1": "anything"}), ""),
        ({"type": "direct", "target": "students.gender", "source": "X"}, ""),
        (
            {"type": "transformation", "target": "students.gender", "name": "value_input", "options": {"value": "Z"}},
            "'Z'",
        ),
        (
            {
                "type": "transformation",
                "target": "students.gender",
                "name": "match_codes",
                "options": {"source": "X", "codes": {str(n): f"c{n}" for n in range(7)}},
            },
            "'c4' and 2 more",
        ),
    ],
)
def test_codes_that_enroll_does_not_have_are_refused(row: dict[str, Any], wrong: str) -> None:
    sets = {"gender": [Code(code="F"), Code(code="M")], "grades": [Code(code="0"), Code(code="1")]}
    problems = code_problems(draft(row), catalog("students"), sets)
    assert [(one.row, one.code) for one in problems] == ([(1, "mapping.code_unknown")] if wrong else [])
    assert all(wrong in one.message for one in problems)
    assert code_problems(draft(row), catalog("students"), {}) == []
