"""What the fault tests share: faults in the simulated Enroll, a look into the database, the operator's command line."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from devtools.district import District
from devtools.parts import LocalParts
from devtools.stack import Stack
from services.sandbox.district import write_district

LADDER = "[0.2, 0.5, 1, 2, 4]"
SHORT = {"SYNC_RETRY_DELAYS": LADDER, "SYNC_LEASE_SECONDS": "3", "SYNC_SWEEP_SECONDS": "0.5"}
UPSERT = "batch-upsert"
LOOKUP = "lookup"
WORKING = ("gateway", "importer", "sandbox")

Database = AsyncDatabase[dict[str, Any]]


def own_parts() -> LocalParts:
    """A broker and a database of the test's own, to be killed: acknowledged writes outlive that."""
    kept = {name: value for name, value in os.environ.items() if name == "SYNC_TEST_DOCKER"}
    return LocalParts(env=kept, durable=True)


def students(directory: Path, rows: int, **options: Any) -> Path:
    path = directory / f"students-{rows}-{options.get('edition', 0)}.csv"
    write_district(path, rows, **options)
    return path


@asynccontextmanager
async def database(stack: Stack) -> AsyncIterator[Database]:
    """The stack's own database, past its services."""
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(stack.addresses.mongo_url, serverSelectionTimeoutMS=3000) as client:
        yield client[stack.mongo_database]


async def faults(district: District, *rules: Mapping[str, Any]) -> None:
    """Switch on these faults in the simulated Enroll, and no others."""
    answer = await district.enroll.put("/sandbox/faults", json=[dict(rule) for rule in rules])
    assert answer.status_code == 200, answer.text


async def fired(district: District, rule: int = 0) -> int:
    """How often a rule has fired."""
    return int((await district.enroll.get("/sandbox/faults")).json()[rule]["fired"])


async def until(check: Callable[[], Awaitable[object]], what: str, seconds: float = 90) -> None:
    """Return as soon as `check` is true."""
    deadline = time.monotonic() + seconds
    while not await check():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.02)


async def drained(db: Database, seconds: float = 30) -> None:
    """Return when no announcement waits anywhere."""

    async def empty() -> bool:
        places = ("runs", "slices", "failed_messages")
        return not sum([await db[place].count_documents({"outbox_at": {"$exists": True}}) for place in places])

    await until(empty, "empty outboxes", seconds)


async def waiting(db: Database) -> list[dict[str, Any]]:
    """Failed messages nobody has dealt with."""
    return await db["failed_messages"].find({"state": "waiting"}).to_list()


async def streets(district: District, rows: int) -> dict[str, Any]:
    """Student id -> street, as Enroll holds them."""
    answer = await district.enroll.get(f"/sandbox/organizations/{district.org}/students", params={"limit": rows})
    return {
        one["values"]["students.student_district_id"]: one["values"]["student_annual.address"]
        for one in answer.json()["students"]
    }


def each_once(stats: Mapping[str, int], rows: int) -> None:
    """Every student is there, once, written once."""
    seen = {name: stats[name] for name in ("students", "duplicates", "writes", "most_writes")}
    assert seen == {"students": rows, "duplicates": 0, "writes": rows, "most_writes": 1}
