"""The steps of a run that makes files: list the rows of a slice, deliver the files, tell Enroll what became of them."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import structlog

from shared.engine import blocks
from shared.engine import changes as changesets
from shared.engine.assembling import Assembly, Made, rows_per_block
from shared.engine.context import Engine
from shared.engine.lease import LeaseLost
from shared.engine.listing import REASON, list_rows
from shared.engine.progress import apply_slices, following
from shared.mapping.export_rows import compile_export
from shared.model.cause import causes_of
from shared.model.error_texts import said
from shared.model.errors import Conflict
from shared.model.record import Action, Change, Outcome
from shared.model.run import Run, RunFile, RunState
from shared.store.buckets import Entries, bucket_of, state_of, version_of
from shared.store.records import RecordResult
from shared.store.slices import Slice, SliceState
from shared.telemetry.metrics import APPLIED, ROWS

log = structlog.get_logger()

CHUNK = 1024 * 1024
_TOLD = {
    Action.CREATE: Outcome.SUCCEEDED,
    Action.UPDATE: Outcome.SUCCEEDED,
    Action.ADOPT: Outcome.SUCCEEDED,
    Action.NONE: Outcome.FAILED,
}


async def list_slice(engine: Engine, run: Run, slice: Slice) -> bool:
    """staged -> compared: the rows as they will stand in the files, and what of them is new. False: lease lost."""
    org = engine.org(run)
    compiled = compile_export(await org.export_mappings.get(run.mapping), run.stage["columns"], run.moment)
    artifact = await org.artifacts.get(slice.staged)
    states = await org.buckets.load(state_of(run), slice.low, slice.high)
    found = await asyncio.to_thread(list_rows, artifact, compiled, states)
    await org.records.put(run, slice.fence, found.invalid)
    rows = await asyncio.to_thread(blocks.pack, found.rows, rows_per_block(run.slices))
    listed = await org.artifacts.put("rows", run.id, rows) if found.rows else ""
    changes = ""
    if found.changes:
        changes = await org.artifacts.put("changes", run.id, await asyncio.to_thread(changesets.pack, found.changes))
    number = slice.number + engine.settings.window
    messages = [engine.compare(run, number)] if number < run.slices else []
    state = SliceState.COMPARED if found.changes else SliceState.APPLIED
    causes = causes_of((one.row, one.problems) for one in found.invalid)
    done = await org.slices.complete(
        slice, state, counts=found.counts, causes=causes, changes=changes, listed=listed, messages=messages
    )
    if done:
        await engine.relay.send("slices", slice.id, messages)
        for decision in ("create", "update", "unchanged", "invalid", "duplicate", "missing"):
            ROWS.labels(run.data_type, decision).inc(found.counts[decision])
        log.info("listed", action="compare", counts=found.counts)
    return done


async def deliver(engine: Engine, run: Run, fence: int) -> None:
    """applying: make the files and send them, then announce the slices. Done twice it has no second effect.

    Raises:
        Permanent: a file cannot be delivered; the run is to fail with this.
        Transient: try again later.
    """
    if run.delivered_at is not None:
        return
    slices = await engine.org(run).slices.of(run.id)
    files = list(run.files) or await _make(engine, run, slices)
    if not run.files:
        await _note(engine, run, fence, files)
    for number, file in enumerate(files):
        if file.state != "delivered":
            await _send(engine, run, fence, files, number)
    log.info("delivered", action="deliver", rows=sum(file.rows for file in files), bytes=sum(one.size for one in files))
    await apply_slices(engine, run, slices, RunState.APPLYING, fence=fence)


async def _make(engine: Engine, run: Run, slices: Sequence[Slice]) -> list[RunFile]:
    org = engine.org(run)
    mapping = await org.export_mappings.get(run.mapping)
    with Assembly(engine.settings.spool_dir) as assembly:
        for slice in slices:
            if slice.listed:
                await asyncio.to_thread(assembly.add, await org.artifacts.get(slice.listed))
        made = await asyncio.to_thread(assembly.write, mapping.files)
        names = mapping.file_names(run.asked_at, run.school_year)
        return [
            RunFile(
                name=name,
                size=one.size,
                sha256=one.sha256,
                rows=one.rows,
                artifact=await org.artifacts.put_stream("export", _chunks(one)),
            )
            for name, one in zip(names, made, strict=True)
        ]


async def _chunks(made: Made) -> AsyncIterator[bytes]:
    with made.path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
        if not made.size:
            yield b""


async def _send(engine: Engine, run: Run, fence: int, files: list[RunFile], number: int) -> None:
    """Each step is remembered before the next, so that an attempt that is cut off is never made a second time."""
    file = files[number]

    async def begin() -> None:
        files[number] = file.model_copy(update={"state": "begun"})
        await _note(engine, run, fence, files)

    if run.delivery == "sftp":
        connection = await engine.org(run).connections.get(run.connection)
        connection.check_export()
        with tempfile.TemporaryDirectory(dir=engine.settings.spool_dir, prefix="sync-send-") as folder:
            path = Path(folder) / "file"
            with path.open("wb") as place:
                async for chunk in engine.org(run).artifacts.stream(file.artifact):
                    await asyncio.to_thread(place.write, chunk)
            await engine.ends.deliver(connection, path, file.name, begun=file.state == "begun", begin=begin)
    files[number] = file.model_copy(update={"state": "delivered"})
    await _note(engine, run, fence, files)


async def _note(engine: Engine, run: Run, fence: int, files: Sequence[RunFile]) -> None:
    facts = {"files": [file.model_dump() for file in files]}
    if not await engine.org(run).runs.note(run.id, fence, facts):
        raise LeaseLost(*said("lease.lost"))


async def conclude(engine: Engine, run: Run, slice: Slice) -> bool:
    """compared -> applied, once the files are delivered: tell Enroll, then remember what stood in them.

    Raises:
        Conflict: a later run of the stream has remembered newer values.
        Transient: try again later.
    """
    org = engine.org(run)
    changes = changesets.unpack(await org.artifacts.get(slice.changes))
    await engine.ends.report(run, [_report(one) for one in changes if one.action in _TOLD])
    sent = [one for one in changes if one.action in (Action.CREATE, Action.UPDATE)]
    await org.records.put(run, slice.fence, [_result(one) for one in sent])
    if not await _remember(engine, run, slice, changes):
        if not await org.slices.renew(slice, engine.settings.lease_seconds):
            return False
        raise Conflict(*said("run.overtaken"))
    created = sum(one.action is Action.CREATE for one in sent)
    counts = {"created": created, "updated": len(sent) - created}
    messages = following(engine, run, slice)
    if not await org.slices.complete(slice, SliceState.APPLIED, counts=counts, messages=messages):
        return False
    await engine.relay.send("slices", slice.id, messages)
    for status, count in counts.items():
        APPLIED.labels(run.data_type, status).inc(count)
    log.info("applied", action="apply", counts=counts)
    return True


def _report(change: Change) -> dict[str, str]:
    return {"id": change.key, "status": _TOLD[change.action].value, "error": str(change.values.get(REASON, ""))}


def _result(change: Change) -> RecordResult:
    values = {name: [None, value] for name, value in change.values.items()}
    return RecordResult(change.row, change.key, change.action, Outcome.SUCCEEDED, None, values, (), label=change.label)


async def _remember(engine: Engine, run: Run, slice: Slice, changes: Sequence[Change]) -> bool:
    buckets = engine.org(run).buckets
    known = await buckets.load(state_of(run), slice.low, slice.high)
    touched: dict[int, Entries] = {}
    for change in changes:
        bucket = bucket_of(change.key)
        if change.action in (Action.CREATE, Action.UPDATE):
            touched.setdefault(bucket, known.get(bucket, {}))[change.key] = (change.digest, "", 0, "", change.label)
        elif change.action is Action.MISSING:
            touched.setdefault(bucket, known.get(bucket, {})).pop(change.key, None)
    return await buckets.save(state_of(run), version_of(run.number, slice.fence), touched, held=known)
