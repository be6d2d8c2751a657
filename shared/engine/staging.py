"""stage: pull the source once, as a stream, and store it in slices that never change."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import structlog

from shared.engine.context import Engine
from shared.engine.lease import LeaseLost
from shared.engine.spill import Spill, plan
from shared.mapping.export_rows import compile_export
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import BadInput
from shared.model.ports import Source
from shared.model.run import Run, RunState
from shared.store.slices import Slice, SliceState
from shared.together import together

log = structlog.get_logger()

AT_ONCE = 4


class RowReader(Protocol):
    """What tells the rows of a source apart: the key of a record, and a mark that is the same where the row is."""

    @property
    def lost_columns(self) -> Sequence[tuple[str, str]]: ...

    @property
    def key(self) -> Callable[[list[str]], str]: ...

    @property
    def mark(self) -> Callable[[list[str]], str]: ...


Reading = Callable[[Engine, Run, Connection, Sequence[str]], Awaitable[RowReader]]


async def stage(engine: Engine, run: Run, fence: int, *, reading: Reading) -> None:
    """staging -> comparing, with the first slices announced.

    Raises:
        BadInput, BadMapping, BadSettings: the run is to fail with this.
        Transient: try again later.
    """
    org = engine.org(run)
    numbered = await org.runs.numbered(run, fence)
    if numbered is None:
        raise LeaseLost(*said("lease.lost"))
    run = numbered
    connection = await org.connections.get(run.connection)
    source = await engine.ends.source(run, connection)
    async with source:
        compiled = await reading(engine, run, connection, source.info.columns)
        with Spill(engine.settings.spool_dir) as spill:
            slices = await _partition(engine, run, source, compiled, spill)
        facts = facts_of(source, compiled)
    if not await org.runs.renew(run.id, fence, engine.settings.lease_seconds):
        raise LeaseLost(*said("lease.lost"))
    if slices and not await org.slices.add_all(slices, fence):
        raise LeaseLost(*said("lease.lost"))
    messages = [engine.compare(run, one.number) for one in slices[: engine.settings.window]]
    moved = await org.runs.move(
        run.id,
        [RunState.STAGING],
        RunState.COMPARING,
        fence=fence,
        facts={"slices": len(slices), "stage": facts},
        messages=messages,
    )
    if moved:
        rows = sum(one.rows for one in slices)
        log.info("staged", action="stage", slices=len(slices), rows=rows, bytes=source.info.size)
        await engine.relay.send("runs", run.id, messages)


async def as_mapped(engine: Engine, run: Run, connection: Connection, columns: Sequence[str]) -> RowReader:
    return (await engine.planner.plan(run, connection, columns)).compiled


async def as_listed(engine: Engine, run: Run, connection: Connection, columns: Sequence[str]) -> RowReader:
    del connection
    export = await engine.org(run).export_mappings.get(run.mapping)
    export.file_names(run.asked_at, run.school_year)
    return compile_export(export, columns, run.moment)


async def _partition(engine: Engine, run: Run, source: Source, compiled: RowReader, spill: Spill) -> list[Slice]:
    async for batch in source.batches():
        await asyncio.to_thread(spill.add, batch, compiled.key, compiled.mark)
    if not sum(spill.rows) and (run.source.changes or run.selection.pending):
        return []
    if not sum(spill.rows):
        raise nothing_there(run)
    await asyncio.to_thread(spill.finish)
    planned = plan(spill.rows, engine.settings.slice_rows)
    gate = asyncio.Semaphore(AT_ONCE)

    async def store(number: int, low: int, high: int, rows: int) -> Slice:
        async with gate:
            content = await asyncio.to_thread(spill.read, low, high)
            staged = await engine.org(run).artifacts.put("stage", run.id, content)
            return Slice(run.id, number, low, high, rows, SliceState.STAGED, staged)

    return await together(store(number, *one) for number, one in enumerate(planned))


def nothing_there(run: Run) -> BadInput:
    if run.direction == "import":
        return BadInput(*said("file.no_rows"))
    return BadInput(*(said("export.nothing") if run.selection.everything else said("export.nobody")))


def facts_of(source: Source, compiled: RowReader) -> dict[str, Any]:
    info = source.info
    return {
        "columns": list(info.columns),
        "name": info.name,
        "size": info.size,
        "sha256": info.sha256,
        "details": dict(info.details),
        "receipt": dict(info.receipt),
        "warnings": list(source.warnings),
        "lost_columns": [list(one) for one in compiled.lost_columns],
    }
