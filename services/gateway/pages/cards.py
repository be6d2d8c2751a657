"""The dashboard: a card for each connection."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway import connections
from services.gateway.connections import ConnectionChange
from services.gateway.pages.site import page, then
from services.gateway.pages.visits import Visit, Visited
from shared.model.connection import Connection
from shared.model.occurrences import next_due
from shared.model.permission import Deed
from shared.model.run import Run
from shared.together import together

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Card:
    """`nexts` are what the schedules will do next: what, and when."""

    connection: Connection
    last: Run | None
    nexts: list[tuple[str, datetime]]


@router.get("/")
async def dashboard(visit: Visited) -> Response:
    held = await connections.index(visit.call)
    cards = await together(_card(visit, one) for one in held)
    exports = await visit.can(Deed.EXPORT)
    return await page(visit, "dashboard.html", cards=cards, exports=exports)


@router.post("/connections/{id}/switch", summary="Enable Import or Enable Export")
async def switch(visit: Visited, id: str) -> Response:
    """Enable Import or Enable Export, on or off."""
    fields = await visit.fields()
    on = fields.get("on") == "1"
    name = "enable_export" if fields.get("direction") == "export" else "enable_import"
    await connections.change(visit.call, id, ConnectionChange.model_validate({name: on}))
    return then(f"/connections/{id}" if fields.get("back") else "/", "switched-on" if on else "switched-off")


async def _card(visit: Visit, connection: Connection) -> Card:
    runs = await visit.call.org.runs.page(connection=connection.id, limit=1)
    return Card(connection, runs[0] if runs else None, list(_nexts(connection, datetime.now(UTC))))


def _nexts(connection: Connection, now: datetime) -> Iterator[tuple[str, datetime]]:
    planned = (
        ("Import", connection.schedule, connection.enable_import),
        ("Export", connection.export_schedule, connection.enable_export),
    )
    for what, schedule, enabled in planned:
        if schedule is not None and enabled:
            yield what, next_due(schedule.time, schedule.zone, now).at_utc
