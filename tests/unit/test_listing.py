"""The rows of an export: which stand in the file, what of them is new, and what Enroll is told."""

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shared.engine import blocks
from shared.engine.listing import MAX_REASON, REASON, Listed, list_rows, reason
from shared.mapping.export_rows import KEY, STATUS, CompiledExport, compile_export
from shared.model.export_file import ExportDraft
from shared.model.moment import Moment
from shared.model.record import Action, Problem
from shared.store.buckets import Entries

COLUMNS = (KEY, STATUS, "students.fname", "students.dob")
BORN = {"transformation": "date", "options": {"source": "students.dob", "from": "YYYY-MM-DD", "to": "MM/DD/YYYY"}}


def compiled(*names: str) -> CompiledExport:
    columns = [{"header": "ID", "source": KEY}, {"header": "Name", "source": "students.fname"}]
    files = [{"name": name, "columns": [*columns, {"header": "Born", "source": BORN}]} for name in names or ("one",)]
    return compile_export(ExportDraft.model_validate({"files": files}), COLUMNS, Moment(date(2026, 9, 1), 2026))


def listed(*rows: tuple[str, str, str, str], known: Entries | None = None) -> Listed:
    """In the order of a slice: by bucket, not by number."""
    numbered = [(number, list(row), row[0], "") for number, row in enumerate(rows, 2)]
    return list_rows(blocks.pack(numbered[::-1], 2), compiled(), {0: known or {}})


def remembered(*rows: tuple[str, str, str, str]) -> Entries:
    return {one.key: (one.digest, "", 0, "") for one in listed(*rows).changes if one.action is Action.CREATE}


def actions(found: Listed) -> dict[str, Action]:
    return {one.key: one.action for one in found.changes}


ROWS = (("1", "", "Mara", "2015-03-09"), ("2", "", "José", "2014-01-02"), ("3", "", "Nguyễn", ""))


def test_everyone_stands_in_the_file_in_order() -> None:
    found = listed(*ROWS)
    assert [number for number, _ in found.rows] == [2, 3, 4]
    assert found.rows[0][1] == [["1", "Mara", "03/09/2015"]]
    assert actions(found) == dict.fromkeys("123", Action.CREATE)
    first = next(one for one in found.changes if one.key == "1")
    assert first.values == {"ID": "1", "Name": "Mara", "Born": "03/09/2015"}


def test_what_is_unchanged_stands_in_the_file_too_and_is_told_only_where_enroll_does_not_know() -> None:
    known = remembered(*ROWS)
    told = [(id, "Succeeded" if id == "1" else "Pending", *rest) for id, _, *rest in ROWS]
    found = listed(*told, known=known)  # type: ignore[arg-type]
    assert len(found.rows) == 3
    assert actions(found) == {"2": Action.ADOPT, "3": Action.ADOPT}
    assert (found.counts["unchanged"], found.counts["known"]) == (3, 3)


def test_another_value_is_an_update_and_who_is_gone_is_missing() -> None:
    known = remembered(*ROWS)
    found = listed(("1", "Succeeded", "Maria", "2015-03-09"), ("4", "", "Ana", ""), known=known)
    assert actions(found) == {"1": Action.UPDATE, "4": Action.CREATE, "2": Action.MISSING, "3": Action.MISSING}
    wanted = {"create": 1, "update": 1, "missing": 2, "known": 3}
    assert {name: found.counts[name] for name in wanted} == wanted


def test_a_bad_one_is_left_out_of_every_file_and_enroll_hears_why() -> None:
    found = listed(("1", "", "Mara", "spring"), ROWS[1])
    assert [number for number, _ in found.rows] == [3]
    assert actions(found) == {"1": Action.NONE, "2": Action.CREATE}
    (bad,) = (one for one in found.changes if one.action is Action.NONE)
    assert bad.values[REASON].startswith("Born: ")
    assert [(one.row, one.problems[0].code) for one in found.invalid] == [(2, "date.wrong_pattern")]
    assert "spring" not in bad.values[REASON]


def test_who_comes_twice_stands_in_the_file_once() -> None:
    found = listed(*ROWS, ROWS[0])
    assert len(found.rows) == 3
    assert (found.counts["rows"], found.counts["duplicate"]) == (4, 1)


def test_several_files_name_theirs_and_tell_a_problem_once() -> None:
    both = compiled("one", "two")
    cells, _ = both.cells(list(ROWS[0]))
    assert cells is not None
    assert list(both.named(cells)) == [
        f"{name}: {header}" for name in ("one", "two") for header in ("ID", "Name", "Born")
    ]
    none, problems = both.cells(["1", "", "Mara", "spring"])
    assert (none, len(problems)) == (None, 1)


@given(st.lists(st.builds(Problem, st.text(), st.text(), st.text(), st.text()), max_size=5))
def test_a_reason_is_never_longer_than_enroll_keeps(problems: list[Any]) -> None:
    assert len(reason(problems)) <= MAX_REASON


def test_every_record_has_the_name_of_its_student() -> None:
    found = listed(("1", "", "Mara", "2015-03-09"), ("2", "", "José", "tomorrow"), known={"9": ("d", "", 0, "", "Ana")})
    assert {one.key: one.label for one in found.changes if one.action is not Action.NONE} == {"1": "Mara", "9": "Ana"}
    assert [one.label for one in found.invalid] == ["José"]
