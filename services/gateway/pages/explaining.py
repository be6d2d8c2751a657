"""Explain: where every value of a student, or of another record, comes from."""

import contextlib
from typing import Annotated, Any, Final

from fastapi import APIRouter
from pydantic import AfterValidator
from starlette.responses import Response

from services.gateway import explain
from services.gateway.pages.filters import Typed
from services.gateway.pages.site import page
from services.gateway.pages.visits import Visited
from shared.contracts.topology import Direction
from shared.model.catalog import data_types
from shared.model.errors import NotFound
from shared.model.explanation import Explanation
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False)

EARLIER: Final = 10


def _known(data_type: str) -> str:
    if data_type not in data_types():
        raise ValueError("Use one of: " + ", ".join(data_types()))
    return data_type


DataType = Annotated[str, AfterValidator(_known)]


@router.get("/explain")
async def show(
    visit: Visited, key: Typed = "", data_type: DataType = "students", direction: Direction = "import"
) -> Response:
    """By the record's key, or by its id in Enroll where nothing has that key."""
    if direction == "export":
        await visit.call.may(Deed.VIEW_EXPORT, subject="explain")
    found: list[Explanation] | None = None
    if key:
        found = []
        for own, theirs in ((key, ""), ("", key[:100])):
            with contextlib.suppress(NotFound):
                found = found or await explain.show(
                    visit.call, data_type, own, theirs, direction=direction, earlier=EARLIER
                )
    names = {one.id: one for one in await visit.call.org.connections.all()}
    about: dict[str, Any] = {"key": key, "data_type": data_type, "direction": direction, "found": found}
    about["exports"] = await visit.can(Deed.VIEW_EXPORT)
    return await page(visit, "explain.html", **about, connections=names, data_types=data_types())
