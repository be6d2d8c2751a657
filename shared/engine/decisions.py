"""What a person decides about a run: whether what waits is applied, and whether what has not written yet goes on."""

import asyncio

from shared.engine.context import Engine
from shared.engine.progress import end, start_applying, supersede
from shared.model.error_texts import said, told
from shared.model.errors import Conflict
from shared.model.run import UNWRITTEN, Run, RunState, add_counts
from shared.store.runs import stream_of

TRIES = 10
PAUSE = 0.2
CANCELLED = told("run.cancelled")
REJECTED = told("run.rejected")


async def approve(engine: Engine, run: Run, by: str) -> None:
    """Apply what was compared, but for registrations that others have sent meanwhile.

    Raises:
        Conflict: the run does not wait for approval, another one of its stream is at work, or has written since it
            was compared; then this one is over.
        BadSettings: an export out of Enroll's sandbox into what nobody has said is meant for that.
    """
    runs = engine.org(run).runs
    if run.direction == "export":
        (await engine.org(run).connections.get(run.connection)).check_export()
    for _ in range(TRIES):
        if run.state is not RunState.NEEDS_APPROVAL:
            raise _not_waiting(run)
        if writer := await runs.written_since(run):
            await supersede(engine, run, writer)
            raise Conflict(*said("run.overwritten", run=writer.id))
        number = await runs.next_number(run)
        also = {"number": number, "compared_as": run.number, "as_of": run.as_of or run.number}
        if await start_applying(engine, run, RunState.NEEDS_APPROVAL, by=by, also=also):
            await runs.approved(run, number)
            return
        await asyncio.sleep(PAUSE)  # a registration that was just approved is through in no time
        run = await runs.get(run.id)
    active = await runs.active(stream_of(run))
    raise Conflict(*said("run.stream_busy", run=active.id if active else ""))


async def reject(engine: Engine, run: Run, by: str) -> None:
    """End the run without writing anything. Raises Conflict."""
    waits = [RunState.NEEDS_APPROVAL]
    if not await end(engine, run, waits, RunState.CANCELLED, run.counts, error=dict(REJECTED), by=by):
        raise _not_waiting(run)


async def cancel(engine: Engine, run: Run, by: str) -> None:
    """End the run before anything is written; what is under way for it leaves nothing behind.

    Raises:
        Conflict: it is writing already, or has ended.
    """
    counts = add_counts([one.counts for one in await engine.org(run).slices.of(run.id)])
    if not await end(engine, run, list(UNWRITTEN), RunState.CANCELLED, counts, error=dict(CANCELLED), by=by):
        raise Conflict(*said("run.too_late"))


def _not_waiting(run: Run) -> Conflict:
    return Conflict(*said("run.not_waiting"))
