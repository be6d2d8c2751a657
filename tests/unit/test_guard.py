"""guard: what stops a run, and what does not."""

from typing import Any

import pytest

from shared.engine.guard import export_objections, objections, only_told, reasons_to_ask, undo_objections
from shared.model.catalog import catalog
from shared.model.connection import SafetyLimits
from shared.model.run import SourceSpec, add_counts
from tests.integration.enroll_runs import make_run

LIMITS = SafetyLimits(missing_percent=10, changed_percent=50, invalid_percent=10, few=5)
STUDENTS = catalog("students")


def codes(
    stage: dict[str, Any] | None = None, *, full: bool = True, limits: SafetyLimits = LIMITS, **counts: int
) -> Any:
    found = objections(add_counts([counts]), limits, stage or {}, STUDENTS, full_roster=full)
    assert all(one.keys() == {"code", "message", "fix"} and one["fix"] for one in found)
    return [one["code"].removeprefix("guard.") for one in found]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"known": 100, "rows": 50, "update": 50}, []),
        ({"known": 100, "rows": 51, "update": 40, "create": 11}, ["guard.too_many_changed"]),
        ({"known": 100, "rows": 11, "remove": 11}, ["guard.too_many_removed"]),
        ({"known": 100, "rows": 5, "remove": 5}, []),
        ({"known": 100, "rows": 20, "invalid": 6}, ["guard.too_many_left"]),
        ({"known": 100, "rows": 1, "update": 1, "losing": 1}, ["guard.access_lost"]),
    ],
)
def test_what_stops_an_undo(counts: dict[str, int], expected: list[str]) -> None:
    assert [one["code"] for one in undo_objections(add_counts([counts]), LIMITS)] == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"known": 100, "rows": 100, "update": 100}, []),
        ({"known": 100, "rows": 89, "missing": 11}, ["guard.too_many_gone"]),
        ({"known": 100, "rows": 90, "missing": 10}, []),
        ({"rows": 100, "invalid": 11}, ["guard.too_many_unfit"]),
        ({"rows": 100, "invalid": 100}, ["guard.none_fit"]),
        ({"rows": 5, "invalid": 5}, []),
    ],
)
def test_an_export_is_stopped_by_who_is_gone_and_by_what_is_bad(counts: dict[str, int], expected: list[str]) -> None:
    assert [one["code"] for one in export_objections(add_counts([counts]), LIMITS)] == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"known": 100, "rows": 100}, []),
        ({"known": 100, "missing": 10}, []),
        ({"known": 100, "missing": 11}, ["too_many_missing"]),
        ({"known": 10, "missing": 5}, []),
        ({"known": 10, "missing": 6}, ["too_many_missing"]),
        ({"known": 100, "rows": 100, "update": 50}, []),
        ({"known": 100, "rows": 100, "update": 51}, ["too_many_changed"]),
        ({"known": 0, "rows": 100, "update": 50}, []),
        ({"known": 0, "rows": 100, "update": 100}, ["too_many_changed"]),
        ({"rows": 100, "invalid": 10}, []),
        ({"rows": 100, "invalid": 11}, ["too_many_invalid"]),
        ({"rows": 5, "invalid": 5}, []),
        ({"known": 100, "rows": 100, "create": 100}, []),
        ({"known": 5, "rows": 5, "invalid": 5, "missing": 5}, ["all_invalid"]),
        ({"known": 5, "rows": 5, "invalid": 4, "missing": 4}, []),
        (
            {"known": 100, "rows": 100, "missing": 20, "update": 60, "invalid": 20},
            ["too_many_missing", "too_many_changed", "too_many_invalid"],
        ),
    ],
)
def test_limits(counts: dict[str, int], expected: list[str]) -> None:
    found = objections(add_counts([counts]), LIMITS, {}, STUDENTS, full_roster=True)
    assert [one["code"].removeprefix("guard.") for one in found] == expected


def test_missing_records_do_not_count_where_the_file_holds_only_some() -> None:
    assert codes(full=False, known=100, missing=100) == []


def test_a_limit_of_nothing_stops_at_one() -> None:
    strict = SafetyLimits(missing_percent=0, changed_percent=0, invalid_percent=0, few=0)
    assert codes(limits=strict, known=100, rows=100, missing=1) == ["too_many_missing"]
    assert codes(limits=strict, known=100, rows=100) == []


def test_signs_of_a_bad_file() -> None:
    stage = {"warnings": ["file.cut_short"], "lost_columns": [["Home Tel", "student_annual.phone"]]}
    assert codes(stage, known=100, rows=100) == ["cut_short", "column_gone"]
    found = objections(add_counts([]), LIMITS, stage, STUDENTS, full_roster=True)
    assert found[1]["message"].startswith("The mapping takes Phone from the column 'Home Tel', which")
    assert codes({"warnings": ["file.other"]}) == []


def test_the_message_names_the_numbers() -> None:
    found = objections(add_counts([{"known": 200, "missing": 50}]), LIMITS, {}, STUDENTS, full_roster=True)
    assert found[0]["message"].startswith("50 of 200 known records are not in the file (25.0 %; the limit is 10 %)")


def test_who_is_missing_is_told_by_where_they_were_read_and_is_marked_not_deleted() -> None:
    counts = add_counts([{"known": 200, "missing": 50, "rows": 150}])
    for source, where in ((SourceSpec(kind="api"), "the SIS"), (SourceSpec(kind="sftp"), "the file")):
        run = make_run(source=source, roster="full")
        (told,) = reasons_to_ask(run, counts, LIMITS)
        assert f"are not in {where} (" in told["message"]
        assert told["fix"].startswith(f"Check that {where} has everybody.")
        assert told["fix"].endswith("marked as missing in Enroll; nothing is deleted.")


@pytest.mark.parametrize("delivery", ["sis", "sftp", "download"])
def test_an_export_is_asked_about_in_words_of_exports(delivery: Any) -> None:
    run = make_run(direction="export", delivery=delivery)
    (told,) = reasons_to_ask(run, add_counts([{"rows": 100, "invalid": 40}]), LIMITS)
    assert told["message"].startswith("40 of 100 registrations cannot be exported (40.0 %")
    assert "approve to export the others: Enroll then shows these as Failed" in told["fix"]
    (none,) = reasons_to_ask(run, add_counts([{"rows": 100, "invalid": 100}]), LIMITS)
    assert none["message"] == "None of the registrations can be exported."
    assert "Approving exports nobody" in none["fix"]
    assert not any("import" in text for one in (told, none) for text in one.values())


def test_where_enroll_would_only_be_told_it_is_said_what_approving_does() -> None:
    for tell, failed, stand in [
        (100, 7, "100 registrations stand, 7 of them as Failed."),
        (2, 0, "2 registrations stand."),
        (1, 0, "1 registration stands."),
        (1, 1, "1 registration stands, as Failed."),
    ]:
        (some,) = only_told(add_counts([{"rows": 100, "invalid": 7, "tell": tell, "tell_failed": failed}]))
        assert some["message"] == f"Nothing would be exported. Enroll would only be told how {stand}"
    (none,) = only_told(add_counts([{"rows": 7, "invalid": 7, "tell": 7}]))
    assert none["code"] == "guard.none_fit"
