"""Enroll's signed tokens: who is acting. Keys come from Enroll's key set (docs/enroll-api.md, "Signing in")."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import jwt

from shared.model.error_texts import said
from shared.model.errors import Refused
from shared.model.permission import Identity

AUDIENCE = "sync-service"
OLDEST_SECONDS = 3600.0
LEEWAY_SECONDS = 30.0
"""How far Enroll's clock and ours may be apart."""
_REFRESH_SECONDS = 30.0

FetchKeys = Callable[[], Awaitable[dict[str, Any]]]


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
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "org", "jti"]},
            )
        except jwt.PyJWTError:
            raise _refused() from None
        if time.time() - float(claims["iat"]) > OLDEST_SECONDS + LEEWAY_SECONDS:
            raise _refused()
        return Identity(org=str(claims["org"]), user=str(claims["sub"]))

    async def _key(self, kid: str) -> jwt.PyJWK:
        async with self._lock:
            if kid not in self._keys and time.monotonic() - self._fetched >= _REFRESH_SECONDS:
                found = jwt.PyJWKSet.from_json(json.dumps(await self._fetch()))
                self._keys = {str(key.key_id): key for key in found.keys}
                self._fetched = time.monotonic()
        if kid not in self._keys:
            raise jwt.InvalidTokenError
        return self._keys[kid]


def _refused() -> Refused:
    return Refused(*said("token.refused"))
