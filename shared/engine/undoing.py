"""undo: a run whose source is what another run wrote, with the same guard, approval, records and counts."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from shared.engine.blocks import unpack
from shared.engine.comparing import Planned, look_up, sum_up
from shared.engine.context import Engine
from shared.engine.deciding import loses_access
from shared.engine.requests import RunRequest, follower, mapping_of, request_run
from shared.engine.taking_back import Written, take_back
from shared.engine.undone import standing
from shared.engine.written import WrittenRows
from shared.mapping.registrations import STUDENT
from shared.model.catalog import Catalog
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import Conflict, NotFound
from shared.model.ports import Target
from shared.model.record import Action, Applied, Change, Found, Outcome, Sought
from shared.model.run import Run, RunState, SourceSpec, Trigger
from shared.store.buckets import Entries, bucket_of, label_in, state_of, version_of
from shared.store.database import OrgStore
from shared.store.records import WRITTEN, RecordResult, Wanted
from shared.store.slices import Slice

AGAIN = (RunState.CANCELLED, RunState.FAILED, RunState.PARTIAL)


def is_whole(undo: Run) -> bool:
    """Whether an undo has taken back everything."""
    return bool(undo.undoes) and undo.state is RunState.SUCCEEDED and not undo.undid_nothing


def is_over(undo: Run) -> bool:
    """Whether an undo has ended so that another one may be asked for: there may be something left to take back."""
    return undo.state in AGAIN or undo.undid_nothing


async def undo(engine: Engine, run: Run, by: str, *, preview: bool) -> Run:
    """Ask for the run that takes this one back, or give back the one that is under way.

    Raises:
        Conflict: the run has not ended, has written nothing, has made files, or was taken back already.
        NotFound: its connection is gone.
    """
    org = engine.org(run)
    await _check(org, run)
    id = await follower(org, run, "undo", is_over, preview=preview)
    if (done := await _done(org, id)) is not None:
        raise Conflict(*(await standing(org, done)).said)
    request = RunRequest(
        connection=await org.connections.get(run.connection),
        direction=run.direction,
        data_type=run.data_type,
        school_year=run.school_year,
        trigger=Trigger(kind="undo", by=by, id=run.id),
        source=SourceSpec(kind="undo", run=run.id, name=run.source.name, of_undo=bool(run.undoes)),
        lane="interactive",
        preview=preview,
        roster="some",
        version=(await mapping_of(org, run)).id,
        id=id,
    )
    return await request_run(engine, request)


async def _check(org: OrgStore, run: Run) -> None:
    if not run.ended:
        raise Conflict(*said("undo.not_ended"))
    if run.makes_files:
        raise Conflict(*said("undo.files"))
    if not any([await org.records.page(run, Wanted(outcome), limit=1) for outcome in WRITTEN]):
        raise Conflict(*said("undo.nothing"))


async def _done(org: OrgStore, id: str) -> Run | None:
    """The undo of this id, where it has taken back everything."""
    try:
        found = await org.runs.get(id)
    except NotFound:
        return None
    return found if is_whole(found) else None


async def as_written(engine: Engine, run: Run, connection: Connection, columns: Sequence[str]) -> WrittenRows:
    del engine, run, connection, columns
    return WrittenRows()


async def compare_undo(engine: Engine, run: Run, slice: Slice) -> bool:
    """staged -> compared: what of the slice can be taken back. False where the lease was lost."""
    org = engine.org(run)
    connection = await org.connections.get(run.connection)
    plan = await engine.planner.plan(await org.runs.get(run.undoes), connection)
    artifact = await org.artifacts.get(slice.staged)
    written = await asyncio.to_thread(lambda: list(_read(artifact)))
    states = await org.buckets.load(state_of(run), slice.low, slice.high)
    target = await engine.ends.target(run, connection, plan.compiled.match_key, plan.fixed)
    try:
        removable = run.delivery != "sis"
        planned = await _plan(target, written, plan.about, await _students(org, run, written), removable=removable)
    finally:
        await target.aclose()
    planned.counts["known"] = sum(not entry[2] for entries in states.values() for entry in entries.values())
    return await sum_up(engine, run, slice, planned)


def _read(artifact: bytes) -> Iterator[Written]:
    for block in unpack(artifact):
        for row, (key, action, target_id, changes, also, *label), *_ in block:
            sent = orjson.loads(changes), orjson.loads(also)
            yield Written(row, key, Action(action), target_id or None, *sent, *label)


async def _students(org: OrgStore, run: Run, written: Sequence[Written]) -> Mapping[str, str]:
    """Enroll's students by their ids in the SIS, for records that do not say whose they are."""
    if run.delivery != "sis":
        return {}
    ids = [one.target_id for one in written if one.target_id and STUDENT not in one.values]
    return await org.links.of(run.connection, run.id).holders(ids)


async def _plan(
    target: Target, written: Sequence[Written], about: Catalog, students: Mapping[str, str], *, removable: bool
) -> Planned:
    written = [
        replace(one, also={STUDENT: student, **one.also}) if (student := students.get(one.target_id or "")) else one
        for one in written
    ]
    names = sorted({name for one in written for name in one.values if name in about.fields})
    held = await look_up(target, [Sought(one.key, one.values, one.target_id) for one in written], names)
    changes = [take_back(one, held.get(one.key), about, removable=removable) for one in written]
    changes = await _without_refused(target, changes)
    refused = [one for one in changes if one.action is Action.NONE]
    left = [one for one in changes if one.action is not Action.NONE]
    invalid = [
        RecordResult(one.row, one.key, Action.NONE, Outcome.FAILED, None, {}, one.problems, label=one.label)
        for one in refused
    ]
    return Planned(left, invalid, _counts(left, invalid, held, about))


async def _without_refused(target: Target, changes: Sequence[Change]) -> list[Change]:
    """Ask the target about records that are to go: what hangs on them is not known here."""
    removed = [one for one in changes if one.action is Action.REMOVE]
    said: dict[str, Any] = {}
    for at in range(0, len(removed), target.batch_size):
        part = removed[at : at + target.batch_size]
        said |= {one.key: list(told) for one, told in zip(part, await target.check(part), strict=True) if told}
    return [
        replace(one, action=Action.NONE, values={}, before={}, problems=said[one.key]) if one.key in said else one
        for one in changes
    ]


def _counts(
    changes: Sequence[Change], invalid: Sequence[RecordResult], held: Mapping[str, Found], about: Catalog
) -> dict[str, int]:
    actions = [one.action for one in changes]
    return {
        "rows": len(changes) + len(invalid),
        "create": actions.count(Action.CREATE),
        "update": actions.count(Action.UPDATE),
        "remove": actions.count(Action.REMOVE),
        "unchanged": actions.count(Action.ADOPT),
        "invalid": len(invalid),
        "duplicate": 0,
        "missing": 0,
        "losing": sum(loses_access(one, held.get(one.key), about) for one in changes if one.action is Action.UPDATE),
    }


async def forget_sent(
    engine: Engine, run: Run, slice: Slice, changes: Sequence[Change], answers: Mapping[str, Applied]
) -> bool:
    """The state claims no longer that the undone values are what was last sent: the next run looks at them anew.

    False where a newer version stands there: we were overtaken.
    """
    buckets = engine.org(run).buckets
    known = await buckets.load(state_of(run), slice.low, slice.high)
    touched: dict[int, Entries] = {}
    for change in changes:
        answer = answers.get(change.key)
        if answer is not None and not answer.ok:
            continue
        bucket = bucket_of(change.key)
        entries = touched.setdefault(bucket, known.get(bucket, {}))
        target_id = (answer.target_id if answer else None) or change.target_id
        if change.action is Action.REMOVE or target_id is None:
            entries.pop(change.key, None)
        else:
            held = entries.get(change.key)
            missing = held[2] if held and change.action is Action.ADOPT else 0
            entries[change.key] = ("", target_id, missing, "", change.label or label_in(held))
    return await buckets.save(state_of(run), version_of(run.number, slice.fence), touched, held=known)
