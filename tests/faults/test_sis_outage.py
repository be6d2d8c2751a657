"""A SIS that throttles, is down, answers slowly or answers garbage holds up its own district and no other."""

import os
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


SHORT_FORM = [("throttles", "powerschool"), ("is down", "aeries"), ("hangs up", "skyward")]


@pytest.mark.parametrize(("ill", "kind"), [*product(ILLS, sorted(SISS))] if LONG else SHORT_FORM)
async def test_the_run_waits_and_finishes_and_another_district_is_not_held_up(
    ill: str, kind: str, parts: LocalParts, tmp_path: Path
) -> None:
    """One exporter for both: the ill one has more slices than the worker has hands."""
    env = {**SHORT, "SYNC_SLICE_ROWS": "5", "SYNC_RETRY_DELAYS": "[0.2, 0.5, 1, 1.5, 2, 3, 4, 8]"}
    async with (
        Stack(parts.addresses, env=env, services=(*WORKING, "exporter")) as stack,
        District(stack, "o-ill", permissions=EXPORTER) as sick,
        District(stack, "o-well", permissions=EXPORTER) as well,
    ):
        ends = {}
        for district in (sick, well):
            sis = SISS[kind](district)
            await sis.make()
            await district.register(await enrolled(district, tmp_path, STUDENTS))
            ends[district.org] = (sis, await sis.connect())
        await faults(sick, {"path": f"/{kind}/o-ill.*{PATHS[kind]}", **ILLS[ill]})
        first = (await sick.export(ends["o-ill"][1]))["id"]

        async def met() -> bool:
            return await fired(sick) > 1

        await until(met, "the fault is met")
        second = await well.watch((await well.export(ends["o-well"][1]))["id"])
        assert second["state"] == "succeeded"
        assert (await sick.run(first))["state"] not in ENDED
        await faults(sick)
        ended = await sick.watch(first, seconds=100)
        assert ended["state"] == "succeeded", (ended["counts"], ended["error"])
        for org in ("o-ill", "o-well"):
            people = await ends[org][0].people()
            assert (len(people), {one["contacts"] for one in people}) == (STUDENTS, {1})
