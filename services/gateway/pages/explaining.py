"""Explain: where every value of a student, or of another record, comes from."""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway import explain
from services.gateway.pages.filters import DataType, Typed
from services.gateway.pages.site import page
from services.gateway.pages.visits import Visit, Visited
from shared.contracts.topology import Direction
from shared.engine.searching import MOST_NAMED, Known
from shared.model.catalog import data_types
from shared.model.errors import NotFound
from shared.model.explanation import Explanation
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False)

EARLIER: Final = 10


@dataclass(frozen=True, slots=True)
class _Asked:
    data_type: str
    direction: Direction
    sought: str


@router.get("/explain")
async def show(
    visit: Visited, key: Typed = "", data_type: DataType = "students", direction: Direction = "import"
) -> Response:
    """By the record's key, or by its id in the target where nothing has that key."""
    return await _show(visit, _Asked(data_type, direction, key), await _explained(visit, data_type, direction, key))


@router.post("/explain", summary="Search for a record")
async def search(visit: Visited) -> Response:
    """The same, or by name: whom one looks for stands in no address."""
    fields = await visit.fields()
    sought = fields.get("sought", "").strip()[:300]
    data_type, direction = fields.get("data_type", ""), fields.get("direction", "import")
    asked = _Asked(
        data_type if data_type in data_types() else "students", "export" if direction == "export" else "import", sought
    )
    found = await _explained(visit, asked.data_type, asked.direction, sought)
    if found or not sought:
        return await _show(visit, asked, found)
    called = explain.Search(name=sought[:100], direction=asked.direction)
    named = await explain.search(visit.call, asked.data_type, called)
    if len(named) == 1:
        found = await _explained(visit, asked.data_type, asked.direction, named[0].key)
    return await _show(visit, asked, found, [] if found else named)


async def _explained(visit: Visit, data_type: str, direction: Direction, key: str) -> list[Explanation] | None:
    """None where nothing was asked for."""
    if direction == "export":
        await visit.call.may(Deed.VIEW_EXPORT, subject="explain")
    if not key:
        return None
    found: list[Explanation] = []
    for own, theirs in ((key, ""), ("", key[:100])):
        with contextlib.suppress(NotFound):
            found = found or await explain.show(
                visit.call, data_type, own, theirs, direction=direction, earlier=EARLIER
            )
    return found


async def _show(
    visit: Visit, asked: "_Asked", found: list[Explanation] | None, named: Sequence[Known] = ()
) -> Response:
    names = {one.id: one for one in await visit.call.org.connections.all()}
    about: dict[str, Any] = {**asdict(asked), "found": found, "named": named, "most": MOST_NAMED}
    about["exports"] = await visit.can(Deed.VIEW_EXPORT)
    return await page(visit, "explain.html", **about, connections=names, data_types=data_types())
