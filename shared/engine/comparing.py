"""compare: one slice at a time, work out what it would change, and write that down as its change set."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from shared.engine import changes as changesets
from shared.engine.applying import told_as
from shared.engine.classify import Candidate, Classified, classify
from shared.engine.contacts import without_nameless
from shared.engine.context import Engine
from shared.engine.deciding import decide, loses_access, objections
from shared.engine.enrolling import enrolling
from shared.engine.halves import without_halves
from shared.engine.listing import refused
from shared.engine.planning import Plan
from shared.engine.retrying import set_overtaken_aside
from shared.model.cause import causes_of
from shared.model.connection import Connection
from shared.model.ports import Target
from shared.model.record import Action, Change, Found, Outcome, Problem, Sought
from shared.model.run import Run
from shared.store.buckets import Entries, partly_sent, state_of
from shared.store.records import RecordResult
from shared.store.slices import Slice, SliceState
from shared.telemetry.metrics import ROWS
from shared.together import together

log = structlog.get_logger()

FEW_ROWS = 20
"""So few are looked at on the spot: that takes less than handing them to a thread."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a slice would change, and which of its rows cannot be sent."""

    changes: list[Change]
    invalid: list[RecordResult]
    counts: dict[str, int]


async def compare(engine: Engine, run: Run, slice: Slice) -> bool:
    """staged -> compared, or at once applied where nothing is to be done. False where the lease was lost."""
    org = engine.org(run)
    connection = await org.connections.get(run.connection)
    plan = await engine.planner.plan(run, connection)
    artifact = await org.artifacts.get(slice.staged)
    target = await engine.ends.target(run, connection, plan.compiled.match_key, plan.fixed)
    try:
        states = await org.buckets.load(state_of(run), slice.low, slice.high)
        planned = await work_out(engine, run, connection, plan, slice, artifact, states, target)
    finally:
        await target.aclose()
    return await sum_up(engine, run, slice, planned)


async def sum_up(engine: Engine, run: Run, slice: Slice, planned: Planned) -> bool:
    """Write down what was worked out for a slice, and go on to the next. False where the lease was lost."""
    org = engine.org(run)
    await org.records.put(run, slice.fence, planned.invalid)
    stored = ""
    if planned.changes:
        packed = await asyncio.to_thread(changesets.pack, planned.changes)
        stored = await org.artifacts.put("changes", run.id, packed)
    following = slice.number + engine.settings.window
    messages = [engine.compare(run, following)] if following < run.slices else []
    state = SliceState.COMPARED if planned.changes else SliceState.APPLIED
    done = await org.slices.complete(
        slice,
        state,
        counts=planned.counts,
        causes=causes_of((one.row, one.problems) for one in planned.invalid),
        planned=causes_of((one.row, one.problems) for one in planned.changes if one.problems),
        changes=stored,
        messages=messages,
    )
    if not done:
        return False
    await engine.relay.send("slices", slice.id, messages)
    count_rows(run, planned.counts)
    return True


async def work_out(
    engine: Engine,
    run: Run,
    connection: Connection,
    plan: Plan,
    slice: Slice,
    artifact: bytes,
    states: Mapping[int, Entries],
    target: Target,
) -> Planned:
    """The target is asked about the candidates only: the cost follows what changed, not what exists.

    `states` are what was last sent of this slice's records.
    """
    missing_field = plan.about.missing_field
    if run.afresh:
        states = {bucket: partly_sent(entries) for bucket, entries in states.items()}
    work = partial(classify, artifact, plan.compiled, states, roster=run.roster, missing_field=missing_field)
    found = await asyncio.to_thread(work) if slice.rows > FEW_ROWS else work()
    if run.as_of and run.direction == "import":
        await set_overtaken_aside(engine, run, slice, found)
    changes, losing = await _decided(target, run, connection, plan, found)
    changes += [*found.adopted, *found.missing]
    counts = {"losing": losing}
    if run.delivery == "sis":
        changes += [refused(one) for one in found.invalid if one.key]
        counts |= _to_tell(found, changes)
    return Planned(changes, found.invalid, _counts(found, changes) | counts)


def _to_tell(found: Classified, changes: Sequence[Change]) -> dict[str, int]:
    """Of how many Enroll would only be told how they stand: of those that it shows so there is nothing to tell."""
    new = [told for one in changes if (told := told_as(one)) and told != found.shown.get(one.key)]
    return {"tell": len(new), "tell_failed": new.count(Outcome.FAILED)}


def count_rows(run: Run, counts: Mapping[str, int]) -> None:
    for decision in ("create", "update", "unchanged", "invalid", "duplicate", "missing"):
        ROWS.labels(run.data_type, decision).inc(counts[decision])
    log.info("compared", action="compare", counts=dict(counts))


async def _decided(
    target: Target, run: Run, connection: Connection, plan: Plan, found: Classified
) -> tuple[list[Change], int]:
    """The changes, and how many of them take access away. Those that cannot be sent go to `found.invalid`."""
    if not found.candidates:
        return [], 0
    compiled, about = plan.compiled, plan.about
    sought = [Sought(one.key, one.values, one.target_id) for one in found.candidates]
    held = await look_up(target, sought, [*compiled.fields, about.missing_field])
    for one in found.candidates:
        if one.key not in held:
            one.values |= enrolling(one.values, about, connection.exports, run.moment.today)
    problems: list[Sequence[Problem]] = [objections(one, held.get(one.key), about) for one in found.candidates]
    decided = [decide(one, held.get(one.key), about, plan.fixed) for one in found.candidates]
    if run.delivery == "sis":
        decided = [without_nameless(change, one.values) for change, one in zip(decided, found.candidates, strict=True)]
        decided = [without_halves(change, about) for change in decided]
    if about.checked:
        problems = await _check(target, found.candidates, decided, problems)
    for change, said in zip(decided, problems, strict=True):
        if said:
            found.invalid.append(_refused(change, said))
    decided = [change for change, said in zip(decided, problems, strict=True) if not said]
    return decided, sum(loses_access(one, held.get(one.key), about) for one in decided)


def _refused(change: Change, problems: Sequence[Problem]) -> RecordResult:
    return RecordResult(change.row, change.key, Action.NONE, Outcome.FAILED, None, {}, problems, label=change.label)


async def look_up(target: Target, sought: Sequence[Sought], fields: Sequence[str]) -> dict[str, Found]:
    """What the target holds of these records, by key, asked as many at once as it allows."""
    gate = asyncio.Semaphore(target.concurrency)

    async def ask(part: Sequence[Sought]) -> dict[str, Found]:
        async with gate:
            return await target.look_up(part, [name for name in fields if name])

    size = target.batch_size
    parts = await together(ask(sought[at : at + size]) for at in range(0, len(sought), size))
    return {key: one for part in parts for key, one in part.items()}


async def _check(
    target: Target, candidates: Sequence[Candidate], decided: Sequence[Change], problems: list[Sequence[Problem]]
) -> list[Sequence[Problem]]:
    """Let the target look at each whole row that is still good, before anything is sent."""
    asked = [
        (place, replace(change, values=candidate.values))
        for place, (candidate, change) in enumerate(zip(candidates, decided, strict=True))
        if not problems[place] and (change.target_id or change.action is Action.CREATE)
    ]
    gate = asyncio.Semaphore(target.concurrency)

    async def ask(part: Sequence[tuple[int, Change]]) -> list[Sequence[Problem]]:
        async with gate:
            return await target.check([change for _, change in part])

    size = target.batch_size
    answers = await together(ask(asked[at : at + size]) for at in range(0, len(asked), size))
    said = dict(zip((place for place, _ in asked), (one for part in answers for one in part), strict=True))
    return [said.get(place, known) for place, known in enumerate(problems)]


def _counts(found: Classified, changes: Sequence[Change]) -> dict[str, int]:
    actions = [Action.ADOPT if one.is_empty else one.action for one in changes]
    return {
        **found.counts,
        "invalid": len(found.invalid),
        "create": actions.count(Action.CREATE),
        "update": actions.count(Action.UPDATE),
        "unchanged": found.counts["unchanged"] + actions.count(Action.ADOPT),
    }
