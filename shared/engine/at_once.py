"""A few registrations that were just approved, from Enroll into the SIS in one go.

What a run does in five messages is done in one, and only the outcome is written down: a family waits. Nothing else is
given up. The stream is held meanwhile, the link ledger stands before every creation, and whoever takes up a run that
was cut off finds there what it has done. Where a person is to be asked first, the run goes the long way.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from shared.adapters.registrations import COLUMNS
from shared.engine import blocks
from shared.engine.applying import applied_counts, remember, report, send
from shared.engine.comparing import Planned, count_rows, work_out
from shared.engine.context import Engine
from shared.engine.guard import sis_objections
from shared.engine.lease import LeaseLost
from shared.engine.planning import Plan
from shared.engine.progress import end, outcome_of
from shared.engine.spill import placed
from shared.engine.staging import as_mapped, facts_of, nothing_there, stage
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import SyncError
from shared.model.ports import Target
from shared.model.run import Run, RunState, add_counts
from shared.store import leases
from shared.store.buckets import Entries, bucket_of, state_of
from shared.store.slices import Slice, SliceState
from shared.together import all_of

MOST = 20
QUICK_SECONDS = 0.2
"""So long nobody needs to cancel what was just approved."""


@dataclass(frozen=True, slots=True)
class Read:
    """What is known before the SIS is asked: all rows in one slice, with its artifact, and what was sent of them."""

    plan: Plan
    target: Target
    slice: Slice
    artifact: bytes
    facts: dict[str, Any]
    sent: dict[int, Entries]


@dataclass(frozen=True, slots=True)
class Work:
    """Under way: reading, and behind it planning, for which the SIS is asked what it holds."""

    reading: "asyncio.Task[Read]"
    planning: "asyncio.Task[Planned]"

    def stop(self) -> None:
        self.planning.cancel()
        self.reading.cancel()


Step: TypeAlias = Callable[[Engine, Run, int], Awaitable[None]]


def is_brief(run: Run) -> bool:
    """Whether the run is of few registrations, named one by one."""
    return run.delivery == "sis" and 0 < len(run.selection.registrations) <= MOST and not run.preview


def as_begun(run: Run, after: int | None) -> Run:
    """As it is stored before `read_ahead` goes on: sending already, under the number that it has if it follows that."""
    return run if after is None else run.model_copy(update={"number": after + 1, "sending": True})


@contextlib.asynccontextmanager
async def read_ahead(engine: Engine, run: Run, connection: Connection) -> AsyncIterator[Step]:
    """How a run goes through that is stored `as_begun` inside: with a number it is read while it is stored.

    That number is one above a run that was over before. Another run of the stream that began since then has taken it:
    what was read before that one wrote is read again.
    """
    if not run.number:
        yield partial(export_at_once, connection=connection)
        return
    async with _work(engine, run, connection, leases.FIRST) as work:
        yield partial(_go_on_ahead, connection=connection, work=work)


async def _go_on_ahead(engine: Engine, run: Run, fence: int, *, connection: Connection, work: Work) -> None:
    runs = engine.org(run).runs
    if not await runs.is_next(run):
        work.stop()
        await export_at_once(engine, run.model_copy(update={"number": 0, "sending": False}), fence, connection)
        return
    await asyncio.wait([work.reading], timeout=QUICK_SECONDS)
    if not work.reading.done():  # Enroll takes its time: the run can be cancelled meanwhile
        await runs.note(run.id, fence, {"sending": False})
        await _go_on(engine, run, fence, work=work)
        return
    async with _taken_back(engine, run, fence):
        await work.planning
    await _export(engine, run, fence, work)


async def export_at_once(engine: Engine, run: Run, fence: int, connection: Connection | None = None) -> None:
    """staging -> the end. Done again after it was cut off it has no second effect.

    Raises:
        LeaseLost: another worker has it, or a person has cancelled it before anything was sent.
        Permanent: the run is to fail with this.
        Transient: try again later.
    """
    if connection is None:
        connection = await engine.org(run).connections.get(run.connection)
    async with _work(engine, run, connection, fence) as work:
        if not is_beyond_question(run, connection):
            counts = (await work.planning).counts
            if sis_objections(counts, connection.limits):
                await stage(engine, run, fence, reading=as_mapped)
                return
        await _go_on(engine, run, fence, work=work, may_have_sent=run.sending)


@contextlib.asynccontextmanager
async def _work(engine: Engine, run: Run, connection: Connection, fence: int) -> AsyncIterator[Work]:
    """Nothing is written anywhere; whoever leaves without waiting for it wants nothing of it."""
    async with AsyncExitStack() as closing:
        reading = asyncio.create_task(_read(engine, run, connection, fence, closing))
        planning = asyncio.create_task(_planned(engine, run, connection, reading))
        work = Work(reading, planning)
        try:
            yield work
        finally:
            work.stop()
            await asyncio.gather(planning, reading, return_exceptions=True)


async def _read(engine: Engine, run: Run, connection: Connection, fence: int, closing: AsyncExitStack) -> Read:
    """All at once, for each part has another server to wait for."""
    plan = await engine.planner.plan(run, connection, COLUMNS)
    opening = asyncio.create_task(_opened(engine, run, connection, plan, closing))
    recalling = asyncio.create_task(_sent(engine, run))
    pulling = asyncio.create_task(_pulled(engine, run, connection, plan, fence))
    await all_of(opening, recalling, pulling)
    return Read(plan, opening.result(), *pulling.result(), recalling.result())


async def _planned(engine: Engine, run: Run, connection: Connection, reading: "asyncio.Task[Read]") -> Planned:
    read = await reading
    return await work_out(engine, run, connection, read.plan, read.slice, read.artifact, read.sent, read.target)


async def _go_on(engine: Engine, run: Run, fence: int, *, work: Work, may_have_sent: bool = False) -> None:
    """Send what is planned, under a number of its own. That something may go out from now on is noted meanwhile."""
    number = await engine.org(run).runs.next_number(run)
    await asyncio.wait([work.reading])
    noting = asyncio.create_task(_sending(engine, run, fence, number))
    async with contextlib.nullcontext() if may_have_sent else _taken_back(engine, run, fence):
        await all_of(work.planning, noting)
    await _export(engine, noting.result(), fence, work)


@contextlib.asynccontextmanager
async def _taken_back(engine: Engine, run: Run, fence: int) -> AsyncIterator[None]:
    """Where it fails inside, nothing went out: the run can be cancelled while it waits to be tried again."""
    try:
        yield
    except SyncError:
        await engine.org(run).runs.note(run.id, fence, {"sending": False})
        raise


async def _export(engine: Engine, run: Run, fence: int, work: Work) -> None:
    read, planned = work.reading.result(), work.planning.result()
    answers = await send(engine, run, read.slice, read.target, planned.changes)
    await report(engine, run, planned.changes, answers)
    await engine.org(run).records.put(run, fence, planned.invalid)
    count_rows(run, planned.counts)
    counts = add_counts([planned.counts, applied_counts(planned.changes, answers)])
    if await end(engine, run, [RunState.STAGING], outcome_of(counts), counts, fence=fence, stage=read.facts):
        # Last, for a run that is taken up again would count as unchanged what it remembers. A later one may be quicker.
        await remember(engine, run, read.slice, planned.changes, answers)


async def _pulled(
    engine: Engine, run: Run, connection: Connection, plan: Plan, fence: int
) -> tuple[Slice, bytes, dict[str, Any]]:
    """All rows in one slice, which nobody else sees, with its artifact, and the facts of the source."""
    async with await engine.ends.source(run, connection) as source:
        key, mark = plan.compiled.key, plan.compiled.mark
        rows = [one async for batch in source.batches() for one in placed(batch, key, mark)]
        if not rows:
            raise nothing_there(run)
        buckets = [bucket for bucket, _ in rows]
        slice = Slice(run.id, 0, min(buckets), max(buckets), len(rows), SliceState.COMPARED, staged="", fence=fence)
        return slice, blocks.pack([row for _, row in rows], MOST), facts_of(source, plan.compiled)


async def _opened(engine: Engine, run: Run, connection: Connection, plan: Plan, closing: AsyncExitStack) -> Target:
    target = await engine.ends.target(run, connection, plan.compiled.match_key, plan.fixed)
    closing.push_async_callback(target.aclose)
    return target


async def _sent(engine: Engine, run: Run) -> dict[int, Entries]:
    """What was sent before of these registrations: their ids are the keys."""
    buckets = [bucket_of(one) for one in run.selection.registrations]
    return await engine.org(run).buckets.load(state_of(run), min(buckets), max(buckets))


def is_beyond_question(run: Run, connection: Connection) -> bool:
    """Once something may have gone out nobody is asked any more; and about so few nobody ever is."""
    return run.sending or len(run.selection.registrations) <= connection.limits.few


async def _sending(engine: Engine, run: Run, fence: int, number: int) -> Run:
    """The run, of which something may go out from now on: nobody can cancel it any more. Raises LeaseLost."""
    facts = {"number": number, "sending": True}
    if not await engine.org(run).runs.note(run.id, fence, facts):
        raise LeaseLost(*said("lease.lost"))
    return run.model_copy(update=facts)
