"""Tokens that Enroll signs for people, and the key set to check them by."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

ALGORITHM = "EdDSA"
AUDIENCE = "sync-service"
LOGIN_AUDIENCE = "sync-service-login"
LIFETIME_SECONDS = 3600
LOGIN_SECONDS = 60


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str
    private: Ed25519PrivateKey

    def public(self) -> dict[str, Any]:
        public = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": self.kid, "alg": ALGORITHM, "use": "sig"}


class Tokens:
    """Signs with one key while the next is published already, so that a change of keys surprises nobody."""

    def __init__(self) -> None:
        self._keys = [_new_key(), _new_key()]

    def key_set(self) -> dict[str, Any]:
        """The JWKS: every key ever used, the one in use and the next."""
        return {"keys": [key.public() for key in self._keys]}

    def rotate(self) -> str:
        """Starts to use the next key; answers its id."""
        self._keys.append(_new_key())
        return self._current.kid

    def sign(self, issuer: str, org: str, user: str, claims: Mapping[str, Any] | None = None) -> str:
        """A token for a user of an organization. `claims` overrule the usual ones, None leaves one out."""
        now = int(time.time())
        usual = {
            "iss": issuer,
            "aud": AUDIENCE,
            "sub": user,
            "org": org,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
            "jti": secrets.token_hex(16),
        }
        payload = {name: value for name, value in {**usual, **(claims or {})}.items() if value is not None}
        return jwt.encode(payload, self._current.private, ALGORITHM, {"kid": self._current.kid})

    def sign_in(self, issuer: str, org: str, user: str, claims: Mapping[str, Any]) -> str:
        """A token that signs somebody in at the dashboard, for the nonce among the `claims`."""
        until = int(time.time()) + LOGIN_SECONDS
        return self.sign(issuer, org, user, {"aud": LOGIN_AUDIENCE, "exp": until, **claims})

    @property
    def _current(self) -> _Key:
        return self._keys[-2]


def _new_key() -> _Key:
    return _Key(secrets.token_hex(8), Ed25519PrivateKey.generate())
