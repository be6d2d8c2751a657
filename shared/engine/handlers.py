"""The handlers of the engine's messages: take the lease, do the step, move on. Importer and exporter run the same."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import structlog
from pydantic import ValidationError

from shared.contracts.envelope import Envelope
from shared.contracts.messages import (
    ExportDeliver,
    ExportRequested,
    RunMessage,
    RunRequested,
    RunSettle,
    SliceApply,
    SliceCompare,
)
from shared.engine.at_once import as_begun, is_beyond_question, is_brief, read_ahead
from shared.engine.context import Engine
from shared.engine.exporting import deliver
from shared.engine.kinds import kind_of
from shared.engine.lease import LeaseLost, kept
from shared.engine.progress import after_apply, after_compare, end, following
from shared.engine.reached import reached
from shared.engine.requests import Asked
from shared.engine.waiting import noting, step_of
from shared.messaging.answers import Answer, Delivery, Done, Handlers, Handling, Later
from shared.model.connection import Connection
from shared.model.error_texts import said, told, under_code_of
from shared.model.errors import NotFound, Permanent, SyncError, Transient, Unavailable
from shared.model.run import Run, RunState, add_counts
from shared.store.buckets import state_of
from shared.store.failed import Selection
from shared.store.runs import stream_of
from shared.store.slices import Slice, SliceState
from shared.telemetry.logs import describe

log = structlog.get_logger()

BROKER_REASONS = frozenset({"delivery_limit", "rejected", "expired", "maxlen"})
KILLED = Permanent(*said("message.killed"))
OUT_OF_DATE = "Nothing was sent: a later run has applied newer values."
STREAM_BUSY_SECONDS = 30.0


class Steps:
    """One method per message. A permanent error ends the run or the slice where people see it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seconds = engine.settings.lease_seconds

    def handlings(self) -> list[Handling[Any]]:
        engine = self._engine
        tried = partial(noting, engine.store, engine.topology)
        return [
            Handling(RunRequested, tried(self.begin), self.begin_gave_up),
            Handling(ExportRequested, tried(self.begin), self.begin_gave_up),
            Handling(SliceCompare, tried(self.compare), self.compare_gave_up),
            Handling(ExportDeliver, tried(self.deliver), self.deliver_gave_up),
            Handling(SliceApply, tried(self.apply), self.apply_gave_up),
            Handling(RunSettle, self.settle),
        ]

    async def buried(self, reason: str, body: str) -> None:
        """What the broker buried, unlike what gave up, has not failed yet where people see it. Twice is harmless."""
        if reason not in BROKER_REASONS:
            return
        try:
            envelope = Envelope.model_validate_json(body)
            handling = Handlers(*self.handlings()).find(envelope.type)
            if handling is not None and handling.gave_up is not None:
                await handling.gave_up(handling.message.model_validate(envelope.data), KILLED)
        except (ValidationError, NotFound) as error:
            log.info("nothing to fail", action="bury", reason=reason, error=type(error).__name__)

    async def begin(self, message: RunMessage, delivery: Delivery) -> Answer:
        """pending -> staging -> comparing, or leave it waiting behind the active run of its stream."""
        runs, held = self._engine.store.org(message.organization).runs, None
        run = await runs.get(message.run)
        if run.state is RunState.PENDING:
            held = await self._activate(run)
            if held is None:
                return Done()
            run, _ = held
        answer = await self._whole(run, RunState.STAGING, not run.slices, kind_of(run).stage, delivery, held)
        staged = await runs.get(run.id)
        if staged.state is RunState.COMPARING and not staged.slices:
            await after_compare(self._engine, staged)  # nothing has changed, so nobody else comes to say so
        return answer

    async def begin_now(
        self, asked: Asked, connection: Connection, delivery: Delivery, after: int | None
    ) -> Run | None:
        """A run that nobody has stored yet is stored as begun and held, and gone through: a family waits.

        The run as it is then. None, and nothing is done, where it is there already, or is to wait for its stream or for
        a person. What does not get through is announced, and tried again as any run is. `after` is the number of a run
        of its stream that is over, and probably was the last one.
        """
        if not is_brief(asked.run) or not is_beyond_question(asked.run, connection):
            return None
        run = as_begun(asked.run, after)
        runs = self._engine.org(run).runs
        async with read_ahead(self._engine, run, connection) as work:
            held = await runs.add_held(run, self._engine.owner, self._seconds, fingerprint=asked.fingerprint)
            if held is None:
                return None
            try:
                answer = await self._whole(held[0], RunState.STAGING, True, work, delivery, held)
            except Transient as error:
                log.warning("run waits", action="retry", run=run.id, **describe(error))
                answer = self._busy("it is tried again by its own message")
            if answer != Done():
                await self._engine.relay.publish([self._engine.requested(run)])
        return await runs.get(run.id)

    async def deliver(self, message: ExportDeliver, delivery: Delivery) -> Answer:
        """applying: the files go out, then the slices follow."""
        run = await self._engine.store.org(message.organization).runs.get(message.run)
        return await self._whole(run, RunState.APPLYING, run.delivered_at is None, deliver, delivery)

    async def _whole(
        self,
        run: Run,
        state: RunState,
        undone: bool,
        work: Callable[[Engine, Run, int], Awaitable[None]],
        delivery: Delivery,
        held: tuple[Run, int] | None = None,
    ) -> Answer:
        """A step that is done for the run as a whole, under the run's own lease. A replay takes up one that failed."""
        runs = self._engine.org(run).runs
        if run.state is RunState.FAILED and undone:
            if not await self._is_replay(delivery, run.error):
                return Done()
            taken = await self._take_up(run, state, delivery)
            if not isinstance(taken, Run):
                return taken
        held = held or await runs.acquire(run.id, [state], self._engine.owner, self._seconds)
        if held is None:
            return await self._not_held(await runs.get(run.id), [state])
        run, fence = held
        try:
            async with kept(lambda: runs.renew(run.id, fence, self._seconds), self._seconds):
                await work(self._engine, run, fence)
        except LeaseLost:
            return await self._not_held(await runs.get(run.id), [state])
        except Transient:
            if not await self._is_called_off(run):
                raise
        except Permanent as error:
            counts = add_counts([run.counts])
            await end(self._engine, run, [state], RunState.FAILED, counts, error=error.as_dict(), fence=fence)
        finally:
            await _quietly(runs.release(run.id, fence))
        return Done()

    async def begin_gave_up(self, message: RunMessage, error: BaseException) -> None:
        """Raises NotFound."""
        await self._fail(message, [RunState.PENDING, RunState.STAGING], error)

    async def deliver_gave_up(self, message: RunMessage, error: BaseException) -> None:
        """Raises NotFound."""
        await self._fail(message, [RunState.APPLYING], error)

    async def _fail(self, message: RunMessage, states: list[RunState], error: BaseException) -> None:
        run = await self._engine.store.org(message.organization).runs.get(message.run)
        await end(self._engine, run, states, RunState.FAILED, add_counts([run.counts]), error=_told(error))

    async def _activate(self, run: Run) -> tuple[Run, int] | None:
        """With the lease; None where it is to wait: behind an older one, which begins first, or the active one."""
        runs = self._engine.org(run).runs
        oldest = await runs.oldest_waiting(stream_of(run))
        if oldest is not None and oldest.id != run.id:
            await self._engine.relay.publish([self._engine.requested(oldest)])
            return None
        return await runs.activate(run, self._engine.owner, self._seconds)

    async def compare(self, message: SliceCompare, delivery: Delivery) -> Answer:
        run = await self._run(message, RunState.COMPARING, SliceState.STAGED, delivery)
        if not isinstance(run, Run):
            return run
        answer = await self._slice(run, message.slice, SliceState.STAGED, kind_of(run).compare, delivery)
        await after_compare(self._engine, run)
        return answer

    async def apply(self, message: SliceApply, delivery: Delivery) -> Answer:
        run = await self._run(message, RunState.APPLYING, SliceState.COMPARED, delivery)
        if not isinstance(run, Run):
            return run
        answer = await self._slice(run, message.slice, SliceState.COMPARED, kind_of(run).apply, delivery)
        await after_apply(self._engine, run)
        return answer

    async def _run(
        self, message: SliceCompare | SliceApply, wanted: RunState, mended: SliceState, delivery: Delivery
    ) -> Run | Answer:
        """The run where it is in the wanted state, or can be taken up again for a replayed slice."""
        org = self._engine.store.org(message.organization)
        run = await org.runs.get(message.run)
        if run.state is wanted:
            return run
        slice = await org.slices.get(run.id, message.slice)
        if not run.ended or slice is None or slice.state not in (SliceState.FAILED, mended):
            return Done()
        if not await self._is_replay(delivery, slice.error):
            return Done()
        return await self._take_up(run, wanted, delivery)

    async def _take_up(self, run: Run, wanted: RunState, delivery: Delivery) -> Run | Answer:
        """An ended run in the wanted state again, for a replay; else the answer to the message."""
        runs = self._engine.org(run).runs
        if not await runs.is_latest(run):
            log.info("replay is out of date", action="replay", run=run.id, reason="a later run has applied")
            await self._engine.store.failed.remark(delivery.message_id, OUT_OF_DATE)
            return Done()
        reopened = await runs.reopen(run.id, wanted)
        found = await runs.get(run.id)
        if reopened or found.state is wanted:
            return found
        if found.state in (RunState.PARTIAL, RunState.FAILED):
            return Later(STREAM_BUSY_SECONDS, "another run of the stream is active")
        return Done()

    async def _is_replay(self, delivery: Delivery, error: Mapping[str, str] | None) -> bool:
        """Whether an operator sent this message for something that has failed. A mere repetition changes nothing.

        Raises:
            Unavailable: whoever gave up died before the message reached the dead letters; it is to go there now.
        """
        found = await self._engine.store.failed.find(Selection((delivery.message_id,)), state=None, limit=1)
        if not found and delivery.last and error:
            raise Unavailable(error["code"], error["message"], error["fix"])
        return bool(found) and found[0]["state"] == "replayed"

    async def _slice(
        self,
        run: Run,
        number: int,
        state: SliceState,
        work: Callable[[Engine, Run, Slice], Awaitable[bool]],
        delivery: Delivery,
    ) -> Answer:
        slice = await self._taken(run, number, state, delivery)
        if not isinstance(slice, Slice):
            return slice
        slices, done = self._engine.org(run).slices, False
        try:
            async with kept(lambda: slices.renew(slice, self._seconds), self._seconds):
                done = await work(self._engine, run, slice)
            return Done() if done else self._busy("another worker has taken over the slice")
        except LeaseLost:
            return self._busy("another worker has taken over the slice")
        except Transient:
            if not await self._is_called_off(run):
                raise
        except Permanent as error:
            await self._fail_slice(run, slice, state, error.as_dict(), attempt=1, fenced=True)
        finally:
            if not done:  # else it has moved on, and its lease has ended with the step
                await _quietly(slices.release(slice))
        return Done()

    async def _taken(self, run: Run, number: int, state: SliceState, delivery: Delivery) -> Slice | Answer:
        """The slice, leased, or the answer to the message. A replay takes up one that failed."""
        slices = self._engine.org(run).slices
        slice = await slices.acquire(run.id, number, [state], self._engine.owner, self._seconds)
        if slice is not None:
            return slice
        found = await slices.get(run.id, number)
        if found is None or found.state not in (state, SliceState.FAILED):
            return Done()
        if found.state is state:
            return self._busy("another worker holds the slice")
        if not await self._is_replay(delivery, found.error):
            return Done()
        await slices.mend(run.id, number, state)
        slice = await slices.acquire(run.id, number, [state], self._engine.owner, self._seconds)
        return slice or self._busy("another worker has taken up the slice")

    async def compare_gave_up(self, message: SliceCompare, error: BaseException) -> None:
        await after_compare(self._engine, await self._gave_up(message, SliceState.STAGED, error))

    async def apply_gave_up(self, message: SliceApply, error: BaseException) -> None:
        await after_apply(self._engine, await self._gave_up(message, SliceState.COMPARED, error))

    async def _gave_up(self, message: SliceCompare | SliceApply, state: SliceState, error: BaseException) -> Run:
        """Out of attempts: the slice fails, and the next of the window gets a single attempt of its own."""
        org = self._engine.store.org(message.organization)
        run = await org.runs.get(message.run)
        slice = await org.slices.get(run.id, message.slice)
        if slice is not None:
            last = len(self._engine.topology.retry_delays) + 1
            await self._fail_slice(run, slice, state, _told(error), attempt=last)
            await org.runs.waits_no_more(run.id, step_of(message))
        return run

    async def _fail_slice(
        self, run: Run, slice: Slice, state: SliceState, error: dict[str, str], *, attempt: int, fenced: bool = False
    ) -> None:
        if state is SliceState.COMPARED:
            messages = following(self._engine, run, slice, attempt)
        else:
            number = slice.number + self._engine.settings.window
            messages = [self._engine.compare(run, number, attempt)] if number < run.slices else []
        counts = await reached(self._engine.org(run), run, slice)
        slices = self._engine.org(run).slices
        if await slices.fail(slice, state, error, counts=counts, messages=messages, fenced=fenced):
            log.warning("slice failed", action="fail", code=error["code"], run=run.id, slice=slice.number)
            await self._engine.relay.send("slices", slice.id, messages)

    async def settle(self, message: RunSettle, _: Delivery) -> Answer:
        """After the end, or once a person is asked: the next of the stream may begin; the source is put in order."""
        runs = self._engine.store.org(message.organization).runs
        run = await runs.get(message.run)
        waiting = await runs.oldest_waiting(stream_of(run))
        if waiting is not None:
            await self._engine.relay.publish([self._engine.requested(waiting)])
        if run.preview and not run.decided_by:
            return Done()  # it found nothing to approve, and a preview moves no file
        if run.state is RunState.SUCCEEDED and (cursor := run.stage.get("receipt", {}).get("cursor")):
            await self._engine.org(run).cursors.set(state_of(run), str(cursor))
        if run.state in (RunState.SUCCEEDED, RunState.PARTIAL) and run.stage.get("receipt"):
            await self._put_in_order(run)
        return Done()

    async def _put_in_order(self, run: Run) -> None:
        """What the run has read. Whoever deleted the connection since has left its folder as it is."""
        try:
            connection = await self._engine.org(run).connections.get(run.connection)
        except NotFound:
            log.info("nothing to settle", action="settle", run=run.id)
            return
        source = await self._engine.ends.source(run, connection)
        await source.settle(run.stage["receipt"])

    async def _not_held(self, run: Run, states: list[RunState]) -> Answer:
        if run.state in states:
            return self._busy("another worker holds the run")
        return Done()

    async def _is_called_off(self, run: Run) -> bool:
        """Whether somebody has cancelled the run meanwhile: what went wrong with it does not matter any more."""
        return (await self._engine.org(run).runs.get(run.id)).state is RunState.CANCELLED

    def _busy(self, reason: str) -> Later:
        return Later(self._seconds / 2, reason)


def _told(error: BaseException) -> dict[str, str]:
    """Why a message was given up. What passes by itself did not, and is not waited for any more: that is said."""
    if isinstance(error, Transient):
        return under_code_of(told("run.gave_up", why=error.message), error.code)
    if isinstance(error, SyncError):
        return error.as_dict()
    return told("internal", name=type(error).__name__)


async def _quietly(work: Awaitable[None]) -> None:
    """Giving a lease back early is a courtesy: where it fails, the lease runs out by itself."""
    try:
        await work
    except SyncError as error:
        log.info("lease not returned", action="release", code=error.code)
