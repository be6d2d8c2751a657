"""Asking for a run: it is stored with its announcement in one write, so what was accepted cannot be lost."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import orjson

from shared.contracts.envelope import new_id
from shared.contracts.topology import Direction
from shared.engine.context import Engine
from shared.model.connection import Connection, Kind
from shared.model.run import Run, RunState, Selection, SourceSpec, Trigger
from shared.store.runs import stream_id

EVERYTHING = Selection()
UNDER_WAY = (
    RunState.PENDING,
    RunState.STAGING,
    RunState.COMPARING,
    RunState.NEEDS_APPROVAL,
    RunState.APPLYING,
)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """`mapping` is a name; the newest version counts.

    `id` where the same request may arrive twice (an event, a schedule): it then makes one run.
    """

    connection: Connection
    data_type: str
    school_year: int
    trigger: Trigger
    source: SourceSpec
    lane: Literal["interactive", "bulk"]
    direction: Direction = "import"
    preview: bool = False
    roster: Literal["full", "some"] | None = None
    mapping: str = "default"
    id: str | None = None
    selection: Selection = EVERYTHING


async def request_run(engine: Engine, request: RunRequest) -> Run:
    """Store the run and announce it, or join one that was asked for in the same words.

    Joined are a run that still waits and, for an upload of the very same bytes, one under way. Registrations that are
    approved one after the other join the run that waits behind the active one.

    Raises:
        NotFound: the connection has no mapping for this data type yet.
    """
    org = engine.store.org(request.connection.org)
    delivery = _delivery(request)
    mappings = {"": org.mappings, "sis": org.sis_mappings}.get(delivery, org.export_mappings)
    mapping = await mappings.latest(request.connection.id, request.data_type, request.mapping)
    fingerprint = _fingerprint(request, mapping.id)
    joined = await org.runs.same_request(
        fingerprint, UNDER_WAY if request.source.kind == "upload" else (RunState.PENDING,)
    )
    if joined is None and request.trigger.kind == "event" and request.selection.registrations:
        joined = await org.runs.widen(
            _stream(request), mapping.id, request.school_year, request.selection.registrations
        )
    if joined is not None:
        return joined
    run = Run(
        id=request.id or new_id("run"),
        org=request.connection.org,
        connection=request.connection.id,
        direction=request.direction,
        delivery=delivery,
        selection=request.selection,
        data_type=request.data_type,
        school_year=request.school_year,
        mapping=mapping.id,
        lane=request.lane,
        trigger=request.trigger,
        source=request.source,
        preview=request.preview,
        roster=request.roster or request.connection.roster,
        clock=request.connection.clock().isoformat(timespec="seconds"),
        created_at=datetime.now(UTC),
    )
    messages = [engine.requested(run)]
    if not await org.runs.add(run, messages, fingerprint=fingerprint):
        return await org.runs.get(run.id)
    await engine.relay.send("runs", run.id, messages)
    return await org.runs.get(run.id)


def _delivery(request: RunRequest) -> Literal["", "download", "sftp", "sis"]:
    if request.direction == "import":
        return ""
    if request.connection.pulls_from == "api":
        return "sis"
    return "sftp" if request.connection.kind is Kind.SFTP else "download"


def _stream(request: RunRequest) -> str:
    return stream_id(request.connection.id, request.direction, request.data_type)


def _fingerprint(request: RunRequest, mapping: str) -> str:
    asked = [
        request.connection.id,
        request.direction,
        request.data_type,
        request.school_year,
        mapping,
        request.source.kind,
        request.source.sha256,
        request.source.changes,
        request.preview,
        request.roster,
        request.selection.model_dump(),
    ]
    return hashlib.sha256(orjson.dumps(asked)).hexdigest()
