"""Calls signed by OAuth 1, without a token, as older clients of Skyward and of OneRoster 1.1 make them.

Source: RFC 5849. Neither the time nor the nonce is looked at: here a call may be signed once and made often.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from starlette.requests import Request

ALGORITHMS = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
PORTS = {"http": 80, "https": 443}
FORM = "application/x-www-form-urlencoded"
Parameters = Iterable[tuple[str, str]]


def is_signed(request: Request) -> bool:
    return request.headers.get("authorization", "").partition(" ")[0].casefold() == "oauth"


def is_signed_by(request: Request, body: bytes, key: str, secret: str) -> bool:
    """Whether the consumer of this key and secret has signed the call, over the address as it was sent."""
    given = dict(_header(request.headers.get("authorization", "")))
    claimed, method = given.pop("oauth_signature", ""), given.get("oauth_signature_method", "")
    given.pop("realm", None)
    if method not in ALGORITHMS or given.get("oauth_consumer_key") != key:
        return False
    parameters = [*given.items(), *parse_qsl(request.url.query, keep_blank_values=True)]
    if request.headers.get("content-type", "").partition(";")[0].strip() == FORM:
        parameters += parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    sent = request.scope.get("raw_path", b"").partition(b"?")[0].decode("latin-1")
    wanted = (
        signature(request.method, f"{scheme}://{request.headers.get('host', '')}{sent}", parameters, secret)
        for scheme in PORTS  # who ends the encryption may stand before us
    )
    return any(hmac.compare_digest(claimed.encode(), one.encode()) for one in wanted)


def signature(method: str, url: str, parameters: Parameters, secret: str, token_secret: str = "") -> str:
    """The signature over these by the method that is named among the parameters; the query of `url` is not read."""
    algorithm = ALGORITHMS[dict(parameters).get("oauth_signature_method", "HMAC-SHA1")]
    pairs = sorted((_quoted(name), _quoted(value)) for name, value in parameters)
    base = "&".join((method.upper(), _quoted(_place(url)), _quoted("&".join(f"{name}={one}" for name, one in pairs))))
    return b64encode(
        hmac.digest(f"{_quoted(secret)}&{_quoted(token_secret)}".encode(), base.encode(), algorithm)
    ).decode()


def _place(url: str) -> str:
    """In small letters, without the port that goes without saying, without the query."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port not in (None, PORTS.get(parts.scheme)) else ""
    return f"{parts.scheme}://{(parts.hostname or '').lower()}{port}{parts.path or '/'}"


def _header(text: str) -> Parameters:
    for part in text.partition(" ")[2].split(","):
        name, _, value = part.strip().partition("=")
        yield unquote(name), unquote(value.strip('"'))


def _quoted(text: str) -> str:
    return quote(text, safe="~")
