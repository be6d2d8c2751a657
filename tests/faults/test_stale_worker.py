"""A worker that was thought dead and comes back, and answers that get lost after the effect."""

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pymongo import DESCENDING

from devtools.district import District
from devtools.parts import LocalParts
from devtools.stack import Stack
from tests.faults.helpers import (
    SHORT,
    UPSERT,
    WORKING,
    Database,
    database,
    drained,
    each_once,
    faults,
    fired,
    students,
    until,
    waiting,
)

ROWS = 2_000
STAGED = 8_000
LEASE = 2.0
# RabbitMQ gives up on a silent worker after two heartbeats.
HEARTBEAT = "?heartbeat=1"


def settings(parts: LocalParts) -> dict[str, str]:
    return {
        **SHORT,
        "SYNC_AMQP_URL": parts.addresses.amqp_url + HEARTBEAT,
        "SYNC_LEASE_SECONDS": str(LEASE),
        "SYNC_SLICE_ROWS": "500",
    }


async def buckets(db: Database) -> dict[str, tuple[int, bytes]]:
    return {one["_id"]: (one["version"], bytes(one["entries"])) async for one in db["buckets"].find({})}


async def fences(db: Database, run: str) -> list[int]:
    found = db["slices"].find({"run": run}).sort("fence", DESCENDING)
    return [one["fence"] async for one in found]


async def test_a_worker_stopped_while_it_applies_comes_back_and_changes_nothing(
    parts: LocalParts, tmp_path: Path
) -> None:
    file = students(tmp_path, ROWS)
    async with (
        Stack(parts.addresses, env=settings(parts), services=WORKING) as stack,
        database(stack) as db,
        District(stack, "o-1") as district,
    ):
        connection = await district.ad_hoc()
        await faults(district, {"path": UPSERT, "delay": 1.0})
        run = (await district.upload(connection, file))["id"]
        await until(lambda: fired(district), "the first batch is on its way")
        stopped = stack.process("importer")
        stopped.signal(signal.SIGSTOP)
        try:
            stack.services = (*stack.services, "importer-2")
            await stack.start("importer-2")
            ended = await district.watch(run, seconds=150)
            assert max(await fences(db, run)) >= 3  # compared under 1 by the one, taken over by the other
            remembered, stats = await buckets(db), await district.stats()
        finally:
            stopped.signal(signal.SIGCONT)
        await stack.wait_ready("importer")
        await until(lambda: comes_back(stack), "the stopped worker has noticed", 90)
        await drained(db)
        assert (ended["state"], ended["counts"]["created"], ended["counts"]["rows"]) == ("succeeded", ROWS, ROWS)
        assert await district.run(run) == ended
        assert await buckets(db) == remembered
        assert (await district.stats())["writes"] == stats["writes"]
        each_once(await district.stats(), ROWS)
        assert await waiting(db) == []
        await faults(district)
        again = await district.watch((await district.upload(connection, file))["id"])
        assert (again["state"], again["counts"]["unchanged"]) == ("succeeded", ROWS)


async def comes_back(stack: Stack) -> bool:
    """It has finished or given up what it had in hand, and consumes again."""
    log = (stack.directory / "importer.log").read_text()
    return log.count('"consuming"') >= 2 and ('"not acknowledged"' in log or '"later"' in log)


async def test_a_worker_stopped_while_it_stages_does_not_undo_what_another_staged(
    parts: LocalParts, tmp_path: Path
) -> None:
    file = students(tmp_path, STAGED, columns=150)
    async with (
        Stack(parts.addresses, env=settings(parts), services=WORKING) as stack,
        database(stack) as db,
        District(stack, "o-1") as district,
    ):
        connection = await district.ad_hoc()
        run = (await district.upload(connection, file))["id"]

        async def staging() -> bool:
            return bool(await db["runs"].count_documents({"_id": run, "state": "staging", "fence": 1}))

        await until(staging, "the run is staged")
        stopped = stack.process("importer")
        stopped.signal(signal.SIGSTOP)
        try:
            assert await staging(), "stopped too late: the file is staged too quickly to be cut off"
            stack.services = (*stack.services, "importer-2")
            await stack.start("importer-2")
            await district.watch(run, states=frozenset({"comparing", "applying", "succeeded"}), seconds=150)
        finally:
            stopped.signal(signal.SIGCONT)
        ended = await district.watch(run, seconds=150)
        assert (ended["state"], ended["counts"]["created"], ended["counts"]["rows"]) == ("succeeded", STAGED, STAGED)
        each_once(await district.stats(), STAGED)
        assert await db["slices"].count_documents({"run": run}) == ended["slices"]


@pytest.mark.parametrize("loss", [{"status": 503}, {"close": True}], ids=["503", "closed"])
async def test_answers_lost_after_the_effect_write_nobody_twice(
    parts: LocalParts, tmp_path: Path, loss: Mapping[str, Any]
) -> None:
    file = students(tmp_path, ROWS)
    env = {**SHORT, "SYNC_SLICE_ROWS": "200"}
    async with (
        Stack(parts.addresses, env=env, services=WORKING) as stack,
        database(stack) as db,
        District(stack, "o-1") as district,
    ):
        connection = await district.ad_hoc()
        await faults(district, {"path": UPSERT, "after": True, "every": 3, **loss})
        run = await district.watch((await district.upload(connection, file))["id"])
        assert (run["state"], run["counts"]["created"], run["counts"]["failed"]) == ("succeeded", ROWS, 0)
        assert await fired(district) >= 3
        stats = await district.stats()
        assert stats["replayed"] >= 3
        each_once(stats, ROWS)
        await drained(db)
        assert await waiting(db) == []
