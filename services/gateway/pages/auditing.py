"""The audit log as a page: who asked for what, and whether they were allowed to."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway import audit
from services.gateway.pages.filters import Chosen
from services.gateway.pages.site import page
from services.gateway.pages.visits import Visited
from shared.model.permission import Deed
from shared.model.zone import common_zone

router = APIRouter(include_in_schema=False)

ENTRIES: Final = 50
DEEDS: Final[Mapping[str, str]] = {
    Deed.VIEW: "Look",
    Deed.MANAGE_CONNECTION: "Manage a connection",
    Deed.MAP_IMPORT: "Map an import",
    Deed.IMPORT: "Import",
    Deed.DECIDE: "Reject or cancel an import",
    Deed.MAP_EXPORT: "Map an export",
    Deed.VIEW_EXPORT: "Look at an export",
    Deed.EXPORT: "Export",
    Deed.OPERATE: "Failed messages",
    "GET": "Look for what is not here",
    "POST": "Change what is not here",
    "PUT": "Save over what is not here",
    "PATCH": "Change something of what is not here",
    "DELETE": "Delete what is not here",
}
"""What somebody asked to do, by its name in the log; of what was not found that is the method of HTTP."""
ANSWERS: Final[Mapping[str, str]] = {"true": "Allowed", "false": "Refused"}


@router.get("/audit")
async def show(
    visit: Visited,
    actor: Chosen[audit.Actor] = None,
    deed: Chosen[audit.What] = None,
    allowed: Chosen[audit.Allowed] = None,
    before: audit.BeforeEntry = None,
) -> Response:
    """Times are those of the connections; of UTC where they have several zones."""
    actor = (actor and actor.strip()) or None
    found = await audit.index(visit.call, actor, deed, allowed, before, ENTRIES)
    asked = {"actor": actor or "", "deed": deed or "", "allowed": "" if allowed is None else str(allowed).lower()}
    more = urlencode({**asked, "before": found[-1]["id"]}) if len(found) == ENTRIES else ""
    zone = common_zone(zone for _, zone in await visit.call.org.connections.names())
    about: dict[str, Any] = {"entries": found, "asked": asked, "more": more, "deeds": DEEDS, "answers": ANSWERS}
    about |= {"zone": zone}
    return await page(visit, "audit.html", **about, is_part=any(asked.values()) or before is not None)
