"""All pages, and what is done for each of them."""

from typing import Final

from fastapi import APIRouter, FastAPI, HTTPException, Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.pages import (
    adding,
    auditing,
    cards,
    charts,
    connection,
    connection_parts,
    explaining,
    guide,
    login,
    mapping,
    operators,
    reference,
    running,
    runs,
    scheduling,
)
from services.gateway.pages.login import LOGOUT, SIGNED_OUT, to_login
from services.gateway.pages.searches import SearchOver, over
from services.gateway.pages.site import HEADERS, static
from services.gateway.pages.unsent import earlier, signed_out
from services.gateway.pages.visits import ASKED, READS, EarlierForm, SignInNeeded

MACHINES: Final = ("/api/", "/openapi.json", "/healthz", "/readyz", "/metrics")
"""What is not for people."""

_files = APIRouter(include_in_schema=False)


@_files.get("/static/{version}/{name}")
async def file(version: str, name: str) -> Response:
    found = static(name)
    if found is None:
        raise HTTPException(404, "There is no such file.")
    return found


def routers() -> list[APIRouter]:
    """All pages and forms."""
    modules = (
        *(login, cards, adding, connection, connection_parts, scheduling, running),
        *(runs, charts, explaining, auditing, operators, guide, reference),
    )
    return [*(module.router for module in modules), *mapping.routers(), _files]


def add_to(app: FastAPI) -> None:
    for router in routers():
        app.include_router(router)
    app.add_middleware(_Heads)
    app.add_exception_handler(SignInNeeded, _sign_in)
    app.add_exception_handler(EarlierForm, earlier)
    app.add_exception_handler(SearchOver, over)


def is_page(request: Request) -> bool:
    return not request.url.path.startswith(MACHINES)


class _Heads:
    """ASGI middleware. HEAD of a page is answered as GET would be; the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and not scope["path"].startswith(MACHINES):
            scope = {**scope, "method": "GET", ASKED: "HEAD"}
        await self._app(scope, receive, send)


async def _sign_in(request: Request, error: Exception) -> Response:
    """To Enroll and back. A form that was sent too late is not sent again by itself, and a script is told."""
    if request.url.path == LOGOUT:
        return RedirectResponse(SIGNED_OUT, 303, HEADERS)
    if request.method not in READS:
        return await signed_out(request)
    if request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        return Response(status_code=401, headers=HEADERS)
    return to_login(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
