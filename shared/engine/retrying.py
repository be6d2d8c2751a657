"""retry: a new run of what did not succeed in an earlier one, with the newest version of its mapping."""

import asyncio
from collections.abc import Iterable

from shared.engine.blocks import unpack
from shared.engine.classify import Candidate, Classified
from shared.engine.context import Engine
from shared.engine.requests import RunRequest, follower, mapping_of, newest_mapping, request_run
from shared.model.error_texts import said
from shared.model.errors import Conflict
from shared.model.record import Action, Outcome, Problem
from shared.model.run import Run, RunState, SourceSpec, Trigger
from shared.store.database import OrgStore
from shared.store.records import UNSUCCESSFUL, WRITTEN, RecordResult, Wanted
from shared.store.runs import stream_of
from shared.store.slices import Slice, SliceState
from shared.together import together

AT_ONCE = 16
LATEST = 20


async def retry(engine: Engine, run: Run, by: str, *, preview: bool = False) -> Run:
    """Ask for the run, or give back the one that was asked for already with this version of the mapping.

    With `preview` it stops once it is known what would be written. Asked without, one that waits so makes room.

    Raises:
        Conflict: the run has not ended, has no failures, or is of a kind that is run again as a whole.
        NotFound: the connection or its mapping is gone.
    """
    org = engine.org(run)
    await _check(org, run)
    connection = await org.connections.get(run.connection)
    name = (await mapping_of(org, run)).name
    newest = await newest_mapping(org, connection, run.delivery, run.data_type, name)
    request = RunRequest(
        connection=connection,
        direction=run.direction,
        data_type=run.data_type,
        school_year=run.school_year,
        trigger=Trigger(kind="replay", by=by, id=run.id),
        source=SourceSpec(kind="failed", run=run.id, name=run.source.name),
        lane="interactive",
        roster="some",
        preview=preview,
        mapping=name,
        as_of=run.as_of or run.number,
        id=await follower(org, run, f"retry {newest}", _is_called_off, preview=preview),
    )
    return await request_run(engine, request)


def _is_called_off(retry: Run) -> bool:
    return retry.state is RunState.CANCELLED


async def _check(org: OrgStore, run: Run) -> None:
    if not run.ended:
        raise Conflict(*said("retry.not_ended"))
    if run.makes_files:
        raise Conflict(*said("retry.files"))
    if run.undoes:
        raise Conflict(*said("retry.undo", run=run.undoes))
    slices = await org.slices.of(run.id)
    broken = run.state is not RunState.CANCELLED and any(one.state is not SliceState.APPLIED for one in slices)
    pages = [await org.records.page(run, Wanted(outcome), limit=1) for outcome in UNSUCCESSFUL]
    if run.state is RunState.CANCELLED or not (broken or any(pages)):
        raise Conflict(*said("retry.nothing"))


async def set_overtaken_aside(engine: Engine, run: Run, slice: Slice, found: Classified) -> None:
    """Rows for whose key a run with newer rows has succeeded are not sent: they are reported as failed.

    That run may have had nothing to send for them; then they stand among the rows it has staged.
    """
    org = engine.org(run)
    gate = asyncio.Semaphore(AT_ONCE)
    overtaken: set[str] = set()
    failed_since: dict[str, set[str]] = {}

    async def look(candidate: Candidate) -> None:
        async with gate:
            for one in await org.records.history(stream_of(run), candidate.key, LATEST):
                if one["as_of"] > run.as_of and one["run"] != run.id:
                    if one["outcome"] in WRITTEN:
                        overtaken.add(candidate.key)
                    else:
                        failed_since.setdefault(one["run"], set()).add(candidate.key)

    await together(look(one) for one in found.candidates)
    left = {one.key for one in found.candidates} - overtaken
    async for later in org.runs.since(run, run.as_of):
        if not left:
            break
        same = left - failed_since.get(later.id, set())
        unchanged = await _unchanged(org, later, slice, same) if same and not later.undoes else set()
        overtaken |= unchanged
        left -= unchanged
    problem = Problem(*said("retry.overtaken"))
    found.invalid += [
        RecordResult(one.row, one.key, Action.NONE, Outcome.FAILED, None, {}, [problem], label=one.label)
        for one in found.candidates
        if one.key in overtaken
    ]
    found.candidates = [one for one in found.candidates if one.key not in overtaken]


async def _unchanged(org: OrgStore, later: Run, slice: Slice, keys: set[str]) -> set[str]:
    found: set[str] = set()
    for one in await org.slices.of(later.id):
        if one.state is SliceState.APPLIED and one.low <= slice.high and slice.low <= one.high:
            found |= await asyncio.to_thread(_among, await org.artifacts.get(one.staged), keys)
    return found


def _among(artifact: bytes, keys: Iterable[str]) -> set[str]:
    wanted = set(keys)
    return {row[2] for block in unpack(artifact) for row in block if row[1] is not None and row[2] in wanted}
