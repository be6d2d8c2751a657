"""What pages call things: every state, trigger, outcome and kind has a word."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from services.gateway.actions import LEFT_ALONE
from services.gateway.pages import words
from services.gateway.values import shown
from shared.adapters.registrations import Listed
from shared.model.kind import Kind
from shared.model.permission import Identity
from shared.model.record import Outcome
from shared.model.run import RunState, SourceSpec, Trigger
from shared.store.sessions import Session
from tests.integration.enroll_runs import make_run


def test_everything_has_a_word() -> None:
    assert set(words.STATES) == set(RunState)
    assert set(words.KINDS) == set(Kind)
    assert set(words.OUTCOMES) == {*(one.value for one in Outcome), LEFT_ALONE}
    assert set(words.TRIGGERS) == set(get_args(Trigger.model_fields["kind"].annotation))


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.42, "0.4 s"), (12, "12 s"), (59.6, "1 min 0 s"), (200, "3 min 20 s"), (3900, "1 h 5 min")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert words.duration(seconds) == shown


@pytest.mark.parametrize(
    ("zone", "shown"), [("", "5 Jan 2026, 01:30 UTC"), ("America/Denver", "4 Jan 2026, 18:30 MST")]
)
def test_times_are_those_of_the_district(zone: str, shown: str) -> None:
    assert words.moment(datetime(2026, 1, 5, 1, 30, tzinfo=UTC), zone) == shown


def test_no_time_is_a_dash() -> None:
    assert words.moment(None) == "–"


def test_a_school_year_is_written_in_one_way() -> None:
    """Wherever a page shows one; what a form sends is the number."""
    assert words.school_year(2026) == "2026-27"
    assert words.school_year(2099) == "2099-00"
    bare = re.compile(r"(?<!value=\"){{[^}]*\bschool_year\s*}}")
    filtered = re.compile(r"\| school_year\s*}}")
    pages = Path(words.__file__).parent / "templates"
    shown = [(one.name, found) for one in pages.rglob("*.html") for found in bare.findall(one.read_text("utf-8"))]
    assert len(shown) >= 4
    assert [one for one in shown if not filtered.search(one[1])] == []


@pytest.mark.parametrize(
    ("held", "said"),
    [(None, "(blank)"), ("", "(blank)"), (["W", "B"], "W, B"), (0, "0"), ("\u202eFox", "[U+202E]Fox")],
)
def test_values(held: object, said: str) -> None:
    assert shown(held) == said


def test_a_version_of_a_mapping_has_its_name_in_quotes() -> None:
    assert words.versioned("default", 2) == "“default”, version 2"


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [("Cedar Middle", "400", "Cedar Middle"), ("", "400", "school 400"), ("", "", "no school")],
)
def test_the_school_of_a_registration(name: str, code: str, said: str) -> None:
    assert words.at_school(Listed("1", "2", "S-1", "Mara", "Torres", name, "3", code)) == said


@pytest.mark.parametrize(
    ("kind", "by", "said"),
    [
        ("person", "u-1", "by hand, Dana Reyes (u-1)"),
        ("person", "u-2", "by hand, u-2"),
        ("schedule", "u-2", "by schedule, switched on by u-2"),
        ("event", "", "by an event of Enroll"),
        ("replay", "u-2", "by hand, u-2: a retry"),
        ("undo", "u-1", "by hand, Dana Reyes (u-1): an undo"),
    ],
)
def test_who_asked_for_a_run(kind: Any, by: str, said: str) -> None:
    reader = Session("s", Identity("o", "u-1"), "Dana Reyes", "Mesa", "mark")
    assert words.asked_by(make_run(trigger=Trigger(kind=kind, by=by)), reader) == said


def test_what_a_waiting_run_would_do() -> None:
    counts = {"create": 3, "update": 2, "missing": 1, "created": 0}
    waiting = make_run(state=RunState.NEEDS_APPROVAL, counts=counts)
    assert (words.planned(waiting, "created"), words.planned(waiting, "updated")) == (3, 3)
    assert words.planned(make_run(state=RunState.SUCCEEDED, counts=counts), "created") is None
    undone = make_run(state=RunState.SUCCEEDED, counts={"created": 1, "updated": 2, "removed": 3})
    assert (words.written(undone, "created"), words.written(undone, "updated")) == (1, 5)


def test_what_a_run_counted_has_a_word_and_nothing_else_is_shown() -> None:
    counts = {"rows": 9, "create": 0, "missing": 2, "remove": 1, "known": 7}
    shown = words.counted(make_run(counts=counts))
    assert shown == [(9, "Rows read"), (1, "To remove"), (2, "Not in the file any more")]
    assert words.counted(make_run(counts=dict.fromkeys(counts, 0))) == []
    pulled = make_run(counts=counts, source=SourceSpec(kind="api"))
    assert (2, "Not in the SIS any more") in words.counted(pulled)


def test_an_export_counts_registrations() -> None:
    counts = {"rows": 9, "invalid": 2, "tell": 3}
    assert words.counted(make_run(direction="export", counts=counts)) == [
        (9, "Registrations read"),
        (2, "Cannot be exported"),
        (3, "Only to be told to Enroll: how they stand"),
    ]


@pytest.mark.parametrize(
    ("delivery", "counts", "said", "button"),
    [
        ("sis", {"rows": 9, "unchanged": 9, "tell": 9}, "nothing would be exported", "Approve and tell Enroll"),
        ("sis", {"rows": 9, "create": 1, "tell": 8}, "Look at what would change below", "Approve and send"),
        ("sftp", {"rows": 9, "unchanged": 9, "tell": 9}, "approving makes the files once more", "Approve and send"),
        ("sftp", {"rows": 9, "invalid": 9, "tell": 9}, "nothing would be exported", "Approve and tell Enroll"),
        ("", {"rows": 9, "update": 9}, "Look at what would change below", "Approve and send"),
    ],
)
def test_a_run_that_waits_says_what_there_is_to_look_at(
    delivery: Any, counts: dict[str, int], said: str, button: str
) -> None:
    run = make_run(delivery=delivery, counts=counts, state=RunState.NEEDS_APPROVAL)
    assert said in words.to_look_at(run)
    assert words.to_approve(run) == button


def test_an_undo_is_called_one_and_counts_in_its_own_words() -> None:
    undo = SourceSpec(kind="undo", run="run_1")
    counts = {"rows": 5, "updated": 4, "invalid": 1}
    done = make_run(state=RunState.PARTIAL, source=undo, counts=counts)
    assert words.counted(done) == [(5, "Records looked at"), (1, "Left alone"), (4, "Changed back")]
    said = [words.what(one) for one in (make_run(), done, done.model_copy(update={"direction": "export"}))]
    assert said == ["Import", "Undo of an import", "Undo of an export"]


def test_what_an_undo_leaves_alone_has_not_failed() -> None:
    counts = {"rows": 5, "invalid": 2, "failed": 1}
    undo = make_run(source=SourceSpec(kind="undo", run="run_1"), counts=counts)
    assert (words.failed(undo), words.left_alone(undo)) == (1, 2)
    assert (words.failed(make_run(counts=counts)), words.left_alone(make_run(counts=counts))) == (3, 0)


def test_an_undo_of_an_undo_is_not_that_of_an_import() -> None:
    undo, again = SourceSpec(kind="undo", run="run_1"), SourceSpec(kind="undo", run="run_2", of_undo=True)
    assert words.what(make_run(source=again)) == "Undo of an undo of an import"
    assert words.what(make_run(source=again, direction="export")) == "Undo of an undo of an export"
    assert [words.earlier(one) for one in (undo, again)] == ["an earlier run", "an earlier undo"]


@pytest.mark.parametrize(
    ("state", "by", "shown"),
    [
        (RunState.COMPARING, None, True),
        (RunState.NEEDS_APPROVAL, None, True),
        (RunState.CANCELLED, "u-1", True),
        (RunState.SUCCEEDED, None, True),
        (RunState.APPLYING, "u-1", False),
        (RunState.PARTIAL, "u-1", False),
        (RunState.FAILED, "u-1", False),
    ],
)
def test_a_run_is_a_preview_until_it_is_approved(state: RunState, by: str | None, shown: bool) -> None:
    assert words.only_shows(make_run(preview=True, state=state, decided_by=by)) is shown
    assert not words.only_shows(make_run(state=state, decided_by=by))
