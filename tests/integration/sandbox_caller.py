"""A simulated Enroll for a module of tests, and someone who calls it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import orjson
import pytest_asyncio

from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import OrganizationSpec, World
from shared.security.trust import trusted

KEY = "students.student_district_id"
SPEC = {
    "current_school_year": 2026,
    "sync_import_years": [2026],
    "registration_module": True,
    "users": {"u-1": ["Sync Service Full Access"], "u-2": []},
}


class Caller:
    """Talks to a sandbox as Sync Service does, and as a test does."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.calls = 0

    async def upsert(self, records: Any, /, key: str | None = None, org: str = "o-1", **body: Any) -> httpx.Response:
        self.calls += 1
        sent = {"school_year": 2026, "connection": "con_1", "sequence": 1, "match_key": KEY, "records": records}
        headers = {"Idempotency-Key": key or f"call-{self.calls}"}
        path = f"/api/v1/organizations/{org}/students:batch-upsert"
        return await self.http.post(path, content=orjson.dumps(sent | body), headers=headers)

    async def look_up(self, keys: Any, fields: Any = (), org: str = "o-1", **body: Any) -> httpx.Response:
        sent = {"school_year": 2026, "match_key": KEY, "keys": keys, "fields": list(fields)}
        return await self.http.post(f"/api/v1/organizations/{org}/students:lookup", json=sent | body)

    async def stats(self, org: str = "o-1") -> dict[str, int]:
        answer = await self.http.get(f"/sandbox/organizations/{org}/stats")
        assert answer.status_code == 200
        found: dict[str, int] = answer.json()
        return found

    async def faults(self, *rules: dict[str, Any]) -> None:
        answer = await self.http.put("/sandbox/faults", json=list(rules))
        assert answer.status_code == 200, answer.text

    async def fired(self) -> bool:
        """Whether the first fault rule has fired."""
        return bool((await self.http.get("/sandbox/faults")).json()[0]["fired"])

    async def settings(self, org: str = "o-1") -> httpx.Response:
        return await self.http.get(f"/api/v1/organizations/{org}/settings")

    async def patch(self, **switches: Any) -> None:
        answer = await self.http.patch("/sandbox/organizations/o-1", json=switches)
        assert answer.status_code == 200


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[str]:
    world = World("service-token", organizations={"seed": OrganizationSpec()})
    async with serving(create_app(world), bind("127.0.0.1", 0)) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module")
async def enroll(address: str) -> AsyncIterator[Caller]:
    headers = {"Authorization": "Bearer service-token"}
    async with httpx.AsyncClient(base_url=address, headers=headers, timeout=20, verify=trusted()) as http:
        await http.delete("/sandbox/faults")
        for org in ("o-1", "o-2"):
            answer = await http.put(f"/sandbox/organizations/{org}", json=SPEC)
            assert answer.status_code == 200
        yield Caller(http)


def student(key: str = "20231", **values: Any) -> dict[str, Any]:
    names = {"students.fname": "Mara", "students.lname": "Torres", "students.dob": "2015-03-09"}
    return {"key": key, "id": None, "values": {**names, "student_annual.grade": 3, **values}}


def error(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message"}
    assert body["error"]["message"]
    return answer.status_code, body["error"]["code"]


async def eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Returns as soon as `check` is true; fails after some seconds."""
    async with asyncio.timeout(10):
        while True:
            if await check():
                return
            await asyncio.sleep(0.01)
