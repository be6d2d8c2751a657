"""All pages, and what is done for each of them."""

from typing import Final

from fastapi import APIRouter, FastAPI, HTTPException, Request
from starlette.responses import Response

from services.gateway.pages import (
    adding,
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
from services.gateway.pages.login import to_login
from services.gateway.pages.site import static
from services.gateway.pages.visits import SignInNeeded

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
        *(runs, charts, explaining, operators, guide, reference),
    )
    return [*(module.router for module in modules), *mapping.routers(), _files]


def add_to(app: FastAPI) -> None:
    for router in routers():
        app.include_router(router)
    app.add_exception_handler(SignInNeeded, _sign_in)


def is_page(request: Request) -> bool:
    return not request.url.path.startswith(MACHINES)


async def _sign_in(request: Request, error: Exception) -> Response:
    """To Enroll and back; a form that was sent too late is not sent again by itself."""
    place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return to_login(place if request.method == "GET" else "/")
