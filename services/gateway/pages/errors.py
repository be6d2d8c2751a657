"""What went wrong, as a page that says what to do."""

import contextlib
from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request
from starlette.responses import Response

from services.gateway.pages.site import bare, page
from services.gateway.pages.visits import Visit, whose
from shared.model.errors import SyncError, Transient

TITLES: Final = {
    401: "You are not signed in",
    403: "You may not do this",
    404: "There is no such page",
    409: "This cannot be done now",
    413: "This is too large",
    503: "Not available just now",
}
OTHER_ORG: Final = "form.other_org"
STALE: Final = ("form.stale", OTHER_ORG)
LOST: Final = (404, 405)
GONE: Final = "This connection was deleted"
ABOUT: Final = {
    "/runs/{id}/": "Back to the run",
    "/connections/{id}/": "Back to the connection",
    "/failed-messages/": "Back to the failed messages",
}
"""Where one goes on from what could not be done, by the beginning of the address."""


async def explained(
    request: Request, about: Mapping[str, str], status: int, headers: Mapping[str, str] | None = None
) -> Response:
    """In the frame of every page where somebody is signed in; else with the way in."""
    code, is_lost = about["code"], status in LOST
    if code in ("http.404", "http.405"):
        about = {**about, "message": "This address leads nowhere.", "fix": "Check it, or go on from here:"}
    title = (
        "This was not done"
        if code in STALE
        else GONE
        if code == "connection.deleted"
        else TITLES.get(status, "This did not work")
    )
    visit = await _visit(request, is_lost)
    back = _back(request) if visit and not is_lost and code != OTHER_ORG else None
    answer = await _shown(request, visit, status, title=title, about=about, back=back)
    answer.headers.update(headers or {})
    return answer


async def _visit(request: Request, is_lost: bool) -> Visit | None:
    """Where no route was found nobody has looked yet who is signed in."""
    known: Visit | None = getattr(request.state, "visit", None)
    if known or not is_lost:
        return known
    try:
        return await whose(request)
    except Transient:
        return None


async def _shown(request: Request, visit: Visit | None, status: int, **about: Any) -> Response:
    """What is needed for the whole frame may be the very thing that is away."""
    if visit and status < 500:
        with contextlib.suppress(SyncError):
            return await page(visit, "error.html", status=status, message=None, **about)
    return bare(request, "error.html", status=status, session=visit.session if visit else None, **about)


def _back(request: Request) -> tuple[str, str] | None:
    """Address and words of what the address is a part of; None where it stands for itself."""
    path, id = str(getattr(request.scope.get("route"), "path", "")), request.path_params.get("id", "")
    found = ((start, words) for start, words in ABOUT.items() if path.startswith(start))
    return next(((start.rstrip("/").format(id=id), words) for start, words in found), None)
