"""Somebody at the dashboard without a browser: signs in as a browser does, and sends what forms send."""

import re
from html import unescape
from types import TracebackType
from typing import Any, Self

import httpx

from devtools.district import District
from services.gateway.pages.login import PENDING
from services.gateway.pages.visits import COOKIE
from shared.security.trust import trusted

ENROLL = "enroll-sandbox-user"


class Visitor:
    """`async with Visitor(district) as visitor` is signed in as the district's user."""

    def __init__(self, district: District, user: str | None = None) -> None:
        self.district = district
        self.user = user or district.user
        stack = district.stack
        self.enroll = httpx.AsyncClient(base_url=stack.url("sandbox"), timeout=60, trust_env=False, verify=trusted())
        self.http = httpx.AsyncClient(base_url=stack.url("gateway"), timeout=60, trust_env=False, verify=trusted())
        self.cookie = ""

    async def __aenter__(self) -> Self:
        await self.sign_in()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.enroll.aclose()
        await self.http.aclose()

    async def begin(self, next: str = "/") -> tuple[str, str]:
        """The cookie of a sign-in that has begun, and Enroll's address for it."""
        answer = await self.http.get("/login", params={"next": next})
        assert answer.status_code == 303
        return _cookie(answer, PENDING), answer.headers["location"]

    async def token(self, address: str) -> str:
        """What Enroll posts for this person."""
        who = f"{self.district.org}|{self.user}"
        answer = await self.enroll.get(address, headers={"Cookie": f'{ENROLL}="{who}"'})
        found = re.search(r'name="token" value="([^"]+)"', answer.text)
        assert found, answer.text
        return found[1]

    async def finish(self, pending: str, token: str) -> httpx.Response:
        return await self.http.post("/login", data={"token": token}, headers={"Cookie": f"{PENDING}={pending}"})

    async def sign_in(self, next: str = "/") -> httpx.Response:
        pending, address = await self.begin(next)
        answer = await self.finish(pending, await self.token(address))
        assert answer.status_code == 303, answer.text
        self.cookie = _cookie(answer, COOKIE)
        return answer

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.http.get(path, headers=self._headers(), **more)

    async def post(self, path: str, *, csrf: str | None = None, **fields: Any) -> httpx.Response:
        """With the mark that the pages of this session carry, unless another is given."""
        mark = await self.csrf() if csrf is None else csrf
        return await self.http.post(path, data={"csrf": mark, **fields}, headers=self._headers())

    async def led(self, path: str, **fields: Any) -> httpx.Response:
        """The page to which a form leads."""
        answer = await self.post(path, **fields)
        assert answer.status_code == 303, answer.text
        return await self.get(answer.headers["location"].partition("#")[0])

    async def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', (await self.get("/help")).text)
        assert found
        return found[1]

    def _headers(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}


def _cookie(answer: httpx.Response, name: str) -> str:
    """As it was set; httpx itself would keep a secure cookie from an address without TLS."""
    for line in answer.headers.get_list("set-cookie"):
        if line.startswith(f"{name}="):
            return str(line.partition("=")[2].partition(";")[0])
    raise AssertionError(f"{name} was not set: {answer.status_code} {answer.text[:300]}")


async def words(visitor: Visitor, path: str) -> str:
    """What the page says, without its marks."""
    main = (await visitor.get(path)).text.partition("<main")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())
