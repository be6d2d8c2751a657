"""The gateway's HTTP application: routes, and errors as answers that say what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway import (
    audit,
    codes,
    connections,
    drafts,
    explain,
    exports,
    failed,
    imports,
    mapping_help,
    mappings,
    records,
    runs,
    switches,
)
from services.gateway.bodies import FIELDS_DRAFT, FILES_DRAFT, MIB, BodyLimit
from services.gateway.context import UNKNOWN, Gateway
from services.gateway.pages import routes as pages
from services.gateway.pages.errors import explained
from services.gateway.pages.filters import led_back
from shared.model.error_texts import as_asked, told
from shared.model.errors import Conflict, NotFound, Outdated, Permanent, Refused, SyncError, Transient
from shared.telemetry.http import Check, health_routes
from shared.telemetry.metrics import REQUESTS

log = structlog.get_logger()

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
FIXES = {413: "Split it, or ask an operator to raise the limit."}
NO_OBJECT = {"model_attributes_type", "dict_type", "model_type"}


def create_app(gateway: Gateway, checks: dict[str, Check]) -> FastAPI:
    """OpenAPI is at `/openapi.json`, its page at `/docs`."""
    about = "Moves student data between Enroll and a SIS."
    app = FastAPI(title="Sync Service", version="1", description=about, docs_url=None, redoc_url=None)
    app.state.gateway = gateway
    for module in (
        *(connections, mappings, mapping_help, drafts, codes, imports, exports, switches),
        *(runs, records, explain, failed, audit),
    ):
        app.include_router(module.router)
    pages.add_to(app)
    app.router.routes.extend(health_routes(checks))
    app.add_exception_handler(SyncError, _sync_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(HTTPException, _not_understood)
    app.add_exception_handler(Exception, _unforeseen)
    app.add_middleware(BodyLimit, upload_bytes=gateway.base.settings.max_upload_mb * MIB)
    app.add_middleware(_Counted)
    return app


async def _sync_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, SyncError):
        raise error
    who = getattr(request.state, "who", None)
    if isinstance(error, NotFound) and who is not None:
        gateway: Gateway = request.app.state.gateway
        why = "the connection was deleted" if error.code == "connection.deleted" else "not in this organization"
        try:
            await gateway.gate.refused(who, request.method, _tried(request)[:300], why)
        except Transient as away:
            error = away
    headers = {"Retry-After": "5"} if isinstance(error, Transient) else None
    return await _answer(request, as_asked(error.as_dict()), _status(error), headers)


def _tried(request: Request) -> str:
    """What was looked for: the address, with the id of a connection and nothing else of what was asked there."""
    connection = request.query_params.get("connection")
    return f"{request.url.path}?connection={connection}" if connection else request.url.path


async def _answer(
    request: Request, about: dict[str, str], status: int, headers: Mapping[str, str] | None = None
) -> Response:
    """For programs as JSON, for people as a page."""
    if pages.is_page(request):
        return await explained(request, about, status, headers)
    return JSONResponse({"error": about}, status, headers)


def _status(error: SyncError) -> int:
    match error:
        case Refused():
            return 401 if error.code.startswith("token.") else 403
        case NotFound():
            return 404
        case Outdated():
            return 412
        case Conflict():
            return 409
        case Permanent():
            return 422
        case _:
            return 503


async def _bad_request(request: Request, error: Exception) -> Response:
    """Names the fields and what is wrong with them, and repeats nothing that was sent: it may be a password."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = error.errors()
    if pages.is_page(request) and (back := led_back(request, found)):
        return back
    if unknown := [one for one in found if one["type"] == UNKNOWN]:
        return await _answer(request, _unknown(unknown), 422)
    if any(one["type"] == "json_invalid" for one in found):
        return await _answer(request, told("request.not_json"), 422)
    if any(one["loc"] == ("body",) and one["type"] in NO_OBJECT for one in found):
        return await _answer(request, told("request.no_object"), 422)
    wrong = [one for one in found if not any(_is_within(other["loc"], one["loc"]) for other in found)]
    places = [[str(part) for part in one["loc"][1:] if part not in (FILES_DRAFT, FIELDS_DRAFT)] for one in wrong]
    fields = [f"{'.'.join(place)}: {_said(one)}" for place, one in zip(places, wrong, strict=True)]
    return await _answer(request, told("request.invalid", fields="; ".join(fields)[:2000]), 422)


def _unknown(problems: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The names alone: what was given with them is not repeated either."""
    names = ", ".join(str(one["loc"][1])[:100] for one in problems)
    known = ", ".join(problems[0]["known"]) or "none"
    return told("request.unknown_parameter", names=names[:1000], known=known)


def _is_within(inner: Sequence[Any], outer: Sequence[Any]) -> bool:
    """Whether a problem lies inside another one, which then says nothing new: a list that lost its only item."""
    return len(inner) > len(outer) and tuple(inner[: len(outer)]) == tuple(outer)


def _said(problem: Mapping[str, Any]) -> str:
    """Pydantic's words, but for the one message of its that quotes what was sent."""
    if problem["type"] != "union_tag_invalid":
        return str(problem["msg"]).removeprefix("Value error, ").replace("Tuple should", "List should")
    return f"{problem['ctx']['discriminator']} should be one of {problem['ctx']['expected_tags']}"


async def _not_understood(request: Request, error: Exception) -> Response:
    """No such address or method, or a body that is not what it says: answered in the same shape as every error."""
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 400:
        return await _answer(request, told("request.unreadable"), 400, error.headers)
    body = {
        "code": f"http.{error.status_code}",
        "message": str(error.detail),
        "fix": FIXES.get(error.status_code, "Look it up in /docs."),
    }
    return await _answer(request, body, error.status_code, error.headers)


async def _unforeseen(request: Request, error: Exception) -> Response:
    """Our own mistake. The text of the error stays out of the answer: it may quote data."""
    return await _answer(request, told("internal", name=type(error).__name__), 500)


class _Counted:
    """Counts and logs requests by their route, never by their address."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if scope["method"] in METHODS else "other"
            REQUESTS.labels(method, route, str(status)).inc()
            if route.startswith("/api"):
                log.info("request", action="answer", method=method, route=route, status=status)
