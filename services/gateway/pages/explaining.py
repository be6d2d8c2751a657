"""Explain: where every value of a student, or of another record, comes from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway import explain
from services.gateway.pages.filters import DataType, Typed
from services.gateway.pages.searches import Searched, kept
from services.gateway.pages.site import page, then
from services.gateway.pages.visits import Visit, Visited
from services.gateway.pages.words import NOTHING_SOUGHT
from shared.contracts.topology import Direction
from shared.engine.explaining import MOST_GONE, Asked, Looked
from shared.engine.searching import MOST_NAMED, Known
from shared.model.catalog import data_types
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
    visit: Visited,
    searched: Searched,
    key: Typed = "",
    data_type: DataType = "students",
    direction: Direction = "import",
) -> Response:
    """By the record's key, or by its id in the target where nothing has that key; what is searched for also by name."""
    text = searched.text
    asked = _Asked(data_type, direction, text or key)
    looked = await _explained(visit, data_type, direction, asked.sought)
    if looked is None or looked.found or not text:
        return await _show(visit, asked, looked)
    named = await explain.search(visit.call, data_type, explain.Search(name=text[:100], direction=direction))
    if len(named) == 1:
        looked = await _explained(visit, data_type, direction, named[0].key) or looked
    return await _show(visit, asked, looked, [] if looked.found else named)


@router.post("/explain", summary="Search for a record")
async def search(visit: Visited) -> Response:
    """Leads to what was found."""
    fields = await visit.fields()
    asked = {name: fields[name] for name in ("data_type", "direction") if fields.get(name)}
    text = fields.get("sought", "").strip()[:300]
    if not text:
        return then(f"/explain?{urlencode(asked)}", NOTHING_SOUGHT)
    return then(f"/explain?{urlencode(asked | await kept(visit, text))}")


async def _explained(visit: Visit, data_type: str, direction: Direction, key: str) -> Looked | None:
    """None where nothing was asked for."""
    if direction == "export":
        await visit.call.may(Deed.VIEW_EXPORT, subject="explain")
    if not key:
        return None
    asked = Asked(direction, data_type, key, earlier=EARLIER)
    looked = await explain.looked_for(visit.call, asked)
    if looked.found:
        return looked
    return await explain.looked_for(visit.call, replace(asked, key="", target_id=key[:100]))


async def _show(visit: Visit, asked: _Asked, looked: Looked | None, named: Sequence[Known] = ()) -> Response:
    found = looked.found if looked else None
    names = await visit.call.org.connections.known_of(sorted({one.connection for one in (*(found or ()), *named)}))
    about: dict[str, Any] = {**asdict(asked), "found": found, "named": named, "most": MOST_NAMED}
    about["missing"] = visit.done == NOTHING_SOUGHT
    about["fields"] = {id: one.catalog_of(asked.direction, asked.data_type) for id, one in names.items()}
    about["gone"] = found == [] and bool(await visit.call.org.connections.gone(limit=1))
    about["left_out"] = MOST_GONE if looked and looked.left_out else 0
    about["exports"] = await visit.can(Deed.VIEW_EXPORT)
    return await page(visit, "explain.html", **about, connections=names, data_types=data_types())
