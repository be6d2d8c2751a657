"""What the operator does about messages that used up their attempts: look, replay, discard."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from devtools.district import District
from devtools.parts import LocalParts
from devtools.stack import Stack
from shared.contracts.topology import DELIVERY_LIMIT
from tests.e2e.operator import Ops
from tests.faults.helpers import (
    SHORT,
    UPSERT,
    WORKING,
    Database,
    database,
    drained,
    each_once,
    faults,
    streets,
    students,
    until,
    waiting,
)

ROWS = 1_000
SETTINGS = {**SHORT, "SYNC_RETRY_DELAYS": "[0.1, 0.3]", "SYNC_SLICE_ROWS": "100", "SYNC_ORGANIZATION_HANDS": "4"}
BROKEN = {"path": UPSERT, "status": 503}


@dataclass(frozen=True, slots=True)
class Scene:
    district: District
    connection: str
    db: Database
    ops: Ops
    directory: Path

    async def imported(self, **options: Any) -> dict[str, Any]:
        file = students(self.directory, ROWS, **options)
        return await self.district.watch((await self.district.upload(self.connection, file))["id"])

    async def buried(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        """The run's failed messages, once all of them are archived."""
        slices = len(run["to_apply"])

        async def all_there() -> bool:
            return len(await waiting(self.db)) >= slices

        await until(all_there, f"{slices} failed messages")
        return await self.ops.listed("--run", run["id"])

    async def broken(self, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """A run that could not send anything, and its failed messages."""
        await faults(self.district, {**BROKEN, "org": self.district.org})
        run = await self.imported(**options)
        assert run["state"] in ("failed", "partial")
        assert run["error"]["code"] == "enroll.unavailable"
        assert run["error"]["message"]
        return run, await self.buried(run)


@pytest.fixture(scope="module")
def stack(parts: LocalParts) -> Iterator[Stack]:
    """Started once. A test that stops a process starts it again."""
    with Stack(parts.addresses, env=SETTINGS, services=WORKING).shared() as started:
        yield started


@pytest.fixture
async def at(stack: Stack, org: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """An organization of the test's own, and no failed messages but its own."""
    async with database(stack) as db, District(stack, org) as district:
        await db["failed_messages"].delete_many({})
        yield Scene(district, await district.ad_hoc(), db, Ops(stack), tmp_path)
        await faults(district)


async def test_replay_after_the_fault_is_mended(at: Scene) -> None:
    run, failed = await at.broken()
    assert len(failed) == len(run["to_apply"]) >= 8
    for one in failed:
        assert (one["type"], one["reason"], one["code"]) == (
            "sync.slice.apply.v1",
            "out of attempts",
            "enroll.unavailable",
        )
        assert (one["run"], one["org"], one["state"]) == (run["id"], at.district.org, "waiting")
    assert max(one["attempts"] for one in failed) == 3
    shown = json.loads(await at.ops("failed", "show", failed[0]["id"]))
    assert shown["id"] == failed[0]["id"]
    assert shown["frames"]
    assert (await at.district.stats())["students"] == 0

    await faults(at.district)
    told = await at.ops("failed", "replay", "--dry-run", "--run", run["id"])
    assert f"{len(failed)} of {len(failed)} would be replayed" in told
    assert len(await waiting(at.db)) == len(failed)

    told = await at.ops("failed", "replay", "--run", run["id"], "--why", "Enroll is back", "--by", "olga")
    assert f"{len(failed)} of {len(failed)} replayed" in told
    ended = await at.district.watch(run["id"], states=frozenset({"succeeded"}), seconds=150)
    assert (ended["counts"]["created"], ended["counts"]["failed"], ended["error"]) == (ROWS, 0, None)
    each_once(await at.district.stats(), ROWS)
    await drained(at.db)
    replayed = await at.ops.listed("--run", run["id"], "--state", "replayed")
    assert {one["id"] for one in replayed} == {one["id"] for one in failed}
    assert [(act["state"], act["by"], act["why"]) for act in replayed[0]["acts"]] == [
        ("replayed", "olga", "Enroll is back")
    ]

    assert "0 of 0 replayed" in await at.ops("failed", "replay", "--run", run["id"])
    told = await at.ops("failed", "replay", failed[0]["id"], status=1)
    assert f"{failed[0]['id']}: is replayed already" in told
    again = await at.imported()
    assert (again["state"], again["counts"]["unchanged"]) == ("succeeded", ROWS)
    each_once(await at.district.stats(), ROWS)


async def test_replay_while_the_fault_lasts_fails_again_where_people_see_it(at: Scene) -> None:
    run, failed = await at.broken()
    await at.ops("failed", "replay", "--run", run["id"])
    found = await at.buried(run)
    assert {one["id"] for one in found} == {one["id"] for one in failed}
    assert min(one["deaths"] for one in found) >= 1
    await faults(at.district)
    await at.ops("failed", "replay", "--code", "enroll.unavailable")
    await at.district.watch(run["id"], states=frozenset({"succeeded"}), seconds=150)
    each_once(await at.district.stats(), ROWS)


async def test_replay_of_an_old_run_sends_nothing_stale(at: Scene) -> None:
    old, failed = await at.broken(edition=1, changed=1.0)
    await faults(at.district)
    new = await at.imported(edition=2, changed=1.0)
    assert (new["state"], new["counts"]["created"]) == ("succeeded", ROWS)
    before = await streets(at.district, ROWS)

    dry = await at.ops("failed", "replay", "--dry-run", "--run", old["id"], status=1)
    assert f"{failed[0]['id']}: out of date" in dry
    told = await at.ops("failed", "replay", "--run", old["id"], status=1)
    assert f"0 of {len(failed)} replayed" in told
    assert len(await waiting(at.db)) == len(failed)

    assert await streets(at.district, ROWS) == before
    each_once(await at.district.stats(), ROWS)
    assert (await at.district.run(old["id"]))["state"] == old["state"]
    again = await at.imported(edition=2, changed=1.0)
    assert again["counts"]["unchanged"] == ROWS


async def test_a_replay_that_a_later_run_overtakes_on_the_way_does_nothing_and_says_so(at: Scene) -> None:
    old, failed = await at.broken(edition=1, changed=1.0)
    await faults(at.district)
    stack = at.district.stack
    await stack.stop("importer")
    await at.ops("failed", "replay", failed[0]["id"])
    file = students(at.directory, ROWS, edition=2, changed=1.0)
    new = (await at.district.upload(at.connection, file))["id"]
    # The later run has applied by the time the replayed message is taken.
    applied = {"$set": {"state": "succeeded", "number": 1000}}
    await at.db["runs"].update_one({"_id": new}, applied)
    await stack.start("importer")

    async def remarked() -> bool:
        shown = json.loads(await at.ops("failed", "show", failed[0]["id"]))
        return [act["state"] for act in shown["acts"]] == ["replayed", "remark"]

    await until(remarked, "a remark on the failed message")
    assert (await at.district.stats())["students"] == 0
    assert (await at.district.run(old["id"]))["state"] == old["state"]


async def test_a_replay_beside_a_preview_that_waits_puts_its_plan_out_of_date(at: Scene) -> None:
    old, failed = await at.broken()
    await faults(at.district)
    file = students(at.directory, ROWS, edition=2, changed=0.5)
    preview = (await at.district.upload(at.connection, file, preview=True))["id"]
    await at.district.watch(preview, states=frozenset({"needs_approval"}))
    await at.ops("failed", "replay", "--run", old["id"])
    ended = await at.district.watch(old["id"], states=frozenset({"succeeded"}), seconds=150)
    assert ended["counts"]["created"] == ROWS
    each_once(await at.district.stats(), ROWS)
    assert len(failed) == len(await at.ops.listed("--state", "replayed"))

    answer = await at.district.api.post(f"/runs/{preview}/approve")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "run.overwritten")
    over = await at.district.run(preview)
    assert (over["state"], over["error"]["code"], over["error"]["run"]) == ("cancelled", "run.superseded", old["id"])
    each_once(await at.district.stats(), ROWS)
    again = await at.imported(edition=2, changed=0.5)
    assert (again["state"], again["counts"]["updated"] > 0) == ("succeeded", True)


async def test_a_message_that_kills_whoever_takes_it_fails_its_run_and_can_be_replayed(at: Scene) -> None:
    stack = at.district.stack
    await stack.stop("importer")
    run = await at.district.upload(at.connection, students(at.directory, ROWS))
    queue = f"{stack.broker_prefix}importer.interactive"
    async with await aio_pika.connect(stack.addresses.amqp_url) as connection:
        taken = await (await connection.channel()).get_queue(queue, ensure=False)
        for _ in range(DELIVERY_LIMIT + 1):
            message = await taken.get(timeout=10)
            await message.reject(requeue=True)
    failed = await at.district.watch(run["id"], states=frozenset({"failed"}), seconds=90)
    assert failed["error"]["code"] == "message.killed"
    await until(lambda: waiting(at.db), "the message is archived")
    (letter,) = await at.ops.listed("--run", run["id"])
    assert letter["reason"] == "delivery_limit"

    await stack.start("importer")
    await at.ops("failed", "replay", letter["id"])
    ended = await at.district.watch(run["id"], states=frozenset({"succeeded"}), seconds=150)
    assert (ended["counts"]["created"], ended["error"]) == (ROWS, None)
    each_once(await at.district.stats(), ROWS)


async def test_discard_keeps_the_archive(at: Scene) -> None:
    run, failed = await at.broken()
    one, *rest = [message["id"] for message in failed]
    assert "1 of 1 discarded" in await at.ops("failed", "discard", one, "--why", "by hand")
    told = await at.ops("failed", "discard", "--dry-run", "--org", at.district.org, "--type", "sync.slice.apply.v1")
    assert f"{len(rest)} of {len(rest)} would be discarded" in told
    assert "0 of 0 discarded" in await at.ops("failed", "discard", "--org", "o-2")
    assert f"{len(rest)} of {len(rest)} discarded" in await at.ops("failed", "discard", "--run", run["id"])
    assert await at.ops.listed() == []
    kept = await at.ops.listed("--state", "discarded")
    assert {message["id"] for message in kept} == {one, *rest}
    told = await at.ops("failed", "list", "--state", "discarded", "--limit", "1")
    assert f"1 of {len(kept)} messages; --limit 0 lists all" in told
    await faults(at.district)
    assert f"{one}: is discarded already" in await at.ops("failed", "replay", one, status=1)
    assert (await at.district.stats())["students"] == 0


async def test_bad_arguments_are_told_with_status_2(at: Scene) -> None:
    for verb in ("replay", "discard"):
        assert "ids, a filter, or --all" in await at.ops("failed", verb, status=2)
        assert "There is no failed message nope" in await at.ops("failed", verb, "nope", status=2)
        assert "--colour" in await at.ops("failed", verb, "--colour", "red", status=2)
    assert "There is no failed message nope" in await at.ops("failed", "show", "nope", status=2)
    assert "waiting" in await at.ops("failed", "list", "--state", "lost", status=2)
    assert "0 of 0 replayed" in await at.ops("failed", "replay", "--all")
    assert "0 messages" in await at.ops("failed", "list")
