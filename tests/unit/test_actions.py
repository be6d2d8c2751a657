"""What is done about a record is told in people's words, and never by the engine's."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.gateway.actions import action_of, choices, outcome_of, outcomes
from shared.model.record import Action, Outcome
from shared.model.run import Run, RunState, SourceSpec, Trigger


def run_of(state: RunState = RunState.SUCCEEDED, kind: Any = "upload") -> Run:
    return Run(
        id="run_1",
        org="o",
        connection="con_1",
        data_type="students",
        school_year=2026,
        mapping="map_1",
        lane="interactive",
        trigger=Trigger(kind="person", by="u-1"),
        source=SourceSpec(kind=kind),
        created_at=datetime(2026, 11, 25, tzinfo=UTC),
        state=state,
    )


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("action", Action)
def test_everything_has_words(action: Action, outcome: Outcome) -> None:
    said = action_of({"action": action.value, "outcome": outcome.value}, run_of())
    assert said[0].isupper()
    assert said.lower() not in {one.value for one in Action}


@pytest.mark.parametrize(
    ("action", "outcome", "said"),
    [
        ("create", "Pending", "To create"),
        ("create", "In Progress", "To create"),
        ("create", "Succeeded", "Created"),
        ("update", "Partial Sync", "Changed"),
        ("update", "Failed", "Not changed"),
        ("remove", "Cancelled", "Not removed"),
        ("update", "Stopped", "To change"),
        ("none", "Failed", "Not sent"),
    ],
)
def test_planned_done_and_not_done_are_told_apart(action: str, outcome: str, said: str) -> None:
    assert action_of({"action": action, "outcome": outcome}, run_of()) == said


@pytest.mark.parametrize(
    ("action", "outcome", "said"),
    [
        ("create", "Pending", "To bring back"),
        ("update", "Succeeded", "Changed back"),
        ("update", "Failed", "Not changed back"),
        ("remove", "Succeeded", "Removed"),
        ("adopt", "Succeeded", "Unchanged"),
        ("none", "Failed", "Left alone"),
    ],
)
def test_an_undo_has_words_of_its_own(action: str, outcome: str, said: str) -> None:
    undo = run_of().model_copy(update={"source": SourceSpec(kind="undo", run="run_0")})
    assert action_of({"action": action, "outcome": outcome}, undo) == said
    assert set(choices(undo)) == set(Action) - {Action.ADOPT, Action.MISSING}, (
        "nothing is missing from what was written"
    )


def test_what_an_undo_leaves_alone_has_not_failed() -> None:
    undo = run_of().model_copy(update={"source": SourceSpec(kind="undo", run="run_0")})
    left, refused = ({"action": action, "outcome": "Failed"} for action in ("none", "update"))
    assert [outcome_of(left, undo), outcome_of(refused, undo), outcome_of(left, run_of())] == [
        "Left alone",
        "Failed",
        "Failed",
    ]
    assert (outcomes(undo)["Failed"], outcomes(run_of())["Failed"]) == ("Failed, or left alone", "Failed")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("upload", "Not in the file any more"),
        ("sftp", "Not in the file any more"),
        ("api", "Not in the SIS any more"),
        ("enroll", "Not approved any more"),
    ],
)
def test_who_is_missing_is_missing_from_somewhere(kind: str, said: str) -> None:
    run = run_of(kind=kind)
    assert action_of({"action": "missing", "outcome": "Succeeded"}, run) == choices(run)["missing"] == said


def test_a_retry_offers_nobody_who_is_missing_and_calls_them_as_its_export_does() -> None:
    retry = run_of(kind="failed")
    assert set(choices(retry)) == set(Action) - {Action.ADOPT, Action.MISSING}
    of_export = retry.model_copy(update={"direction": "export"})
    assert action_of({"action": "missing", "outcome": "Succeeded"}, of_export) == "Not approved any more"


def test_the_choices_fit_how_far_a_run_is() -> None:
    assert set(choices(run_of())) == set(Action) - {Action.ADOPT}
    for state in (RunState.NEEDS_APPROVAL, RunState.APPLYING, RunState.CANCELLED):
        assert choices(run_of(state))["create"] == "To create"
    assert choices(run_of(RunState.PARTIAL))["create"] == "Created, or failed"
