"""What the page of a run says about the runs that undo or retry it."""

import pytest

from services.gateway.pages import words
from shared.engine.undoing import is_over
from shared.model.run import RunState, SourceSpec
from tests.integration.enroll_runs import make_run

UNDO, RETRY = SourceSpec(kind="undo", run="run_1"), SourceSpec(kind="failed", run="run_1")


@pytest.mark.parametrize(
    ("source", "state", "said"),
    [
        (UNDO, RunState.NEEDS_APPROVAL, "Undo waits for approval:"),
        (UNDO, RunState.CANCELLED, "Undo, not done:"),
        (UNDO, RunState.COMPARING, "Undo under way:"),
        (UNDO, RunState.FAILED, "Partly undone by"),
        (UNDO, RunState.PARTIAL, "Partly undone by"),
        (UNDO, RunState.SUCCEEDED, "Undone by"),
        (RETRY, RunState.NEEDS_APPROVAL, "Retry of what failed waits for approval:"),
        (RETRY, RunState.PARTIAL, "What failed was retried:"),
    ],
)
def test_how_a_run_followed_is_said_by_its_state(source: SourceSpec, state: RunState, said: str) -> None:
    assert words.followed(make_run(source=source, state=state, counts={"rows": 2, "updated": 1})) == said


def test_an_undo_that_left_everything_alone_has_undone_nothing() -> None:
    nothing = make_run(source=UNDO, state=RunState.FAILED, counts={"rows": 2, "invalid": 2})
    assert (words.followed(nothing), words.taken_back(nothing)) == ("Undo, nothing taken back:", "0 of 2 taken back")
    assert words.taken_back(nothing.model_copy(update={"counts": {}})) == "", "it broke off before it had looked"


def test_a_preview_of_an_undo_that_would_leave_everything_alone_has_undone_nothing_and_stands_in_no_way() -> None:
    about = {"source": UNDO, "preview": True, "state": RunState.SUCCEEDED}
    looked = make_run(**about, counts={"rows": 2, "invalid": 2})
    assert (words.followed(looked), words.taken_back(looked)) == ("Undo, nothing taken back:", "0 of 2 taken back")
    assert (is_over(looked), is_over(make_run(**about, counts={"rows": 2, "unchanged": 2}))) == (True, False)


def test_how_much_was_taken_back_is_told_once_it_is_known() -> None:
    counts = {"rows": 1005, "updated": 1000, "removed": 2, "unchanged": 1, "invalid": 2, "partial": 3}
    done = make_run(source=UNDO, state=RunState.PARTIAL, counts=counts)
    assert words.taken_back(done) == "1,003 of 1,005 taken back, 3 of them in part"
    for other in (RunState.NEEDS_APPROVAL, RunState.CANCELLED):
        assert words.taken_back(done.model_copy(update={"state": other})) == ""
    assert words.taken_back(done.model_copy(update={"source": RETRY})) == ""
