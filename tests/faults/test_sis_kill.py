"""However often the exporter is killed, every student and contact is in the SIS once, and Enroll shows how it ended."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.district import EXPORTER, District
from devtools.parts import LocalParts
from devtools.sis_districts import SISS, SisDistrict, enrolled
from devtools.stack import Stack
from tests.e2e.broker import APPROVED, Tap, approved
from tests.e2e.operator import failed
from tests.faults.helpers import SHORT, WORKING, faults, until

ROUNDS = int(os.environ.get("SYNC_FAULT_ROUNDS", "0"))
STUDENTS = 2000 if ROUNDS else 90
KILLS = 10 if ROUNDS else 3
SEED = int(os.environ.get("SYNC_FAULT_SEED", random.SystemRandom().randrange(1_000_000)))
APPROVALS = 60 if ROUNDS else 6
CREATES = {"powerschool": "/ws/v1/student$", "aeries": "/InsertStudent$", "skyward": "/Student/Student$"}


@pytest.fixture(scope="module")
def stack(parts: LocalParts) -> Iterator[Stack]:
    env = {**SHORT, "SYNC_SLICE_ROWS": "400" if ROUNDS else "40"}
    with Stack(parts.addresses, env=env, services=(*WORKING, "exporter")).shared() as started:
        yield started


async def killed_at_random(sis: SisDistrict, run: str, dice: random.Random) -> int:
    """Kill the exporter a few times while the run is under way; how often it was."""
    stack, kills = sis.district.stack, 0
    for _ in range(KILLS):
        await asyncio.sleep(dice.uniform(0.2, 5.0 if ROUNDS else 0.8))
        if (await sis.district.run(run))["state"] not in ("pending", "staging", "comparing", "applying"):
            break
        await stack.kill("exporter")
        kills += 1
        await stack.start("exporter")
    return kills


@pytest.mark.timeout(240 + 1200 * ROUNDS)
@pytest.mark.parametrize("kind", sorted(SISS))
async def test_every_student_and_contact_once(kind: str, stack: Stack, org: str, tmp_path: Path) -> None:
    print(f"SYNC_FAULT_SEED={SEED}", flush=True)
    dice = random.Random(SEED)
    kills = 0
    for round in range(max(1, ROUNDS)):
        async with District(stack, f"{org}-{round}", permissions=EXPORTER) as district:
            sis = SISS[kind](district)
            await sis.make()
            students = await enrolled(district, tmp_path, STUDENTS)
            await district.register(students)
            connection = await sis.connect()

            if not ROUNDS:  # so few would be through before the first kill on a machine that is quick
                await faults(district, {"path": f"/{kind}/{district.org}.*{CREATES[kind]}", "delay": 0.2})
            run = (await district.export(connection))["id"]
            kills += await killed_at_random(sis, run, dice)
            await faults(district)
            print(f"killed {kills} times so far", flush=True)
            ended = await district.watch(run, seconds=1200 if ROUNDS else 300)

            assert ended["state"] == "succeeded", (
                ended["counts"],
                [one["problems"] for one in await district.records(run, limit=200) if one["problems"]],
            )
            held = await sis.people()
            assert Counter(one["student_id"] for one in held) == dict.fromkeys(students, 1)
            assert {one["contacts"] for one in held} == {1}
            told = Counter(one["sis_export_status"] for one in await district.registrations())
            assert told == {"Succeeded": STUDENTS}
            assert await failed(stack) == []
    assert kills > ROUNDS


@pytest.mark.timeout(300 + 10 * ROUNDS)
@pytest.mark.parametrize("kind", sorted(SISS) if ROUNDS else ["powerschool", "skyward"])
async def test_every_approval_once(kind: str, stack: Stack, org: str, tmp_path: Path) -> None:
    """Of those that are exported as they are approved. The SIS is slow, so that kills fall all around a creation."""
    print(f"SYNC_FAULT_SEED={SEED}", flush=True)
    dice = random.Random(SEED)
    async with (
        Tap(stack) as tap,
        District(stack, org, permissions=EXPORTER) as district,
    ):
        sis = SISS[kind](district)
        await sis.make()
        students = await enrolled(district, tmp_path, APPROVALS)
        registrations = await district.register(students)
        connection = await sis.connect()
        (await district.api.patch(f"/connections/{connection}", json={"enable_export": True})).raise_for_status()
        await faults(district, {"path": f"/{kind}/{district.org}.*{CREATES[kind]}", "delay": 0.2})
        for number, registration in enumerate(registrations):
            await tap.enroll_says(approved(district, registration), APPROVED)
            if number % 3 == 0:
                await asyncio.sleep(dice.uniform(0, 0.8))
                await stack.kill("exporter")
                await stack.start("exporter")

        async def told() -> bool:
            shown = [one["sis_export_status"] for one in await district.registrations()]
            return Counter(shown) == {"Succeeded": APPROVALS}

        await until(told, "Enroll shows all of them", 150)
        held = await sis.people()
        assert Counter(one["student_id"] for one in held) == dict.fromkeys(students, 1)
        assert {one["contacts"] for one in held} == {1}
        runs = (await district.api.get("/runs", params={"connection": connection, "limit": 200})).json()
        ended = [await district.watch(one["id"]) for one in runs]
        assert {one["state"] for one in ended} == {"succeeded"}
        assert sum(one["counts"]["created"] for one in ended) == APPROVALS
        assert await failed(stack) == []
