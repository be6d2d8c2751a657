"""Explain: where every value of a student, or of another record, comes from."""

import contextlib
from typing import Any, Final, Literal

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway import explain
from services.gateway.pages.site import page
from services.gateway.pages.visits import Visited
from shared.model.catalog import data_types
from shared.model.errors import NotFound
from shared.model.explanation import Explanation
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False)

EARLIER: Final = 10


@router.get("/explain")
async def show(visit: Visited, key: str = "", data_type: str = "students", direction: str = "import") -> Response:
    """By the record's key, or by its id in Enroll where nothing has that key."""
    exports = await visit.can(Deed.VIEW_EXPORT)
    way: Literal["import", "export"] = "export" if direction == "export" and exports else "import"
    found: list[Explanation] | None = None
    if key:
        found = []
        for own, theirs in ((key[:300], ""), ("", key[:100])):
            with contextlib.suppress(NotFound):
                found = found or await explain.show(visit.call, data_type, own, theirs, direction=way, earlier=EARLIER)
    names = {one.id: one for one in await visit.call.org.connections.all()}
    about: dict[str, Any] = {"key": key, "data_type": data_type, "direction": way, "found": found, "exports": exports}
    return await page(visit, "explain.html", **about, connections=names, data_types=data_types())
