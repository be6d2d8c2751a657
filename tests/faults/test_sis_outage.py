"""A SIS that throttles, is down, answers slowly or answers garbage holds up its own district and no other."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from devtools.district import ENDED, EXPORTER, District
from devtools.parts import LocalParts
from devtools.sis_districts import SISS, enrolled
from devtools.stack import Stack
from tests.faults.helpers import SHORT, WORKING, faults, fired, until

LONG = bool(os.environ.get("SYNC_FAULT_ROUNDS"))
STUDENTS = 60 if LONG else 20
PATHS = {"powerschool": "/ws/v1/student$", "aeries": "/InsertStudent$", "skyward": "/Student/Student$"}
ILLS: dict[str, dict[str, Any]] = {
    "throttles": {"status": 429, "retry_after": 1},
    "is down": {"status": 503},
    "asks to come back": {"status": 503, "retry_after": 20},
    "answers slowly": {"delay": 4},
    "answers garbage": {"body": "<html>Down for maintenance</html>"},
    "hangs up": {"close": True},
}


SHORT_FORM = [
    ("throttles", "powerschool"),
    ("is down", "aeries"),
    ("hangs up", "skyward"),
    ("answers slowly", "aeries"),
]


@pytest.fixture(scope="module")
def stack(parts: LocalParts) -> Iterator[Stack]:
    env = {**SHORT, "SYNC_SLICE_ROWS": "5", "SYNC_RETRY_DELAYS": "[0.2, 0.5, 1, 1.5, 2, 3, 4, 8]"}
    with Stack(parts.addresses, env=env, services=(*WORKING, "exporter")).shared() as started:
        yield started


@pytest.mark.parametrize(("ill", "kind"), [*product(ILLS, sorted(SISS))] if LONG else SHORT_FORM)
async def test_the_run_waits_and_finishes_and_another_district_is_not_held_up(
    ill: str, kind: str, stack: Stack, org: str, tmp_path: Path
) -> None:
    """One exporter for both: the ill one has more slices than the worker has hands."""
    async with (
        District(stack, f"{org}-ill", permissions=EXPORTER) as sick,
        District(stack, f"{org}-well", permissions=EXPORTER) as well,
    ):
        ends = {}
        for district in (sick, well):
            sis = SISS[kind](district)
            await sis.make()
            await district.register(await enrolled(district, tmp_path, STUDENTS))
            ends[district.org] = (sis, await sis.connect())
        await faults(sick, {"path": f"/{kind}/{sick.org}.*{PATHS[kind]}", **ILLS[ill]})
        first = (await sick.export(ends[sick.org][1]))["id"]

        async def met() -> bool:
            return await fired(sick) > 1

        await until(met, "the fault is met")
        second = await well.watch((await well.export(ends[well.org][1]))["id"])
        assert second["state"] == "succeeded"
        assert (await sick.run(first))["state"] not in ENDED
        await faults(sick)
        ended = await sick.watch(first, seconds=100)
        assert ended["state"] == "succeeded", (ended["counts"], ended["error"])
        for sis, _ in ends.values():
            people = await sis.people()
            assert (len(people), {one["contacts"] for one in people}) == (STUDENTS, {1})


@pytest.mark.timeout(1800)
@pytest.mark.skipif(not LONG, reason="a quarter of an hour: needs SYNC_FAULT_ROUNDS, as `make test-faults` sets it")
async def test_down_for_five_minutes(parts: LocalParts, tmp_path: Path) -> None:
    """Every SIS at once, with the retry delays that are set when nobody says otherwise."""
    async with (
        Stack(parts.addresses, services=(*WORKING, "exporter")) as stack,
        AsyncExitStack() as districts,
    ):
        ready = []
        for kind in sorted(SISS):
            district = await districts.enter_async_context(District(stack, f"o-{kind}", permissions=EXPORTER))
            sis = SISS[kind](district)
            await sis.make()
            await district.register(await enrolled(district, tmp_path, STUDENTS))
            ready.append((district, sis, await sis.connect()))
        await faults(district, *({"path": f"/{kind}/o-{kind}", "status": 503} for kind in sorted(SISS)))
        runs = [(district, sis, (await district.export(connection))["id"]) for district, sis, connection in ready]
        await asyncio.sleep(300)
        for district, _, run in runs:
            assert (await district.run(run))["state"] not in ENDED
        await faults(district)
        for district, sis, run in runs:
            ended = await district.watch(run, seconds=900)
            assert ended["state"] == "succeeded", (district.org, ended["counts"], ended["error"])
            people = await sis.people()
            assert (len(people), {one["contacts"] for one in people}) == (STUDENTS, {1})
