"""kill -9 at random moments of an import, to everything that is ours and to what it stands on.

SYNC_FAULT_SEED repeats a round; SYNC_FAULT_ROUNDS asks for more rounds than one (`make test-faults`).
"""

import asyncio
import os
import random
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo.errors import PyMongoError

from devtools.district import ENDED, District
from devtools.parts import QUEUE_SETTLE_SECONDS, LocalParts
from devtools.stack import Stack
from tests.faults.helpers import (
    LOOKUP,
    SHORT,
    UPSERT,
    WORKING,
    Database,
    database,
    drained,
    each_once,
    faults,
    own_parts,
    students,
    until,
    waiting,
)

ROWS = 6_000
VICTIMS = ("importer", "gateway", "rabbitmq", "mongodb")
SEED = int(os.environ.get("SYNC_FAULT_SEED", random.SystemRandom().randrange(1_000_000)))
ROUNDS = int(os.environ.get("SYNC_FAULT_ROUNDS", "1"))
TIMES = 2 if ROUNDS > 1 else 1
"""How often each of them at least is killed in a round."""
PHASES = (*("staging",) * TIMES, *("comparing",) * 2 * TIMES, *("applying",) * 2 * TIMES)


class Killer:
    """Kills that are spread over the phases of one run; whoever was killed comes back a little later."""

    def __init__(self, stack: Stack, parts: LocalParts, db: Database, dice: random.Random) -> None:
        self._stack = stack
        self._parts = parts
        self._db = db
        self._dice = dice
        self.log: list[str] = []
        self.phases: set[str] = set()
        self.killed: list[str] = []

    async def work(self) -> None:
        victims = [*VICTIMS * TIMES, *self._dice.choices(VICTIMS, k=TIMES - 1)]
        self._dice.shuffle(victims)
        victims.insert(0, "importer")  # staging is short: while this one is away the others can be hit in it
        for phase, victim in zip(PHASES, victims, strict=True):
            await self._reach(phase)
            await asyncio.sleep(self._dice.uniform(0, 0.03 if phase == "staging" else 0.7))
            await self._hit(victim)

    async def _state(self) -> str:
        try:
            run = await self._db["runs"].find_one({}, sort=[("_id", -1)])
        except PyMongoError:
            return "unknown"
        return str(run["state"]) if run else "none"

    async def _reach(self, phase: str) -> None:
        order = ("unknown", "none", "pending", "staging", "comparing", "needs_approval", "applying", *ENDED)

        async def reached() -> bool:
            return order.index(await self._state()) >= order.index(phase)

        await until(reached, f"the run is {phase}", 120)

    async def _hit(self, victim: str) -> None:
        state = await self._state()
        pause = self._dice.uniform(0.05, 0.8)
        self.log.append(f"{victim} while {state}, for {pause:.2f} s")
        self.phases.add(state)
        self.killed.append(victim)
        part = {"rabbitmq": self._parts.broker, "mongodb": self._parts.database}.get(victim)
        if part is None:
            await self._stack.kill(victim)
            await asyncio.sleep(pause)
            await self._stack.start(victim, wait=self._dice.random() < 0.5)
        else:
            await asyncio.to_thread(part.kill)
            await asyncio.sleep(pause)
            await asyncio.to_thread(part.restart)


async def accepted(district: District, connection: str, file: Path) -> str:
    """Send the file until it is accepted, as whoever uploads does; the run's id."""
    for _ in range(60):
        try:
            return str((await district.upload(connection, file))["id"])
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 503:
                raise
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.5)
    raise TimeoutError("the upload was never accepted")


async def round_of_kills(directory: Path, seed: int) -> set[str]:
    """One import under kills; the states of the run in which they fell."""
    dice = random.Random(seed)
    print(f"SYNC_FAULT_SEED={seed}", flush=True)
    file = students(directory, ROWS, columns=200)  # many columns, so that staging takes long enough to be hit
    env = {**SHORT, "SYNC_SLICE_ROWS": "500"}
    async with (
        own_parts() as parts,
        Stack(parts.addresses, env=env, services=WORKING) as stack,
        database(stack) as db,
        District(stack, "o-1") as district,
    ):
        connection = await district.ad_hoc()
        slow = dice.uniform(0.6, 0.9)
        await faults(district, {"path": LOOKUP, "delay": slow}, {"path": UPSERT, "delay": slow})
        await asyncio.sleep(QUEUE_SETTLE_SECONDS)
        killer = Killer(stack, parts, db, dice)
        uploading = asyncio.create_task(accepted(district, connection, file))
        if dice.random() < 0.5:
            await asyncio.sleep(dice.uniform(0, 0.3))
            await stack.kill("gateway")
            await stack.start("gateway")
        try:
            await killer.work()
        finally:
            print("\n".join(killer.log), flush=True)
        run = await uploading
        ended = await district.watch(run, seconds=180)
        await check(district, db, ended)
        assert {"comparing", "applying"} <= killer.phases
        assert all(killer.killed.count(victim) >= TIMES for victim in VICTIMS)
        await faults(district)
        again = await district.watch(await accepted(district, connection, file))
        assert (again["state"], again["counts"]["unchanged"]) == ("succeeded", ROWS)
        each_once(await district.stats(), ROWS)
        return killer.phases


async def check(district: District, db: Database, ended: dict[str, Any]) -> None:
    await drained(db)
    assert await waiting(db) == []
    assert (ended["state"], ended["error"]) == ("succeeded", None)
    wanted = {"rows": ROWS, "create": ROWS, "created": ROWS, "failed": 0, "invalid": 0, "updated": 0, "unchanged": 0}
    assert {name: ended["counts"][name] for name in wanted} == wanted
    each_once(await district.stats(), ROWS)


@pytest.mark.timeout(480)
async def test_whatever_is_killed_every_student_arrives_once(tmp_path: Path) -> None:
    await round_of_kills(tmp_path, SEED)


@pytest.mark.timeout(7200)
@pytest.mark.skipif(
    ROUNDS < 2, reason="a long drill: needs SYNC_FAULT_ROUNDS of 2 or more, as `make test-faults` sets it"
)
async def test_round_after_round_every_student_arrives_once(tmp_path: Path) -> None:
    phases = [await round_of_kills(tmp_path, SEED + 1 + number) for number in range(ROUNDS)]
    assert any("staging" in one for one in phases), "staging is short: give it more rounds"
