"""What a run waits for: another one of its stream, or the next attempt at a step that did not get through."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from shared.contracts.messages import ExportDeliver, RunMessage, SliceApply, SliceCompare
from shared.contracts.topology import Topology
from shared.messaging.answers import Answer, Delivery, Done
from shared.messaging.retry import delay_after
from shared.model.error_texts import told
from shared.model.errors import SyncError
from shared.model.run import Run, RunState, Wait
from shared.store.database import OrgStore, Store
from shared.store.runs import stream_of

M = TypeVar("M", bound=RunMessage)
Handle = Callable[[M, Delivery], Awaitable[Answer]]


async def ahead_of(org: OrgStore, run: Run) -> Run | None:
    """The run that this one, which has not begun, waits for: the active one of its stream, or the oldest that waits."""
    if run.state is not RunState.PENDING:
        return None
    found = await org.runs.active(stream_of(run)) or await org.runs.oldest_waiting(stream_of(run))
    return found if found and found.id != run.id else None


def noting(store: Store, topology: Topology, handle: Handle[M]) -> Handle[M]:
    """The handler, which notes on the run why it will be tried again, and when; and takes that back once it went on."""

    async def work(message: M, delivery: Delivery) -> Answer:
        runs = store.org(message.organization).runs
        try:
            answer = await handle(message, delivery)
        except Exception as error:
            if not delivery.last:
                with suppress(SyncError):  # it may be the database that is away
                    await runs.note_wait(message.run, step_of(message), _wait(topology, delivery, error))
            raise
        if delivery.attempt > 1 and isinstance(answer, Done):
            with suppress(SyncError):
                await runs.waits_no_more(message.run, step_of(message))
        return answer

    return work


def step_of(message: RunMessage) -> str:
    """`begin`, `compare_3`, `deliver`, `apply_0`: the step that a message asks for."""
    match message:
        case SliceCompare():
            return f"compare_{message.slice}"
        case SliceApply():
            return f"apply_{message.slice}"
        case ExportDeliver():
            return "deliver"
        case _:
            return "begin"


def _wait(topology: Topology, delivery: Delivery, error: Exception) -> Wait:
    now = datetime.now(UTC)
    about = error.as_dict() if isinstance(error, SyncError) else told("internal", name=type(error).__name__)
    return Wait(
        **about,
        attempt=delivery.attempt,
        attempts=len(topology.retry_delays) + 1,
        since=now if delivery.attempt == 1 else None,
        next_at=now + timedelta(seconds=delay_after(topology, delivery.attempt, error)),
    )
