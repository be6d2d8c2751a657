"""Enroll's signed tokens: who is acting. Keys come from Enroll's key set (docs/enroll-api.md, "Signing in")."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hmac import compare_digest
from typing import Any

import jwt

from shared.model.error_texts import said
from shared.model.errors import Refused
from shared.model.permission import Identity

AUDIENCE = "sync-service"
LOGIN_AUDIENCE = "sync-service-login"
"""A token of one audience never serves for the other: what a program may call with signs nobody in at the dashboard."""
OLDEST_SECONDS = 3600.0
LOGIN_SECONDS = 120.0
LEEWAY_SECONDS = 30.0
"""How far Enroll's clock and ours may be apart."""
_REFRESH_SECONDS = 30.0

FetchKeys = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody who comes from Enroll to the dashboard. `token` is the token's id: it is good once, until `until`."""

    who: Identity
    name: str
    org_name: str
    token: str
    until: datetime


class TokenReader:
    """Turns a token into an identity. An unknown `kid` fetches the key set anew, at most every 30 seconds."""

    def __init__(self, issuer: str, fetch_keys: FetchKeys) -> None:
        self._issuer = issuer
        self._fetch = fetch_keys
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = -_REFRESH_SECONDS
        self._lock = asyncio.Lock()

    async def identify(self, token: str) -> Identity:
        """Raises Refused when the token is not one that Enroll signed for us, or has expired."""
        claims = await self._claims(token, AUDIENCE, OLDEST_SECONDS)
        return _identity(claims)

    async def sign_in(self, token: str, nonce: str) -> SignIn:
        """Who signs in with this token, which was asked for with this nonce. Raises Refused."""
        claims = await self._claims(token, LOGIN_AUDIENCE, LOGIN_SECONDS)
        if not nonce or not compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise _refused()
        until = datetime.fromtimestamp(float(claims["iat"]) + LOGIN_SECONDS + 2 * LEEWAY_SECONDS, UTC)
        who = _identity(claims)
        name, org_name = (str(claims.get(claim) or "")[:200] for claim in ("name", "org_name"))
        return SignIn(who, name or who.user, org_name or who.org, str(claims["jti"]), until)

    async def _claims(self, token: str, audience: str, oldest: float) -> dict[str, Any]:
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "org", "jti"]},
            )
        except jwt.PyJWTError:
            raise _refused() from None
        if time.time() - float(claims["iat"]) > oldest + LEEWAY_SECONDS:
            raise _refused()
        return claims

    async def _key(self, kid: str) -> jwt.PyJWK:
        async with self._lock:
            if kid not in self._keys and time.monotonic() - self._fetched >= _REFRESH_SECONDS:
                found = jwt.PyJWKSet.from_json(json.dumps(await self._fetch()))
                self._keys = {str(key.key_id): key for key in found.keys}
                self._fetched = time.monotonic()
        if kid not in self._keys:
            raise jwt.InvalidTokenError
        return self._keys[kid]


def _identity(claims: dict[str, Any]) -> Identity:
    return Identity(org=str(claims["org"]), user=str(claims["sub"]))


def _refused() -> Refused:
    return Refused(*said("token.refused"))
