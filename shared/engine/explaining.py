"""explain: which run, row and mapping put each value of a record there, and what the last run decided about it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shared.engine.blocks import unpack
from shared.engine.requests import mapping_of
from shared.mapping.registrations import with_references
from shared.mapping.source_columns import source_columns
from shared.model.connection import Connection
from shared.model.errors import NotFound
from shared.model.explanation import Decided, Decision, Explanation, FieldHistory, Write, Writer
from shared.model.mapping import Mapping as FieldMappings
from shared.model.record import Outcome
from shared.model.run import Run
from shared.model.saved import SavedMapping
from shared.store.buckets import bucket_of
from shared.store.database import OrgStore
from shared.store.records import WRITTEN
from shared.store.runs import stream_id
from shared.store.slices import SliceState

MOST_WRITES = 1000
"""The most writes of one record that are looked through; a record that changes daily has 365 a year."""

MOST_GONE = 100
"""Among how many of the connections that were deleted last it is looked who wrote to a record."""

Direction = Literal["import", "export"]
Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A record by its key or its id in the target. `field` None: every field. `earlier` is how many writes to show.

    `before`: the earlier writes begin behind the run of this number.
    """

    direction: Direction
    data_type: str
    key: str = ""
    target_id: str = ""
    field: str | None = None
    before: int | None = None
    earlier: int = 10


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found, and whether connections that were deleted longer ago were not looked at."""

    found: list[Explanation]
    left_out: bool = False


async def explain_all(org: OrgStore, asked: Asked) -> Looked:
    """One for each connection that has had to do with the record, and behind them for each of those deleted lately that
    have made something of it, the one deleted last first: which these are is one question, however many there are."""
    gone = await org.connections.gone_last(MOST_GONE + 1)
    ours = {stream_id(one.id, asked.direction, asked.data_type): one for one in gone[:MOST_GONE]}
    known = await org.records.streams_of(list(ours), key=asked.key, target_id=asked.target_id) if ours else set()
    wrote = [one for stream, one in ours.items() if stream in known]
    found = await explain(org, [*await org.connections.all(), *wrote], asked)
    return Looked(found, len(gone) > MOST_GONE)


async def explain(org: OrgStore, connections: Sequence[Connection], asked: Asked) -> list[Explanation]:
    """One for each of the connections that has had to do with the record; none where nobody has."""
    found = [await _of_connection(org, one, asked) for one in connections]
    return [one for one in found if one is not None]


async def _of_connection(org: OrgStore, connection: Connection, asked: Asked) -> Explanation | None:
    stream = stream_id(connection.id, asked.direction, asked.data_type)
    key = asked.key or await org.records.key_of(stream, asked.target_id)
    if not key:
        return None
    records = await org.records.history(stream, key, MOST_WRITES)
    about = _Told(org, connection)
    last = await _last(org, about, stream, key, records)
    if not records and (last is None or last.outcome in ("Absent", "Unknown")):
        return None
    return Explanation(
        connection=connection.id,
        deleted_at=connection.deleted_at,
        direction=asked.direction,
        data_type=asked.data_type,
        key=key,
        label=next((one["label"] for one in records if one["label"]), ""),
        target_id=next((one["target_id"] for one in records if one["target_id"]), None),
        fields=[one async for one in _fields(about, _written(records), asked)],
        last=last,
    )


def _written(records: Sequence[Record]) -> dict[str, list[Record]]:
    """The records that wrote each field, newest first."""
    found: dict[str, list[Record]] = {}
    for one in records:
        for name in one["changes"] if one["outcome"] in WRITTEN else ():
            found.setdefault(name, []).append(one)
    return found


async def _fields(about: "_Told", written: Mapping[str, Sequence[Record]], asked: Asked) -> AsyncIterator[FieldHistory]:
    labels = about.connection.catalog_of(asked.direction, asked.data_type)
    for name, (newest, *older) in sorted(written.items()):
        if asked.field in (None, name):
            behind = [one for one in older if asked.before is None or one["number"] < asked.before]
            shown, more = behind[: asked.earlier], len(behind) > asked.earlier
            first = await about.write(name, newest)
            yield FieldHistory(
                **dict(first),
                field=name,
                label=labels.label_of(name),
                earlier=[await about.write(name, one) for one in shown],
                next=shown[-1]["number"] if more and shown else None,
            )


async def _last(org: OrgStore, about: "_Told", stream: str, key: str, records: Sequence[Record]) -> Decision | None:
    """Of a run without a record of it the rows themselves tell whether it was there."""
    run = await org.runs.last_compared(stream)
    own = next((one for one in records if run is None or one["run"] == run.id or one["number"] > run.number), None)
    if own is not None:
        by = await about.writer("", own)
        outcome = Outcome(own["outcome"]).value
        return Decision.model_validate(
            {"outcome": outcome, "action": own["action"], "by": by, "problems": own["problems"]}
        )
    if run is None:
        return None
    outcome_, row = await _in_source(org, run, key)
    return Decision(outcome=outcome_, by=await about.writer("", {"run": run.id, "row": row, "at": run.ended_at}))


async def _in_source(org: OrgStore, run: Run, key: str) -> tuple[Decided, int | None]:
    bucket = bucket_of(key)
    for slice in await org.slices.of(run.id):
        if slice.low <= bucket <= slice.high:
            try:
                staged = await org.artifacts.get(slice.staged)
            except NotFound:
                break
            row = await asyncio.to_thread(_row_of, staged, key)
            if row is None:
                return "Absent", None
            return ("Unchanged" if slice.state is SliceState.APPLIED else "Not sent"), row
    return "Unknown", None


def _row_of(artifact: bytes, key: str) -> int | None:
    found = (row[0] for block in unpack(artifact) for row in block if row[1] is not None and row[2] == key)
    return next(found, None)


@dataclass(slots=True)
class _Told:
    """Runs and mappings that were read already, for one connection."""

    org: OrgStore
    connection: Connection
    _runs: dict[str, Run] = field(default_factory=dict)
    _mappings: dict[str, SavedMapping] = field(default_factory=dict)
    _columns: dict[tuple[str, tuple[str, ...]], Mapping[str, Sequence[str]]] = field(default_factory=dict)

    async def write(self, name: str, record: Record) -> Write:
        before, value = record["changes"][name]
        return Write(value=value, before=before, by=await self.writer(name, record))

    async def writer(self, name: str, record: Record) -> Writer:
        """Of the field `name`, where there is one."""
        run = await self._run(record["run"])
        mapping = None if run.undoes else await self._mapping(run)
        columns = self._source_columns(run, mapping).get(name, ()) if mapping else ()
        return Writer(
            run=run.id,
            number=run.number,
            state=run.state,
            trigger=run.trigger,
            at=record["at"] or run.ended_at or run.created_at,
            source=run.source,
            source_name=run.source_name,
            row=record["row"],
            columns=columns,
            mapping=run.mapping if mapping else "",
            mapping_name=mapping.name if mapping else "",
            mapping_version=mapping.version if mapping else 0,
            undoes=run.undoes,
        )

    async def _run(self, id: str) -> Run:
        if id not in self._runs:
            self._runs[id] = await self.org.runs.get(id)
        return self._runs[id]

    async def _mapping(self, run: Run) -> SavedMapping:
        if run.mapping not in self._mappings:
            self._mappings[run.mapping] = await mapping_of(self.org, run)
        return self._mappings[run.mapping]

    def _source_columns(self, run: Run, mapping: SavedMapping) -> Mapping[str, Sequence[str]]:
        if not isinstance(mapping, FieldMappings):
            return {}
        asked = (mapping.id, tuple(run.stage.get("columns", ())))
        if asked not in self._columns:
            draft = with_references(mapping) if run.delivery == "sis" else mapping
            about = self.connection.catalog_of(run.direction, run.data_type)
            self._columns[asked] = source_columns(draft, about, asked[1], run.moment)
        return self._columns[asked]
