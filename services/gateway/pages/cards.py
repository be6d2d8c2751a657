"""The dashboard: a card for each connection."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway import connections
from services.gateway.connection_change import ConnectionChange
from services.gateway.connections import AfterName, Search
from services.gateway.pages.site import page, then
from services.gateway.pages.visits import Visited
from services.gateway.pages.words import only_shows
from shared.model.catalog import data_types
from shared.model.connection import Connection
from shared.model.occurrences import next_due
from shared.model.run import Run
from shared.store.database import OrgStore
from shared.store.runs import stream_id

router = APIRouter(include_in_schema=False)

CARDS: Final = 24


@dataclass(frozen=True, slots=True)
class Next:
    """What a schedule does next. `at` is None, and `daily` says when it would be, while it is switched off."""

    what: str
    at: datetime | None
    daily: str


@dataclass(frozen=True, slots=True)
class Card:
    """`last` is the run that began last, a preview only where there is nothing else: those write nothing. `waits` are
    those that wait for approval, besides."""

    connection: Connection
    last: Run | None
    waits: list[Run]
    nexts: list[Next]


@router.get("/")
async def dashboard(visit: Visited, search: Search = "", after: AfterName = "") -> Response:
    """By name, a page at a time."""
    held = await connections.index(visit.call, search, after, CARDS + 1)
    asked = {"search": search, "after": after}
    more = urlencode({**asked, "after": held[CARDS - 1].name}) if len(held) > CARDS else ""
    cards = await cards_of(visit.call.org, held[:CARDS])
    is_all = bool(search.strip()) and not after and not more
    found = len(cards) if is_all else await visit.call.org.connections.count(search.strip()) if search.strip() else 0
    return await page(visit, "dashboard.html", cards=cards, asked=asked, more=more, found=found)


@router.post("/connections/{id}/switch", summary="Enable Import or Enable Export")
async def switch(visit: Visited, id: str) -> Response:
    """Enable Import or Enable Export, on or off."""
    fields = await visit.fields()
    on = fields.get("on") == "1"
    name = "enable_export" if fields.get("direction") == "export" else "enable_import"
    now = await connections.change(visit.call, id, ConnectionChange.model_validate({name: on}))
    said = (
        "sends-approved" if name == "enable_export" and now.sends_approved else "switched-on" if on else "switched-off"
    )
    asked = {name: fields[name] for name in ("search", "after") if fields.get(name)}
    back = f"/connections/{id}" if fields.get("back") else f"/?{urlencode(asked)}" if asked else "/"
    return then(back, said)


async def cards_of(org: OrgStore, held: Sequence[Connection]) -> list[Card]:
    """With as many calls of the database for many as for one."""
    streams = [stream for one in held for stream in _streams(one)]
    begun = sorted(await org.runs.last_begun(streams), key=_lastly)
    last = {run.connection: run for run in begun}
    now = datetime.now(UTC)
    undecided = await org.runs.undecided(*streams) if streams else []
    return [Card(one, last.get(one.id), _waiting(one, last, undecided), list(_nexts(one, now))) for one in held]


def _lastly(run: Run) -> tuple[bool, datetime, str]:
    return not only_shows(run), run.started_at or run.created_at, run.id


def _waiting(connection: Connection, last: Mapping[str, Run], undecided: Sequence[Run]) -> list[Run]:
    shown = last.get(connection.id)
    return [run for run in undecided if run.connection == connection.id and not (shown and run.id == shown.id)]


def _streams(connection: Connection) -> Iterator[str]:
    yield from (stream_id(connection.id, "import", one) for one in data_types())
    yield stream_id(connection.id, "export", "students")


def _nexts(connection: Connection, now: datetime) -> Iterator[Next]:
    planned = (
        ("Import", connection.schedule, connection.enable_import),
        ("Export", connection.export_schedule, connection.enable_export),
    )
    for what, schedule, enabled in planned:
        if schedule is not None:
            at = next_due(schedule.time, schedule.zone, now).at_utc if enabled else None
            yield Next(what, at, f"{schedule.time}, {schedule.zone}")
