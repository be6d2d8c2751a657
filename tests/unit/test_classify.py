"""classify and decide: every way a row can stand to what was last sent."""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.engine.classify import Classified, classify
from shared.engine.spill import Spill
from shared.mapping.compiled import compile_mapping
from shared.mapping.mark import UNKNOWN, Mark
from shared.model.catalog import catalog
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment
from shared.model.record import Action, Problem, RowBatch
from shared.store.buckets import BUCKETS, Entries, bucket_of

GONE = "students.sis_missing"
COLUMNS = ("ID", "First", "Grade", "Last", "Born")
FIELDS = {
    "students.student_district_id": "ID",
    "students.fname": "First",
    "student_annual.grade": "Grade",
    "students.lname": "Last",
    "students.dob": "Born",
}
REST = ["Torres", "2015-03-09"]
DRAFT = MappingDraft.model_validate(
    {"fields": [{"type": "direct", "target": target, "source": column} for target, column in FIELDS.items()]}
)
COMPILED = compile_mapping(DRAFT, catalog("students"), COLUMNS, Moment(date(2026, 9, 1), 2026))

Row = tuple[int, list[str]]


def digest(*values: str) -> str:
    out, problems = COMPILED.record([*values, *REST])
    assert out is not None, problems
    return COMPILED.digest(out)


def mark(*values: str) -> str:
    return COMPILED.mark([*values, *REST])


def state(*entries: tuple[str, str, int], marks: Mapping[str, str] = MappingProxyType({})) -> dict[int, Entries]:
    """What was last sent: key, digest, and 1 for missing. Rows have no mark that is known but those in `marks`."""
    found: dict[int, Entries] = {}
    for key, known, missing in entries:
        found.setdefault(bucket_of(key), {})[key] = (known, f"id-{key}", missing, marks.get(key, "of another row"))
    return found


def sorted_out(
    rows: list[Row],
    known: dict[int, Entries] | None = None,
    roster: Literal["full", "some"] = "full",
    bad: list[tuple[int, Problem]] | None = None,
    mark: Mark = COMPILED.mark,
) -> Classified:
    with Spill(None) as spill:
        spill.add(RowBatch([(number, [*row, *REST]) for number, row in rows], bad or []), COMPILED.key, mark)
        spill.finish()
        artifact = spill.read(0, BUCKETS - 1)
    return classify(artifact, COMPILED, known or {}, roster=roster, missing_field=GONE)


def counts(found: Classified) -> dict[str, int]:
    return {name: number for name, number in found.counts.items() if number and name != "rows"}


ADA = ["1", "Ada", "3"]
BO = ["2", "Bo", "4"]


def unchanged(found: Classified) -> int:
    """However it was told: counted, or with a new mark to remember."""
    return found.counts["unchanged"] + len(found.adopted)


def test_rows_with_the_mark_that_was_sent_are_only_counted() -> None:
    found = sorted_out([(2, ADA)], state(("1", "whatever it became", 0), marks={"1": mark(*ADA)}))
    assert not found.candidates
    assert not found.missing
    assert not found.adopted
    assert counts(found) == {"unchanged": 1, "known": 1}


def test_a_row_that_reads_otherwise_and_becomes_the_same_has_its_mark_renewed() -> None:
    found = sorted_out([(2, ADA)], state(("1", digest(*ADA), 0)))
    assert not found.candidates
    (one,) = found.adopted
    assert (one.key, one.action, one.values, one.target_id) == ("1", Action.ADOPT, {}, "id-1")
    assert (one.digest, one.mark) == (digest(*ADA), mark(*ADA))
    assert counts(found) == {"known": 1}


def test_a_row_that_is_to_be_looked_at_in_any_case_is_the_same_as_none() -> None:
    """Not even as one that was sent without a mark: it may hold other values since."""
    known = state(("1", "what was sent", 0), ("2", digest(*BO), 0), marks={"1": UNKNOWN, "2": UNKNOWN})

    found = sorted_out([(2, ADA), (3, BO)], known, mark=lambda _: UNKNOWN)

    assert [one.key for one in found.candidates] == ["1"]
    assert [(one.key, one.action, one.mark) for one in found.adopted] == [("2", Action.ADOPT, UNKNOWN)]


def test_a_new_row_is_a_candidate() -> None:
    found = sorted_out([(2, ADA)])
    (one,) = found.candidates
    assert (one.row, one.key, one.known, one.was_missing, one.target_id) == (2, "1", False, False, None)
    assert one.values == {
        "students.student_district_id": "1",
        "students.fname": "Ada",
        "students.lname": "Torres",
        "students.dob": "2015-03-09",
        "student_annual.grade": 3,
    }
    assert (one.digest, one.mark) == (digest(*ADA), mark(*ADA))
    assert counts(found) == {}


def test_a_changed_row_is_a_candidate_that_is_known() -> None:
    (one,) = sorted_out([(2, ADA)], state(("1", "other", 0))).candidates
    assert (one.known, one.was_missing, one.target_id) == (True, False, "id-1")


@pytest.mark.parametrize("known", [digest(*ADA), "other"])
def test_a_row_that_was_missing_is_a_candidate_even_where_nothing_else_changed(known: str) -> None:
    found = sorted_out([(2, ADA)], state(("1", known, 1)))
    (one,) = found.candidates
    assert (one.known, one.was_missing) == (True, True)
    assert counts(found) == {}


def test_who_is_not_in_a_full_file_is_missing() -> None:
    found = sorted_out([(2, ADA)], state(("1", digest(*ADA), 0), ("2", "b", 0)))
    (one,) = found.missing
    assert (one.key, one.action, one.row, one.values, one.before) == ("2", Action.MISSING, 0, {GONE: 1}, {GONE: 0})
    assert (one.target_id, one.digest, one.mark) == ("id-2", "b", "of another row")
    assert unchanged(found) == 1
    assert counts(found) == {"missing": 1, "known": 2}


def test_nobody_is_missing_from_a_file_that_holds_only_some() -> None:
    assert not sorted_out([(2, ADA)], state(("2", "b", 0)), "some").missing


def test_who_was_marked_already_is_not_missing_again() -> None:
    found = sorted_out([(2, ADA)], state(("2", "b", 1)))
    assert not found.missing
    assert counts(found) == {}


@pytest.mark.parametrize("bad", [["2", "Bo", "four"], ["2", "x" * 101, "4"]])
def test_an_invalid_row_hurts_only_itself_and_its_key_is_not_missing(bad: list[str]) -> None:
    found = sorted_out([(2, ADA), (3, bad)], state(("2", "b", 0)))
    assert [one.key for one in found.candidates] == ["1"]
    (failed,) = found.invalid
    assert (failed.row, failed.key, failed.action) == (3, "2", Action.NONE)
    assert failed.problems
    assert not found.missing
    assert counts(found) == {"invalid": 1, "known": 1}


def test_a_blank_key_is_invalid() -> None:
    found = sorted_out([(2, ["", "Ada", "3"]), (3, ["  ", "Bo", "4"])], state(("2", "b", 0)), "some")
    assert sorted(one.row for one in found.invalid) == [2, 3]
    assert {problem.field for one in found.invalid for problem in one.problems} == {"students.student_district_id"}
    assert not found.candidates


def test_a_row_that_could_not_be_read_is_invalid() -> None:
    found = sorted_out([], bad=[(7, Problem("row.ragged", "Too few cells.", "Mend it."))])
    (failed,) = found.invalid
    assert (failed.row, failed.key, failed.problems[0].code) == (7, "", "row.ragged")
    assert found.counts["rows"] == 1


def test_exact_repeats_of_a_new_row_count_once() -> None:
    found = sorted_out([(2, ADA), (3, ADA), (4, ADA)])
    assert [one.row for one in found.candidates] == [2]
    assert counts(found) == {"duplicate": 2}


@pytest.mark.parametrize("marks", [{}, {"1": mark(*ADA)}])
def test_exact_repeats_of_an_unchanged_row_stay_unchanged(marks: dict[str, str]) -> None:
    found = sorted_out([(2, ADA), (3, ADA), (4, ADA)], state(("1", digest(*ADA), 0), marks=marks))
    assert not found.candidates
    assert unchanged(found) == 1
    assert len(found.adopted) == (not marks)
    assert (found.counts["duplicate"], found.counts["known"]) == (2, 1)


@pytest.mark.parametrize("known", ["nothing", "first", "second"])
@pytest.mark.parametrize("missing", [0, 1])
@pytest.mark.parametrize("marked", [False, True])
def test_rows_that_disagree_are_all_refused(known: str, missing: int, marked: bool) -> None:
    other = ["1", "Ada", "4"]
    held = {
        "nothing": state(),
        "first": state(("1", digest(*ADA), missing), marks={"1": mark(*ADA)} if marked else {}),
        "second": state(("1", digest(*other), missing), marks={"1": mark(*other)} if marked else {}),
    }
    found = sorted_out([(2, ADA), (3, other), (4, ADA), (5, BO)], held[known])
    assert [one.key for one in found.candidates] == ["2"]
    assert sorted(one.row for one in found.invalid) == [2, 3, 4]
    assert {problem.code for one in found.invalid for problem in one.problems} == {"key.repeated"}
    assert "3, 4" in next(one for one in found.invalid if one.row == 2).problems[0].message
    assert not found.missing
    assert unchanged(found) == 0


def test_an_invalid_repeat_leaves_the_good_row_alone() -> None:
    bad = ["1", "Ada", "three"]
    for rows in ([(2, ADA), (3, bad)], [(2, bad), (3, ADA)]):
        for marks in ({}, {"1": mark(*ADA)}):
            found = sorted_out(rows, state(("1", digest(*ADA), 0), marks=marks))
            assert unchanged(found) == 1
            assert (found.counts["invalid"], len(found.candidates), len(found.missing)) == (1, 0, 0)
        assert len(sorted_out(rows).candidates) == 1


def test_every_row_is_accounted_for() -> None:
    rows = [(2, ADA), (3, ADA), (4, BO), (5, ["3", "Cy", "x"]), (6, ["4", "Di", "1"]), (7, ["4", "Di", "2"])]
    found = sorted_out(rows, state(("2", digest(*BO), 0)))
    total = found.counts
    assert total["rows"] == 6
    assert len(found.candidates) + unchanged(found) + total["duplicate"] + total["invalid"] == 6


def test_a_row_whose_student_had_gone_is_looked_at_whatever_its_mark() -> None:
    found = sorted_out([(2, ADA)], state(("1", digest(*ADA), 1), marks={"1": mark(*ADA)}))
    (one,) = found.candidates
    assert one.was_missing


persons = st.tuples(st.sampled_from("123"), st.sampled_from(["Ada", "Bo"]), st.sampled_from(["3", "4", "x"]))


@settings(deadline=None)
@given(st.lists(persons.map(list), max_size=8), st.lists(persons.filter(lambda one: one[2] != "x"), max_size=4))
def test_marks_spare_work_and_change_no_decision(rows: list[list[str]], sent: list[tuple[str, str, str]]) -> None:
    numbered = list(enumerate(rows, 2))
    entries = [(one[0], digest(*one), 0) for one in sent]
    marked = sorted_out(numbered, state(*entries, marks={one[0]: mark(*one) for one in sent}))
    bare = sorted_out(numbered, state(*entries))
    assert not marked.adopted
    assert unchanged(marked) == unchanged(bare)
    assert marked.candidates == bare.candidates
    assert sorted(one.row for one in marked.invalid) == sorted(one.row for one in bare.invalid)
    assert [one.key for one in marked.missing] == [one.key for one in bare.missing]
    assert marked.counts["duplicate"] == bare.counts["duplicate"]


def test_every_record_has_the_name_of_its_row_and_a_missing_one_that_of_before() -> None:
    known = state(("1", digest("1", "Ana", "3"), 0), ("gone", "d", 0))
    known[bucket_of("gone")]["gone"] = ("d", "id-gone", 0, "m", "Leo Ito")
    found = sorted_out([(2, ["1", "Anna", "3"]), (3, ["2", "Mara", "none"]), (4, ["3", "Jun", "4"])], known)
    assert {one.key: one.label for one in found.candidates} == {"1": "Anna Torres", "3": "Jun Torres"}
    assert [one.label for one in found.invalid] == ["Mara Torres"]
    assert [one.label for one in found.missing] == ["Leo Ito"]
