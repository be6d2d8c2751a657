"""compare: one slice at a time, work out what it would change, and write that down as its change set."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import structlog

from shared.engine import changes as changesets
from shared.engine.classify import Candidate, Classified, classify
from shared.engine.context import Engine
from shared.engine.deciding import decide, loses_access, objections
from shared.engine.together import together
from shared.mapping.compiled import CompiledMapping, compile_mapping
from shared.model.catalog import Catalog, catalog
from shared.model.ports import Target
from shared.model.record import Action, Change, Found, Outcome, Problem
from shared.model.run import Run
from shared.store.buckets import state_id
from shared.store.records import RecordResult
from shared.store.slices import Slice, SliceState
from shared.telemetry.metrics import ROWS

log = structlog.get_logger()


async def compare(engine: Engine, run: Run, slice: Slice) -> bool:
    """staged -> compared, or at once applied where nothing is to be done. False where the lease was lost."""
    org = engine.org(run)
    about = catalog(run.data_type)
    mapping = await org.mappings.get(run.mapping)
    compiled = compile_mapping(mapping, about, run.stage["columns"], run.moment)
    artifact = await org.artifacts.get(slice.staged)
    states = await org.buckets.load(state_of(run), slice.low, slice.high)
    work = partial(classify, artifact, compiled, states, roster=run.roster, missing_field=about.missing_field)
    found = await asyncio.to_thread(work)
    changes, losing = await _plan(engine, run, compiled, about, found)
    await org.records.put(run.id, slice.fence, found.invalid)
    stored = ""
    if changes:
        packed = await asyncio.to_thread(changesets.pack, changes)
        stored = await org.artifacts.put("changes", run.id, packed)
    counts = _counts(found, changes) | {"losing": losing}
    following = slice.number + engine.settings.window
    messages = [engine.compare(run, following)] if following < run.slices else []
    state = SliceState.COMPARED if changes else SliceState.APPLIED
    if not await org.slices.complete(slice, state, counts=counts, changes=stored, messages=messages):
        return False
    await engine.relay.send("slices", slice.id, messages)
    for decision in ("create", "update", "unchanged", "invalid", "duplicate", "missing"):
        ROWS.labels(run.data_type, decision).inc(counts[decision])
    log.info("compared", action="compare", counts=counts)
    return True


async def _plan(
    engine: Engine, run: Run, compiled: CompiledMapping, about: Catalog, found: Classified
) -> tuple[list[Change], int]:
    """The changes, and how many of them take access away.

    The target is asked about the candidates only: the cost follows what changed, not what exists. Those that cannot be
    sent are added to `found.invalid`.
    """
    if not found.candidates:
        return [*found.adopted, *found.missing], 0
    target = engine.ends.target(run, compiled.match_key)
    try:
        held = await _look_up(target, found.candidates, [*compiled.fields, about.missing_field])
        problems: list[Sequence[Problem]] = [objections(one, held.get(one.key), about) for one in found.candidates]
        decided = [decide(one, held.get(one.key), about) for one in found.candidates]
        if about.checked:
            problems = await _check(target, found.candidates, decided, problems)
    finally:
        await target.aclose()
    for change, said in zip(decided, problems, strict=True):
        if said:
            found.invalid.append(RecordResult(change.row, change.key, Action.NONE, Outcome.FAILED, None, {}, said))
    decided = [change for change, said in zip(decided, problems, strict=True) if not said]
    losing = sum(loses_access(one, held.get(one.key), about) for one in decided)
    return [*decided, *found.adopted, *found.missing], losing


async def _look_up(target: Target, candidates: Sequence[Candidate], fields: Sequence[str]) -> dict[str, Found]:
    gate = asyncio.Semaphore(target.concurrency)
    keys = [one.key for one in candidates]

    async def ask(part: Sequence[str]) -> dict[str, Found]:
        async with gate:
            return await target.look_up(part, [name for name in fields if name])

    size = target.batch_size
    parts = await together(ask(keys[at : at + size]) for at in range(0, len(keys), size))
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
    actions = [one.action for one in changes]
    return {
        **found.counts,
        "invalid": len(found.invalid),
        "create": actions.count(Action.CREATE),
        "update": actions.count(Action.UPDATE),
        "unchanged": found.counts["unchanged"] + actions.count(Action.ADOPT),
    }


def state_of(run: Run) -> str:
    return state_id(run.connection, run.direction, run.data_type, run.school_year)
