"""What follows when a slice is through: the next phase of the run, decided by whoever finishes last.

Several may find at once that nothing is left; the state machine lets one of them through. A crash in between is mended
by the redelivery of the message, which comes here again.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from shared.contracts.envelope import Outgoing
from shared.engine.context import Engine
from shared.engine.guard import only_told, reasons_to_ask
from shared.engine.reached import not_reached
from shared.model.error_texts import told
from shared.model.run import PLANNED, Run, RunState, add_counts
from shared.store.runs import stream_of
from shared.store.slices import Slice, SliceState
from shared.telemetry.metrics import RUNS

log = structlog.get_logger()

PREVIEW = told("guard.preview")
NOTHING_TO_UNDO = told("undo.all_left")
SUPERSEDED = told("run.superseded")
UNCOMPARED = told("run.not_compared")
UNSENT = told("run.not_sent")


async def after_compare(engine: Engine, run: Run) -> None:
    """Once no slice is left to compare: guard, then apply, or ask a person. Where nothing is to be written, nobody."""
    org = engine.org(run)
    if await org.slices.unfinished(run.id, [SliceState.STAGED]):
        return
    slices = await org.slices.of(run.id)
    if any(one.state is SliceState.STAGED for one in slices):
        return  # a replay has just taken one up
    counts = add_counts([one.counts for one in slices])
    if any(one.state is SliceState.FAILED for one in slices):
        await end(engine, run, [RunState.COMPARING], RunState.FAILED, counts, error=_why(slices, UNCOMPARED))
        return
    if (await org.runs.get(run.id)).state is RunState.FAILED:
        await org.runs.reopen(run.id, RunState.COMPARING)  # ended by somebody who saw a slice before its replay
    connection = await org.connections.get(run.connection)
    reasons: list[dict[str, Any]] = []
    if _would_write(run, slices, counts):
        reasons = [dict(PREVIEW)] if run.preview else []
        reasons += reasons_to_ask(run, counts, connection.limits)
    elif run.preview and counts["tell"]:
        reasons = only_told(counts)
    if counts["rows"] > counts["invalid"]:
        await _supersede_older(engine, run)
    if reasons:
        await _ask(engine, run, counts, reasons)
        return
    await start_applying(engine, run, RunState.COMPARING)


async def _supersede_older(engine: Engine, run: Run) -> None:
    """Older ones that wait for approval: their plans are out of date, now that this one has been compared.

    Registrations that are named one by one make no other plan out of date: whoever is approved later leaves them out.
    """
    ours = frozenset(run.selection.registrations)
    for one in await engine.org(run).runs.undecided(stream_of(run)):
        theirs = frozenset(one.selection.registrations)
        if one.number < run.number and (not ours or (theirs and theirs <= ours)):
            await supersede(engine, one, run)


async def supersede(engine: Engine, run: Run, by: Run) -> None:
    """The end of a run that waits for approval, for what `by` has found or written makes its plan out of date."""
    error = {**SUPERSEDED, "run": by.id}
    await end(engine, run, [RunState.NEEDS_APPROVAL], RunState.CANCELLED, run.counts, error=error)


async def _ask(engine: Engine, run: Run, counts: dict[str, int], reasons: list[dict[str, Any]]) -> None:
    """comparing -> needs_approval. The stream is free then: the oldest that waits may begin."""
    facts, messages = {"counts": counts, "reasons": reasons, "stopped_at": datetime.now(UTC)}, [engine.settle(run)]
    moved = await engine.org(run).runs.move(
        run.id, [RunState.COMPARING], RunState.NEEDS_APPROVAL, facts=facts, messages=messages
    )
    if moved:
        log.info("needs approval", action="guard", state=RunState.NEEDS_APPROVAL.value, counts=counts)
        await engine.relay.send("runs", run.id, messages)


async def start_applying(
    engine: Engine, run: Run, from_state: RunState, *, by: str | None = None, also: Mapping[str, Any] | None = None
) -> bool:
    """-> applying: the files of an export come before its slices. `also` are facts to be noted with it."""
    org = engine.org(run)
    slices = await org.slices.of(run.id)
    if not _lists_files(run, slices):
        return await apply_slices(engine, run, slices, from_state, by=by, also=also)
    messages = [engine.deliver(run)]
    facts = {**(also or {}), "counts": add_counts([one.counts for one in slices]), **_decided(by)}
    if not await org.runs.move(run.id, [from_state], RunState.APPLYING, facts=facts, messages=messages):
        return False
    await engine.relay.send("runs", run.id, messages)
    return True


async def apply_slices(
    engine: Engine,
    run: Run,
    slices: Sequence[Slice],
    from_state: RunState,
    *,
    by: str | None = None,
    also: Mapping[str, Any] | None = None,
    fence: int | None = None,
) -> bool:
    """-> applying, with the first slices announced; at once to the end where nothing is to be done.

    With a `fence` the files of the run are delivered, and whoever held the lease goes on.
    """
    org = engine.org(run)
    waiting = _to_apply(slices)
    if not waiting:
        return await _finish(engine, run, slices, [from_state], by=by)
    messages = [engine.apply(run, number) for number in waiting[: engine.settings.window]]
    facts = {**(also or {}), "counts": add_counts([one.counts for one in slices]), "to_apply": waiting}
    facts |= _decided(by) if fence is None else {"delivered_at": datetime.now(UTC)}
    if not await org.runs.move(run.id, [from_state], RunState.APPLYING, fence=fence, facts=facts, messages=messages):
        return False
    await engine.relay.send("runs", run.id, messages)
    return True


def _would_write(run: Run, slices: Sequence[Slice], counts: Mapping[str, int]) -> bool:
    """Whether the run would change anything but what an export tells Enroll of registrations that it does not send:
    that needs no yes of its own, but where somebody wants to see first what would be done."""
    return _lists_files(run, slices) or any(counts[name] for name in PLANNED)


def _lists_files(run: Run, slices: Sequence[Slice]) -> bool:
    """Whether files are to go out: they do, whether anything in them has changed or not."""
    return run.makes_files and any(one.listed for one in slices)


def _to_apply(slices: Sequence[Slice]) -> list[int]:
    return [one.number for one in slices if one.state is SliceState.COMPARED]


def _decided(by: str | None) -> dict[str, Any]:
    """What is to be remembered of a person's decision; nothing where nobody decided."""
    return {} if by is None else {"decided_by": by, "decided_at": datetime.now(UTC)}


def following(engine: Engine, run: Run, slice: Slice, attempt: int = 1) -> list[Outgoing]:
    """The slice to apply that takes the place of this one in the run's window."""
    if slice.number not in run.to_apply:
        return []
    place = run.to_apply.index(slice.number) + engine.settings.window
    return [engine.apply(run, run.to_apply[place], attempt)] if place < len(run.to_apply) else []


async def after_apply(engine: Engine, run: Run) -> None:
    """Once no slice is left to apply: the totals, the end."""
    org = engine.org(run)
    if await org.slices.unfinished(run.id, [SliceState.COMPARED]):
        return
    slices = await org.slices.of(run.id)
    if any(one.state is SliceState.COMPARED for one in slices):
        return  # a replay has just taken one up
    if await _finish(engine, run, slices, [RunState.APPLYING]):
        return
    # Several slices that are replayed together: one may have ended the run before it could see that the next began.
    found = await org.runs.get(run.id)
    state, counts = _outcome(slices)
    if found.state in (RunState.PARTIAL, RunState.FAILED) and (found.state, found.counts) != (state, counts):
        await _finish(engine, run, slices, [found.state])


async def _finish(
    engine: Engine, run: Run, slices: Sequence[Slice], from_states: list[RunState], by: str | None = None
) -> bool:
    state, counts = _outcome(slices)
    lost = any(one.state is SliceState.FAILED for one in slices)
    if not lost and _only_leaves(run, counts):
        reasons = [dict(NOTHING_TO_UNDO)]
        return await end(engine, run, from_states, RunState.SUCCEEDED, counts, reasons=reasons)
    return await end(engine, run, from_states, state, counts, error=_why(slices, UNSENT) if lost else None, by=by)


def _only_leaves(run: Run, counts: Mapping[str, int]) -> bool:
    """Whether it is a preview of an undo that would leave every record alone: to find that out is no failure."""
    return run.preview and bool(run.undoes) and 0 < counts["invalid"] == counts["rows"]


def _outcome(slices: Sequence[Slice]) -> tuple[RunState, dict[str, int]]:
    counts = add_counts([one.counts for one in slices])
    return outcome_of(counts, lost=any(one.state is SliceState.FAILED for one in slices)), counts


def outcome_of(counts: Mapping[str, int], *, lost: bool = False) -> RunState:
    """How a run ended; `lost`: a slice of it was not sent. Then what needed no sending is no success."""
    if not lost and not counts["failed"] and not counts["invalid"] and not counts["partial"]:
        return RunState.SUCCEEDED
    written = counts["created"] + counts["updated"] + counts["removed"]
    done = written or (counts["unchanged"] and not lost)
    return RunState.PARTIAL if done else RunState.FAILED


def _why(slices: Sequence[Slice], otherwise: dict[str, str]) -> dict[str, str]:
    """The reason the first failed slice gives."""
    return next((dict(one.error) for one in slices if one.error), otherwise)


async def end(
    engine: Engine,
    run: Run,
    from_states: list[RunState],
    state: RunState,
    counts: dict[str, int],
    *,
    error: dict[str, str] | None = None,
    fence: int | None = None,
    by: str | None = None,
    stage: Mapping[str, Any] | None = None,
    reasons: Sequence[Mapping[str, Any]] = (),
) -> bool:
    """The end of a run, announced. False where it is in another state already."""
    if state is RunState.FAILED:
        counts = {**counts, "stopped": sum(map(not_reached, await engine.org(run).slices.of(run.id)))}
    messages = await engine.ending(run, state, counts)
    facts: dict[str, Any] = {"counts": counts, "error": error}
    if stage is not None:
        facts["stage"] = dict(stage)
    if reasons:
        facts["reasons"] = list(reasons)
    facts |= _decided(by)
    if not await engine.org(run).runs.move(run.id, from_states, state, fence=fence, facts=facts, messages=messages):
        return False
    RUNS.labels(run.direction, run.data_type, state.value).inc()
    code = error["code"] if error else ""
    log.info("run ended", action="end", state=state.value, counts=counts, code=code)
    await engine.relay.send("runs", run.id, messages)
    return True
