"""Sign-in tokens: what is let in, and what is not."""

import base64
import hmac
import json
import time
from typing import Any

import pytest

from services.sandbox.tokens import Tokens
from shared.model.errors import Refused, Unavailable
from shared.model.permission import Identity
from shared.security import tokens as module
from shared.security.tokens import TokenReader

ISSUER = "https://enroll.example"


class KeySet:
    """Enroll's key set, and how often it was asked for."""

    def __init__(self) -> None:
        self.tokens = Tokens()
        self.asked = 0

    async def fetch(self) -> dict[str, Any]:
        self.asked += 1
        return self.tokens.key_set()

    def sign(self, **claims: Any) -> str:
        return self.tokens.sign(claims.pop("issuer", ISSUER), "o-1", "u-1", claims)

    @property
    def reader(self) -> TokenReader:
        return TokenReader(ISSUER, self.fetch)


@pytest.fixture
def enroll() -> KeySet:
    return KeySet()


async def refused(reader: TokenReader, token: str) -> None:
    with pytest.raises(Refused) as caught:
        await reader.identify(token)
    assert caught.value.code == "token.refused"
    assert len(token) < 10 or token not in str(caught.value)


async def test_a_good_token(enroll: KeySet) -> None:
    assert await enroll.reader.identify(enroll.sign()) == Identity("o-1", "u-1")


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
async def test_clocks_may_be_a_little_apart(enroll: KeySet, claim: str) -> None:
    now = int(time.time())
    near, far = (now - 15, now - 60) if claim == "exp" else (now + 15, now + 60)
    assert await enroll.reader.identify(enroll.sign(**{claim: near})) == Identity("o-1", "u-1")
    await refused(enroll.reader, enroll.sign(**{claim: far}))


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000_000},
        {"aud": "other"},
        {"iat": 1_700_000_000, "exp": 4_000_000_000},
        {"aud": None},
        {"issuer": "https://evil.example"},
        {"iss": None},
        {"exp": None},
        {"iat": None},
        {"iat": 32_000_000_000},
        {"sub": None},
        {"org": None},
        {"jti": None},
        {"nbf": 32_000_000_000},
    ],
    ids=str,
)
async def test_claims_that_are_wrong(enroll: KeySet, claims: dict[str, Any]) -> None:
    await refused(enroll.reader, enroll.sign(**claims))


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def claims() -> dict[str, Any]:
    now = int(time.time())
    names = {"iss": ISSUER, "aud": "sync-service", "sub": "u-1", "org": "o-1", "jti": "1"}
    return {**names, "iat": now, "exp": now + 60}


async def test_a_token_without_a_signature(enroll: KeySet) -> None:
    kid = enroll.tokens.key_set()["keys"][0]["kid"]
    for alg in ("none", "None", "EdDSA"):
        await refused(enroll.reader, f"{part({'alg': alg, 'kid': kid, 'typ': 'JWT'})}.{part(claims())}.")


async def test_the_public_key_is_no_shared_secret(enroll: KeySet) -> None:
    public = enroll.tokens.key_set()["keys"][0]
    raw = base64.urlsafe_b64decode(public["x"] + "==")
    for secret in (raw, public["x"].encode(), json.dumps(public).encode()):
        signed = f"{part({'alg': 'HS256', 'kid': public['kid'], 'typ': 'JWT'})}.{part(claims())}"
        mac = base64.urlsafe_b64encode(hmac.digest(secret, signed.encode(), "sha256")).rstrip(b"=").decode()
        await refused(enroll.reader, f"{signed}.{mac}")


async def test_a_changed_token(enroll: KeySet) -> None:
    head, _, tail = enroll.sign().split(".")
    await refused(enroll.reader, f"{head}.{part(claims() | {'sub': 'admin'})}.{tail}")


@pytest.mark.parametrize(
    "token", ["", "not-a-token", "a.b.c", "....", "ü.ü.ü", part({"alg": "EdDSA", "kid": 7}) + ".e30.x"]
)
async def test_what_is_no_token(enroll: KeySet, token: str) -> None:
    await refused(enroll.reader, token)


async def test_unknown_keys_do_not_make_us_ask_enroll_again_and_again(enroll: KeySet) -> None:
    reader = enroll.reader
    for _ in range(20):
        await refused(reader, KeySet().sign())
    assert enroll.asked == 1
    await reader.identify(enroll.sign())
    assert enroll.asked == 1


async def test_a_change_of_keys(enroll: KeySet, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = enroll.reader
    await reader.identify(enroll.sign())
    enroll.tokens.rotate()
    await reader.identify(enroll.sign())  # published before it is used
    assert enroll.asked == 1
    enroll.tokens.rotate()
    await refused(reader, enroll.sign())
    monkeypatch.setattr(module, "_REFRESH_SECONDS", 0.0)
    await reader.identify(enroll.sign())
    assert enroll.asked == 2


async def test_enroll_away_is_not_a_refusal() -> None:
    async def away() -> dict[str, Any]:
        raise Unavailable("enroll.unavailable", "no")

    with pytest.raises(Unavailable):
        await TokenReader(ISSUER, away).identify(KeySet().sign())
