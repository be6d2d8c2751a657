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


def explained(
    request: Request, about: Mapping[str, str], status: int, headers: Mapping[str, str] | None = None
) -> Response:
    session = getattr(request.state, "session", None)
    title = TITLES.get(status, "This did not work")
    is_lost = status in (404, 405)
    if about["code"] in ("http.404", "http.405"):
        about = {**about, "message": "This address leads nowhere.", "fix": "Check it, or go on from here:"}
    answer = bare(request, "error.html", status=status, session=session, title=title, about=about, is_lost=is_lost)
    answer.headers.update(headers or {})
    return answer
