"""In from Enroll, and out again (docs/enroll-api.md, "Signing in").

Enroll posts a token that is good once, for two minutes, and for the nonce that this browser was given: somebody else's
token signs nobody in.
"""

import base64
import binascii
import secrets
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from services.gateway.context import Gateway
from services.gateway.pages.site import HEADERS, bare
from services.gateway.pages.visits import COOKIE, Visited
from shared.model.error_texts import said
from shared.model.errors import Refused
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False)

PENDING: Final = "__Host-sync-login"
PENDING_SECONDS: Final = 600
LOGOUT: Final = "/logout"
SIGNED_OUT: Final = "/signed-out"


def to_login(next: str) -> Response:
    """To be signed in, and then back to where they wanted to go."""
    return RedirectResponse(f"/login?{urlencode({'next': next})}", 303, HEADERS)


@router.get("/login")
async def begin(request: Request, next: str = "/") -> Response:
    """To Enroll, which knows who it is. The cookie crosses sites, for Enroll's answer is posted from there."""
    gateway: Gateway = request.app.state.gateway
    nonce = secrets.token_urlsafe(24)
    address = f"{gateway.base.settings.enroll_site}/sync-service/login?{urlencode({'nonce': nonce})}"
    answer = RedirectResponse(address, 303, HEADERS)
    place = base64.urlsafe_b64encode(local(next).encode()).decode()
    answer.set_cookie(
        PENDING, f"{nonce}.{place}", max_age=PENDING_SECONDS, path="/", secure=True, httponly=True, samesite="none"
    )
    return answer


@router.post("/login")
async def finish(request: Request, token: Annotated[str, Form(max_length=8000)]) -> Response:
    """Raises Refused where the token is not for this browser, not for us, or was used before."""
    gateway: Gateway = request.app.state.gateway
    nonce, _, place = request.cookies.get(PENDING, "").partition(".")
    if not nonce:
        raise Refused(*said("token.no_login"))
    found = await gateway.tokens.sign_in(token, nonce)
    if not await gateway.sessions.redeem(found.token, found.until):
        raise Refused(*said("token.refused"))
    await gateway.gate.pass_(found.who, Deed.VIEW, subject="sign in")
    mark = gateway.marks.new(found.who)
    cookie = await gateway.sessions.open(found.who, found.name, found.org_name, mark)
    answer = RedirectResponse(local(_decoded(place)), 303, HEADERS)
    answer.set_cookie(COOKIE, cookie, path="/", secure=True, httponly=True, samesite="lax")
    answer.delete_cookie(PENDING, path="/", secure=True, httponly=True, samesite="none")
    return answer


@router.post(LOGOUT, summary="Sign out")
async def leave(visit: Visited) -> Response:
    await visit.call.gateway.sessions.close(visit.session.id)
    answer = RedirectResponse(SIGNED_OUT, 303, HEADERS)
    answer.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
    return answer


@router.get(SIGNED_OUT)
async def left(request: Request) -> Response:
    return bare(request, "signed_out.html")


def _decoded(place: str) -> str:
    try:
        return base64.urlsafe_b64decode(place.encode()).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "/"


def local(address: str) -> str:
    """A page of ours; never another site's."""
    inside = address.startswith("/") and address[1:2] not in ("/", "\\") and len(address) < 2000
    return address if inside and address.isprintable() else "/"
