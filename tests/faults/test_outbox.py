"""Accepted while RabbitMQ is away; refused clearly while MongoDB is away; and back by itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from devtools.district import YEAR, District
from devtools.parts import QUEUE_SETTLE_SECONDS, LocalParts
from devtools.stack import Stack
from shared.security.trust import trusted
from tests.faults.helpers import SHORT, WORKING, Database, database, drained, each_once, own_parts, students, until

ROWS = 500


@dataclass(frozen=True, slots=True)
class Scene:
    parts: LocalParts
    stack: Stack
    district: District
    db: Database
    connection: str

    async def readyz(self, service: str) -> tuple[int, dict[str, bool]]:
        async with httpx.AsyncClient(timeout=10, trust_env=False, verify=trusted()) as client:
            answer = await client.get(f"{self.stack.url(service)}/readyz")
        return answer.status_code, answer.json()["checks"]

    async def turns(self, service: str, status: int) -> None:
        async def turned() -> bool:
            return (await self.readyz(service))[0] == status

        await until(turned, f"{service}'s readyz says {status}")


@pytest.fixture(scope="module")
def mortal() -> Iterator[LocalParts]:
    """Whoever kills one of them starts it again."""
    with own_parts() as parts:
        yield parts


@pytest.fixture(scope="module")
def stack(mortal: LocalParts) -> Iterator[Stack]:
    with Stack(mortal.addresses, env=SHORT, services=WORKING).shared() as started:
        yield started


@pytest.fixture
async def at(mortal: LocalParts, stack: Stack, org: str) -> AsyncIterator[Scene]:
    async with database(stack) as db, District(stack, org) as district:
        connection = await district.ad_hoc()
        await asyncio.sleep(QUEUE_SETTLE_SECONDS)
        yield Scene(mortal, stack, district, db, connection)


async def test_what_is_accepted_without_a_broker_runs_when_it_is_back(at: Scene, tmp_path: Path) -> None:
    file = students(tmp_path, ROWS)
    await asyncio.to_thread(at.parts.broker.kill)
    run = await at.district.upload(at.connection, file)  # answered 202
    assert run["state"] == "pending"
    for service in ("gateway", "importer"):
        await at.turns(service, 503)
        assert (await at.readyz(service))[1]["mongodb"]
    assert await at.db["runs"].count_documents({"outbox_at": {"$exists": True}}) == 1

    await asyncio.to_thread(at.parts.broker.restart)
    ended = await at.district.watch(run["id"], seconds=150)
    assert (ended["state"], ended["counts"]["created"]) == ("succeeded", ROWS)
    each_once(await at.district.stats(), ROWS)
    await drained(at.db)
    for service in ("gateway", "importer"):
        await at.turns(service, 200)


async def test_what_is_accepted_outlives_gateway_and_broker_both(at: Scene, tmp_path: Path) -> None:
    file = students(tmp_path, ROWS)
    await asyncio.to_thread(at.parts.broker.kill)
    run = await at.district.upload(at.connection, file)
    await at.stack.kill("gateway")
    await asyncio.to_thread(at.parts.broker.restart)
    # The importer's own sweep delivers it: nobody has to wait for the gateway.

    async def done() -> bool:
        return bool(await at.db["runs"].count_documents({"_id": run["id"], "state": "succeeded"}))

    await until(done, "the run succeeds", 150)
    await at.stack.start("gateway")
    each_once(await at.district.stats(), ROWS)


async def test_without_the_database_the_gateway_says_so_and_recovers(at: Scene, tmp_path: Path) -> None:
    file = students(tmp_path, ROWS)
    await asyncio.to_thread(at.parts.database.kill)
    calls = (
        at.district.api.get("/connections"),
        at.district.api.get("/runs"),
        at.district.api.post(
            f"/connections/{at.connection}/imports/students",
            params={"school_year": YEAR},
            files={"file": (file.name, file.read_bytes(), "text/csv")},
        ),
    )
    for answer in await asyncio.gather(*calls):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        told = answer.json()["error"]
        assert told["code"] == "store.unreachable"
        assert "MongoDB does not answer" in told["message"]
        assert told["fix"]
        assert "127.0.0.1" not in answer.text
    for service in ("gateway", "importer"):
        await at.turns(service, 503)
        assert not (await at.readyz(service))[1]["mongodb"]
    async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
        assert (await client.get(f"{at.stack.url('gateway')}/healthz")).status_code == 200

    await asyncio.to_thread(at.parts.database.restart)
    for service in ("gateway", "importer"):
        await at.turns(service, 200)
    ended = await at.district.watch((await at.district.upload(at.connection, file))["id"], seconds=150)
    assert (ended["state"], ended["counts"]["created"]) == ("succeeded", ROWS)
    each_once(await at.district.stats(), ROWS)
