"""Calls to the API of a SIS: paced, authorized, tried again, and no answer believed that is not the SIS's own JSON."""

import asyncio
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookiejar import Cookie, CookieJar
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeAlias

import httpx
import orjson

from shared.adapters.outage import outage
from shared.model.error_texts import said
from shared.model.errors import BadSettings, NotFound, Permanent, Refused, Throttled, Unavailable
from shared.model.ports import Pace
from shared.security.addresses import ensure_public
from shared.security.trust import trusted

TRIES: Final = 3
EARLY_SECONDS: Final = 60.0
PATIENCE_SECONDS: Final = 120.0
"""How long a use of a connection waits in place where it is throttled, all in all."""
HURRIED_SECONDS: Final = 3.0
BRISK_SECONDS: Final = 0.5
KEEP_SECONDS: Final = 4.0
"""As long as an idle connection is used again: servers close theirs after five seconds, or later."""
_DEFAULT_LIFE = 300.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


Params: TypeAlias = Mapping[str, Any] | None


class Auth(Protocol):
    """Puts the credentials on a request."""

    async def headers(self, http: "SisHttp") -> Mapping[str, str]: ...

    def stale(self, response: httpx.Response) -> bool:
        """Whether the answer says that the credentials were not taken."""

    def refused(self, sent: Mapping[str, str]) -> bool:
        """The SIS did not take what was `sent`: whether trying again with new ones makes sense."""


@dataclass(slots=True)
class _Token:
    text: str
    until: float


@dataclass(slots=True)
class ClientCredentials:
    """OAuth2 client credentials. The token is kept until shortly before its end, and renewed once where it is refused.

    Kept by whoever uses the connection, for asking anew at every turn has been answered with 429 (SIS facts, 1.2).

    Source: RFC 6749, section 4.4; `expires_in` comes as a number or as a text (SIS facts, 1.2).
    """

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    _token: _Token | None = field(default=None, repr=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def headers(self, http: "SisHttp") -> Mapping[str, str]:
        async with self._lock:
            if self._token is None or self._token.until < time.monotonic():
                self._token = await self._fetch(http)
            return {"Authorization": f"Bearer {self._token.text}"}

    def stale(self, response: httpx.Response) -> bool:
        return response.status_code == 401

    def refused(self, sent: Mapping[str, str]) -> bool:
        """Somebody else may have renewed it meanwhile."""
        if self._token is not None and sent.get("Authorization") == f"Bearer {self._token.text}":
            self._token = None
        return True

    async def _fetch(self, http: "SisHttp") -> _Token:
        response = await self._ask(http)
        if response.status_code in (400, 401, 403):
            raise BadSettings(*said("sis.login_refused", host=http.host))
        answer = _json(response, http.host)
        if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str):
            raise BadSettings(*said("sis.no_token", host=http.host))
        return _Token(answer["access_token"], time.monotonic() + max(0.0, _life(answer) - EARLY_SECONDS))

    async def _ask(self, http: "SisHttp") -> httpx.Response:
        form = {"grant_type": "client_credentials", **({"scope": self.scope} if self.scope else {})}
        login = httpx.BasicAuth(self.client_id, self.client_secret)
        return await http.send("POST", self.url, data=form, auth=login)


def sis_client(allow_private_addresses: bool) -> httpx.AsyncClient:
    """Connections to every SIS; no cookies are kept. One per process is enough, and saves each use the handshake."""
    return httpx.AsyncClient(
        transport=_Pinned(allow_private_addresses),
        headers={"Accept": "application/json"},
        timeout=httpx.Timeout(60, connect=10),
        trust_env=False,
        cookies=_NoCookies(),
    )


class SisHttp:
    """`async with SisHttp(...) as http`. One for each use of a connection; `pace` is shared by all workers.

    `auth` may be kept from one use to the next. So may `client`, which then is not closed here. `patience` is how many
    seconds all calls together wait in place where the SIS asks to wait.
    """

    def __init__(
        self,
        base_url: str,
        auth: Auth,
        pace: Pace,
        *,
        allow_private_addresses: bool = False,
        client: httpx.AsyncClient | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._base = base_url.rstrip("/")
        self.host = httpx.URL(base_url).host
        self._auth = auth
        self._pace = pace
        self._patience = patience
        self._waited = 0.0
        self._owned = client is None
        self._client = client or sis_client(allow_private_addresses)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def hurried(self) -> Self:
        """For a step that can be taken up again: a worker does not stand and wait, others have work for it."""
        self._patience = HURRIED_SECONDS
        return self

    @property
    def is_brisk(self) -> bool:
        """Whether a few calls at once need not wait long for each other."""
        return self._pace.interval <= BRISK_SECONDS

    async def aclose(self) -> None:
        if self._owned:
            await self._client.aclose()

    async def get(self, path: str, params: Params = None) -> tuple[Any, httpx.Headers]:
        """The JSON answer to a GET below the base address (None where there is no content), and its headers.

        Raises:
            BadSettings: login, address or rights are not as they need to be. NotFound: there is no such thing.
            Unavailable, Throttled: later. Permanent: the SIS refuses the call.
        """
        response = await self._authorized("GET", path, once=False, params=params)
        return self._read(response), response.headers

    async def post(self, path: str, body: Any, params: Params = None) -> tuple[Any, httpx.Headers]:
        """The same for a search that is sent as JSON: it changes nothing, so it may be sent again. Raises as `get`."""
        how = {"params": params, "content": orjson.dumps(body), "headers": {"Content-Type": "application/json"}}
        response = await self._authorized("POST", path, once=False, **how)
        return self._read(response), response.headers

    async def write(self, method: str, path: str, body: Any, params: Params = None) -> tuple[int, Any]:
        """Send a change, once: status and JSON answer (None where there is none).

        Of a call that was refused as well; what a refusal says may be plain text.

        Raises:
            BadSettings, Refused: login, address or rights are not as they need to be.
            Throttled: later; nothing was changed. Unavailable: nobody knows whether it was.
        """
        content = orjson.dumps(body)
        headers = {"Content-Type": "application/json"}
        response = await self._authorized(method, path, once=True, params=params, content=content, headers=headers)
        status = response.status_code
        if status == 403 or 300 <= status < 400:
            self._read(response)
        if not response.content:
            return status, None
        return status, _said(response) if status >= 400 else _json(response, self.host)

    async def _authorized(self, method: str, path: str, *, once: bool, **how: Any) -> httpx.Response:
        """With the credentials on it; with new ones where they were refused."""
        more = how.pop("headers", {})
        for again in (True, False):
            headers = {**more, **await self._auth.headers(self)}
            response = await self.send(method, self._base + path, once=once, headers=headers, **how)
            if not self._auth.stale(response):
                return response
            if not (self._auth.refused(headers) and again):
                break
        if response.status_code == 403:
            return response  # with credentials that are good, it was the right that is lacking
        raise BadSettings(*said("sis.login_refused", host=self.host))

    async def send(self, method: str, url: str, *, once: bool = False, **how: Any) -> httpx.Response:
        """The answer, whatever its status below 500. Raises Unavailable, Throttled, BadSettings.

        `once`: what may have reached the SIS is not sent again; an answer of 500 is the SIS's own.
        """
        why = said("host.cut", host=self.host)
        for attempt in range(TRIES):
            await self._pace.slot(self._patience - self._waited)
            try:
                response = await self._client.request(method, url, **how)
            except httpx.RequestError as error:
                why, arrived = outage(self.host, error), not isinstance(error, _NEVER_SENT)
            except httpx.InvalidURL:
                raise BadSettings(*said("sis.bad_address")) from None
            else:
                status = response.status_code
                if status == 429 or (status == 503 and "Retry-After" in response.headers):
                    return await self._later(response, method, url, once, how)
                if (status < 500 and status != 408) or (once and status == 500):
                    return response
                why, arrived = said("sis.unavailable", host=self.host, status=status), True
            if once and arrived:
                break
            if attempt + 1 < TRIES:
                await asyncio.sleep(0.2 * 3**attempt * random.uniform(0.7, 1.3))  # noqa: S311
        raise Unavailable(*why)

    async def _later(self, response: httpx.Response, method: str, url: str, once: bool, how: Any) -> httpx.Response:
        """Wait as long as the SIS says, where that is not long: all workers do, for the pace is theirs together."""
        seconds = _retry_after(response)
        self._waited += seconds
        await self._pace.pause(seconds)
        if self._waited > self._patience:
            raise Throttled(*said("sis.throttled", host=self.host), retry_after=seconds)
        return await self.send(method, url, once=once, **how)

    def _read(self, response: httpx.Response) -> Any:
        status = response.status_code
        if status == 403:
            raise Refused(*said("sis.forbidden", host=self.host))
        if status == 404:
            raise NotFound(*said("sis.not_found", host=self.host))
        if 300 <= status < 400:
            raise BadSettings(*said("sis.moved", host=self.host))
        if status >= 400:
            raise Permanent(*said("sis.refused", host=self.host, status=status))
        return None if status == 204 else _json(response, self.host)


class _NoCookies(CookieJar):
    """One SIS's cookies are never sent to another, nor one login's with another's."""

    def set_cookie(self, cookie: Cookie) -> None:
        """Forgotten."""


class _Pinned(httpx.AsyncBaseTransport):
    """Connects to the address that was checked, and to no other that a second look-up might give."""

    def __init__(self, allow_private_addresses: bool) -> None:
        self._allow_private = allow_private_addresses
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=KEEP_SECONDS)
        self._inner = httpx.AsyncHTTPTransport(limits=limits, verify=trusted())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        address = await ensure_public(host, self._allow_private)
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=address)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _json(response: httpx.Response, host: str) -> Any:
    """A maintenance page comes with status 200 too: what is not JSON says that the SIS is away."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise Unavailable(*said("sis.not_json", host=host)) from None


def _said(response: httpx.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return response.text


def _life(answer: Mapping[str, Any]) -> float:
    try:
        return float(answer["expires_in"])
    except (KeyError, TypeError, ValueError):
        return _DEFAULT_LIFE


def _retry_after(response: httpx.Response) -> float:
    """Seconds; the header holds them, or a date."""
    given = response.headers.get("Retry-After", "")
    try:
        return min(3600.0, max(1.0, float(given)))
    except ValueError:
        pass
    try:
        return min(3600.0, max(1.0, parsedate_to_datetime(given).timestamp() - time.time()))
    except (TypeError, ValueError):
        return 30.0
