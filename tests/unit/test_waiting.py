"""A step that is tried again says so on its run: no oftener than it is tried, and not for its last attempt."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from services.gateway.pages.site import environment, fragment
from shared.contracts.messages import ExportDeliver, RunMessage, RunRequested, SliceApply, SliceCompare
from shared.contracts.topology import Topology
from shared.engine.waiting import noting, step_of
from shared.messaging.answers import Answer, Delivery, Done, Later
from shared.model.error_texts import said
from shared.model.errors import Unavailable
from shared.model.run import RunState, Wait
from tests.integration.enroll_runs import make_connection, make_run

TOPOLOGY = Topology(retry_delays=(5, 30))
ASKED = SliceApply(organization="o", run="run_1", slice=3)
AWAY = Unavailable(*said("enroll.unavailable", why="answered 503"))


class Runs:
    """What was noted of a run."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Wait | None]] = []

    async def note_wait(self, id: str, step: str, wait: Wait) -> bool:
        self.told.append((step, wait))
        return True

    async def waits_no_more(self, id: str, step: str) -> None:
        self.told.append((step, None))


async def tried(attempt: int, outcome: Answer | Exception) -> list[tuple[str, Wait | None]]:
    runs = Runs()
    store: Any = SimpleNamespace(org=lambda _: SimpleNamespace(runs=runs))

    async def handle(message: RunMessage, delivery: Delivery) -> Answer:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    delivery = Delivery("m", "q", datetime.now(UTC), attempt, attempt > len(TOPOLOGY.retry_delays))
    work = noting(store, TOPOLOGY, handle)
    if isinstance(outcome, Exception):
        with pytest.raises(type(outcome)):
            await work(ASKED, delivery)
    else:
        assert await work(ASKED, delivery) is outcome
    return runs.told


async def test_why_and_when_it_is_tried_again() -> None:
    ((step, first),) = await tried(1, AWAY)
    ((_, second),) = await tried(2, AWAY)
    assert first is not None
    assert second is not None
    assert (step, first.code, first.message, first.attempt, first.attempts) == (
        *("apply_3", "enroll.unavailable", "Enroll answered 503."),
        *(1, 3),
    )
    assert first.since is not None
    assert (first.next_at - first.since).total_seconds() == 5
    assert (second.since, second.attempt) == (None, 2)


async def test_of_what_nobody_foresaw_the_kind_alone_is_told() -> None:
    ((_, wait),) = await tried(1, ValueError("Mara Torres"))
    assert wait is not None
    assert (wait.code, "Mara" in wait.message) == ("internal", False)


@pytest.mark.parametrize(
    ("attempt", "outcome", "told"),
    [(3, AWAY, []), (1, Done(), []), (2, Later(1, "busy"), []), (2, Done(), [("apply_3", None)])],
)
async def test_nothing_more_is_written_than_changes(attempt: int, outcome: Answer | Exception, told: list[Any]) -> None:
    assert await tried(attempt, outcome) == told


def page_of(**waits: Wait) -> tuple[str, str]:
    """What is said of them on the page of their run, and in short."""
    run, connection = make_run(state=RunState.APPLYING, waits=waits), make_connection()
    short: Any = environment().get_template("macros.html").module
    told = fragment("progress.html", run=run, connection=connection, steps=[], ahead=None), short.held_up(run, "UTC")
    return tuple(" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in told)  # type: ignore[return-value]


def test_of_several_it_is_said_how_many_wait_and_when_the_next_is_tried() -> None:
    at = datetime(2999, 1, 1, 12, tzinfo=UTC)
    about = {"code": "c", "attempts": 6, "since": at}
    first = Wait(message="Enroll answered 503.", attempt=2, next_at=at + timedelta(minutes=9), **about)
    next_ = Wait(message="Enroll answered 502.", attempt=1, next_at=at + timedelta(minutes=7), **about)
    last = next_.model_copy(update={"since": at - timedelta(minutes=1), "next_at": at + timedelta(minutes=8)})

    page, short = page_of(apply_0=first, apply_1=next_, apply_2=last)
    assert "Enroll answered 502. Enroll answered 503. Since 1 Jan 2999, 11:59 UTC." in page
    assert "3 parts of the run wait. Of the one that is next, attempt 1 of 6 did not get through." in page
    assert "It is tried again by itself at 1 Jan 2999, 12:07 UTC." in page
    assert "Enroll answered 502. 3 parts wait. Of the one that is next: It is tried again by itself at" in short

    page, short = page_of(apply_0=first)
    assert "Since 1 Jan 2999, 12:00 UTC. Attempt 2 of 6 did not get through. It is tried again" in page
    assert "Enroll answered 503. It is tried again by itself at 1 Jan 2999, 12:09 UTC." in short


def test_each_step_has_a_name_that_a_field_may_have() -> None:
    asked = {"organization": "o", "run": "run_1"}
    assert [
        step_of(one) for one in (RunRequested(**asked), ExportDeliver(**asked), SliceCompare(**asked, slice=0))
    ] == [
        *("begin", "deliver", "compare_0"),
    ]
