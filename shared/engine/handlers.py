"""The handlers of the engine's messages: take the lease, do the step, move on. Importer and exporter run the same."""

from collections.abc import Awaitable, Callable

import structlog

from shared.contracts.messages import ExportRequested, RunMessage, RunRequested, RunSettle, SliceApply, SliceCompare
from shared.engine.applying import apply
from shared.engine.comparing import compare
from shared.engine.context import Engine
from shared.engine.lease import kept
from shared.engine.progress import after_apply, after_compare, end, following
from shared.engine.staging import stage
from shared.messaging.answers import Answer, Delivery, Done, Handlers, Handling, Later
from shared.model.errors import NotFound, Permanent, SyncError
from shared.model.run import Run, RunState, add_counts
from shared.store.runs import stream_id
from shared.store.slices import Slice, SliceState

log = structlog.get_logger()

SUPERSEDED = {
    "code": "run.superseded",
    "message": "A newer run was asked for while this one waited for approval.",
    "fix": "Look at the newer run.",
}


class Steps:
    """One method per message. A permanent error ends the run or the slice where people see it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seconds = engine.settings.lease_seconds

    def handlers(self) -> Handlers:
        return Handlers(
            Handling(RunRequested, self.begin, self.begin_gave_up),
            Handling(ExportRequested, self.begin, self.begin_gave_up),
            Handling(SliceCompare, self.compare, self.slice_gave_up),
            Handling(SliceApply, self.apply, self.slice_gave_up),
            Handling(RunSettle, self.settle),
        )

    async def begin(self, message: RunMessage, _: Delivery) -> Answer:
        """pending -> staging -> comparing, or leave it waiting behind the active run of its stream."""
        runs = self._engine.store.org(message.organization).runs
        run = await runs.get(message.run)
        if run.state is RunState.PENDING and not await self._activate(run):
            return Done()
        held = await runs.acquire(run.id, [RunState.STAGING], self._engine.owner, self._seconds)
        if held is None:
            return await self._not_held(await runs.get(run.id), [RunState.STAGING])
        run, fence = held
        try:
            async with kept(lambda: runs.renew(run.id, fence, self._seconds), self._seconds):
                await stage(self._engine, run, fence)
        except Permanent as error:
            await end(
                self._engine,
                run,
                [RunState.STAGING],
                RunState.FAILED,
                add_counts([]),
                error=error.as_dict(),
                fence=fence,
            )
        finally:
            await _quietly(runs.release(run.id, fence))
        return Done()

    async def begin_gave_up(self, message: RunMessage, error: BaseException) -> None:
        run = await self._engine.store.org(message.organization).runs.get(message.run)
        states = [RunState.PENDING, RunState.STAGING]
        await end(self._engine, run, states, RunState.FAILED, add_counts([]), error=_told(error))

    async def _activate(self, run: Run) -> bool:
        runs = self._engine.org(run).runs
        if await runs.activate(run.id):
            return True
        active = await runs.active(stream_id(run.connection, run.direction, run.data_type))
        if active is None or active.state is not RunState.NEEDS_APPROVAL:
            return False
        await end(
            self._engine, active, [RunState.NEEDS_APPROVAL], RunState.CANCELLED, active.counts, error=dict(SUPERSEDED)
        )
        return await runs.activate(run.id)

    async def compare(self, message: SliceCompare, _: Delivery) -> Answer:
        run = await self._run(message, RunState.COMPARING, SliceState.STAGED)
        if run is None:
            return Done()
        answer = await self._slice(run, message.slice, [SliceState.STAGED], compare)
        await after_compare(self._engine, run)
        return answer

    async def apply(self, message: SliceApply, _: Delivery) -> Answer:
        run = await self._run(message, RunState.APPLYING, SliceState.COMPARED)
        if run is None:
            return Done()
        answer = await self._slice(run, message.slice, [SliceState.COMPARED], apply)
        await after_apply(self._engine, run)
        return answer

    async def _run(self, message: SliceCompare | SliceApply, wanted: RunState, mended: SliceState) -> Run | None:
        """The run where it is in the wanted state, or can be taken up again for a replayed slice."""
        org = self._engine.store.org(message.organization)
        run = await org.runs.get(message.run)
        if run.state is wanted:
            return run
        slice = await org.slices.get(run.id, message.slice)
        if not run.ended or slice is None or slice.state is not SliceState.FAILED:
            return None
        if not await org.runs.is_latest(run):
            log.info("replay is out of date", action="replay", run=run.id, reason="a later run has applied")
            return None
        if not await org.runs.reopen(run.id, wanted):
            return None
        await org.slices.mend(run.id, message.slice, mended)
        return await org.runs.get(run.id)

    async def _slice(
        self,
        run: Run,
        number: int,
        states: list[SliceState],
        work: Callable[[Engine, Run, Slice], Awaitable[bool]],
    ) -> Answer:
        slices = self._engine.org(run).slices
        slice = await slices.acquire(run.id, number, states, self._engine.owner, self._seconds)
        if slice is None and await slices.mend(run.id, number, states[0]):
            slice = await slices.acquire(run.id, number, states, self._engine.owner, self._seconds)
        if slice is None:
            found = await slices.get(run.id, number)
            if found is None or found.state not in states:
                return Done()
            return Later(self._seconds / 2, "another worker holds the slice")
        try:
            async with kept(lambda: slices.renew(slice, self._seconds), self._seconds):
                await work(self._engine, run, slice)
        except Permanent as error:
            await self._fail_slice(run, slice, error.as_dict(), attempt=1)
        finally:
            await _quietly(slices.release(slice))
        return Done()

    async def slice_gave_up(self, message: SliceCompare | SliceApply, error: BaseException) -> None:
        """Out of attempts: the slice fails, and the next of the window gets a single attempt of its own."""
        org = self._engine.store.org(message.organization)
        run = await org.runs.get(message.run)
        slice = await org.slices.get(run.id, message.slice)
        if slice is None:
            raise NotFound("slice.not_found", "There is no such slice.")
        last = len(self._engine.topology.retry_delays) + 1
        await self._fail_slice(run, slice, _told(error), attempt=last)
        await after_compare(self._engine, run) if run.state is RunState.COMPARING else await after_apply(
            self._engine, run
        )

    async def _fail_slice(self, run: Run, slice: Slice, error: dict[str, str], attempt: int) -> None:
        if run.state is RunState.APPLYING:
            messages = following(self._engine, run, slice, attempt)
        else:
            number = slice.number + self._engine.settings.window
            messages = [self._engine.compare(run, number, attempt)] if number < run.slices else []
        if await self._engine.org(run).slices.fail(run.id, slice.number, error, messages):
            log.warning("slice failed", action="fail", code=error["code"], run=run.id, slice=slice.number)
            await self._engine.relay.send("slices", slice.id, messages)

    async def settle(self, message: RunSettle, _: Delivery) -> Answer:
        """After the end: the next run of the stream may begin, and the source is put in order."""
        runs = self._engine.store.org(message.organization).runs
        run = await runs.get(message.run)
        waiting = await runs.oldest_waiting(stream_id(run.connection, run.direction, run.data_type))
        if waiting is not None:
            await self._engine.relay.publish([self._engine.requested(waiting)])
        if run.state in (RunState.SUCCEEDED, RunState.PARTIAL) and run.stage.get("receipt"):
            connection = await self._engine.org(run).connections.get(run.connection)
            source = await self._engine.ends.source(run, connection)
            await source.settle(run.stage["receipt"])
        return Done()

    async def _not_held(self, run: Run, states: list[RunState]) -> Answer:
        if run.state in states:
            return Later(self._seconds / 2, "another worker holds the run")
        return Done()


def _told(error: BaseException) -> dict[str, str]:
    if isinstance(error, SyncError):
        return error.as_dict()
    return {
        "code": "internal",
        "message": f"An error inside Sync Service ({type(error).__name__}).",
        "fix": "An operator finds it under failed messages.",
    }


async def _quietly(work: Awaitable[None]) -> None:
    """Giving a lease back early is a courtesy: where it fails, the lease runs out by itself."""
    try:
        await work
    except SyncError as error:
        log.info("lease not returned", action="release", code=error.code)
