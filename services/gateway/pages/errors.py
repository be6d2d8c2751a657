"""What went wrong, as a page that says what to do."""

from collections.abc import Mapping
from typing import Final

from fastapi import Request
from starlette.responses import Response

from services.gateway.pages.site import bare

TITLES: Final = {
    401: "You are not signed in",
    403: "You may not do this",
    404: "There is no such page",
    409: "This cannot be done now",
    413: "This is too large",
    503: "Not available just now",
}


ABOUT: Final = {"/runs/{id}/": "Back to the run", "/connections/{id}/": "Back to the connection"}
"""Where one goes on from what could not be done, by the beginning of the address."""


def explained(
    request: Request, about: Mapping[str, str], status: int, headers: Mapping[str, str] | None = None
) -> Response:
    session = getattr(request.state, "session", None)
    title = TITLES.get(status, "This did not work")
    is_lost = status in (404, 405)
    if about["code"] in ("http.404", "http.405"):
        about = {**about, "message": "This address leads nowhere.", "fix": "Check it, or go on from here:"}
    back = _back(request) if session and not is_lost else None
    shown = {"session": session, "title": title, "about": about, "is_lost": is_lost, "back": back}
    answer = bare(request, "error.html", status=status, **shown)
    answer.headers.update(headers or {})
    return answer


def _back(request: Request) -> tuple[str, str] | None:
    """Address and words of what the address is a part of; None where it stands for itself."""
    path, id = str(getattr(request.scope.get("route"), "path", "")), request.path_params.get("id", "")
    found = ((start, words) for start, words in ABOUT.items() if path.startswith(start))
    return next(((start.rstrip("/").format(id=id), words) for start, words in found), None)
