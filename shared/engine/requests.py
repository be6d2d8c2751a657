"""Asking for a run: it is stored with its announcement in one write, so what was accepted cannot be lost."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import orjson

from shared.contracts.envelope import new_id
from shared.contracts.topology import Direction
from shared.engine.context import Engine
from shared.model.connection import Connection
from shared.model.errors import NotFound
from shared.model.kind import Kind
from shared.model.run import UNWRITTEN, Delivery, Run, RunState, Selection, SourceSpec, Trigger
from shared.model.saved import SavedMapping
from shared.store.database import OrgStore
from shared.store.mappings import ExportMappings, Mappings, SisMappings
from shared.store.runs import stream_of

EVERYTHING = Selection()
UNDER_WAY = (*UNWRITTEN, RunState.APPLYING)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """`mapping` is a name, of which the newest version counts; or `version` is the id of the very one.

    `id` where the same request may arrive twice (an event, a schedule): it then makes one run. `as_of` as in `Run`.
    """

    connection: Connection
    data_type: str
    school_year: int
    trigger: Trigger
    source: SourceSpec
    lane: Literal["interactive", "bulk"]
    direction: Direction = "import"
    preview: bool = False
    afresh: bool = False
    roster: Literal["full", "some"] | None = None
    mapping: str = "default"
    version: str = ""
    id: str | None = None
    as_of: int = 0
    selection: Selection = EVERYTHING


@dataclass(frozen=True, slots=True)
class Asked:
    """A run that is not stored yet, with the words that it was asked for in."""

    run: Run
    fingerprint: str


async def request_run(engine: Engine, request: RunRequest) -> Run:
    """Store the run and announce it, or join one that was asked for in the same words.

    Joined are a run that still waits and, for an upload of the very same bytes, one under way.

    Raises:
        NotFound: the connection has no mapping for this data type yet.
        BadSettings: an export out of Enroll's sandbox, in earnest, into what nobody has said is meant for that.
    """
    asked = await as_asked(engine, request)
    runs = engine.org(asked.run).runs
    states = UNDER_WAY if request.source.kind == "upload" else (RunState.PENDING,)
    joined = await runs.same_request(stream_of(asked.run), asked.fingerprint, states)
    return joined or await store_waiting(engine, asked)


async def as_asked(engine: Engine, request: RunRequest) -> Asked:
    """What a request asks for, by the newest version of its mapping. Raises as `request_run`."""
    if request.direction == "export" and not request.preview:
        request.connection.check_export()
    org = engine.store.org(request.connection.org)
    delivery = _delivery(request)
    if request.version:
        mapping = (await _mappings(org, delivery).get(request.version)).id
    else:
        mapping = await newest_mapping(org, request.connection, delivery, request.data_type, request.mapping)
    return Asked(_run(request, mapping, delivery), _fingerprint(request, mapping))


async def store_waiting(engine: Engine, asked: Asked) -> Run:
    """As one that waits for its turn, which may have come, announced; as it is where it is there already."""
    run, runs = asked.run, engine.org(asked.run).runs
    messages = [engine.requested(run)]
    if await runs.add(run, messages, fingerprint=asked.fingerprint):
        await engine.relay.send("runs", run.id, messages)
    return await runs.get(run.id)


async def newest_mapping(org: OrgStore, connection: Connection, delivery: Delivery, data_type: str, name: str) -> str:
    """The id of the newest version of that name. Raises NotFound."""
    return await _mappings(org, delivery).latest_id(connection.id, data_type, name)


async def mapping_of(org: OrgStore, run: Run) -> SavedMapping:
    """The version that the run has. Raises NotFound."""
    return await _mappings(org, run.delivery).get(run.mapping)


def _mappings(org: OrgStore, delivery: Delivery) -> Mappings | SisMappings | ExportMappings:
    if delivery == "":
        return org.mappings
    return org.sis_mappings if delivery == "sis" else org.export_mappings


async def follower(org: OrgStore, run: Run, name: str, is_over: Callable[[Run], bool], *, preview: bool) -> str:
    """The id of the run that follows `run` under a name: one for all who ask.

    Another one where that one `is_over`, or only shows what it would do and more than that is asked.
    """
    made = new_id("run")
    id = await org.runs.followed_by(run.id, name, made)
    try:
        if id != made and _is_done_with(await org.runs.get(id), is_over, preview=preview):
            return await org.runs.followed_by(run.id, name, made, instead_of=id)
    except NotFound:
        pass  # whoever named it was cut off before storing it
    return id


def _is_done_with(run: Run, is_over: Callable[[Run], bool], *, preview: bool) -> bool:
    return is_over(run) or (run.preview and not preview and run.state in UNWRITTEN)


def _run(request: RunRequest, mapping: str, delivery: Delivery) -> Run:
    return Run(
        id=request.id or new_id("run"),
        org=request.connection.org,
        connection=request.connection.id,
        direction=request.direction,
        delivery=delivery,
        selection=request.selection,
        data_type=request.data_type,
        school_year=request.school_year,
        mapping=mapping,
        lane=request.lane,
        trigger=request.trigger,
        source=request.source,
        preview=request.preview,
        afresh=request.afresh,
        roster=request.roster or request.connection.roster,
        clock=request.connection.clock().isoformat(timespec="seconds"),
        created_at=datetime.now(UTC),
        as_of=request.as_of,
    )


def _delivery(request: RunRequest) -> Delivery:
    if request.direction == "import":
        return ""
    if request.connection.pulls_from == "api":
        return "sis"
    return "sftp" if request.connection.kind is Kind.SFTP else "download"


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
        request.source.run,
        request.preview,
        request.afresh,
        request.roster,
        request.selection.model_dump(),
    ]
    return hashlib.sha256(orjson.dumps(asked)).hexdigest()
