"""kill -9 in the middle of an undo: every value goes back once, nobody is removed twice, and the next run is right."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.district import District
from devtools.parts import LocalParts
from devtools.stack import Stack
from tests.e2e.files import edited, read
from tests.faults.helpers import SHORT, UPSERT, WORKING, database, drained, faults, fired, students, until, waiting

ROWS = 400
MOVED = range(2, ROWS // 2 + 2)
STREET = "student_annual.address"


async def held(district: District) -> dict[str, tuple[str, int]]:
    """Student id -> street, and how often the student was written."""
    answer = await district.enroll.get(f"/sandbox/organizations/{district.org}/students", params={"limit": 9999})
    return {
        one["values"]["students.student_district_id"]: (one["values"][STREET], one["writes"])
        for one in answer.json()["students"]
    }


@pytest.fixture(scope="module")
def stack(parts: LocalParts) -> Iterator[Stack]:
    env = {**SHORT, "SYNC_SLICE_ROWS": "50", "SYNC_WINDOW": "2"}
    with Stack(parts.addresses, env=env, services=WORKING).shared() as started:
        yield started


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kills", [(UPSERT, 1), ("lookup", 2)], ids=["while it applies", "while it compares"])
async def test_an_undo_that_is_killed_takes_everything_back_once(
    stack: Stack, org: str, tmp_path: Path, kills: tuple[str, int]
) -> None:
    first = students(tmp_path, ROWS)
    second = edited(first, {row: {"Street": f"{row} New St"} for row in MOVED})
    async with database(stack) as db, District(stack, org) as district:
        connection = await district.ad_hoc(limits={"changed_percent": 100})
        for file in (first, second):
            run = await district.watch((await district.upload(connection, file))["id"])
            assert run["state"] == "succeeded"
        before = {row["Student ID"]: row["Street"] for row in read(first)}
        path, times = kills
        await faults(district, {"path": path, "delay": 0.4})
        undo = (await district.api.post(f"/runs/{run['id']}/undo")).raise_for_status().json()["id"]

        async def at_it() -> bool:
            return await fired(district) >= times

        await until(at_it, "the undo is under way")
        await stack.kill("importer")
        await faults(district)
        await stack.start("importer")

        ended = await district.watch(undo, seconds=150)
        assert (ended["state"], ended["counts"]["updated"]) == ("succeeded", len(MOVED))
        found = await held(district)
        assert {id: street for id, (street, _) in found.items()} == before
        assert {writes for _, writes in found.values()} == {1, 3}, "made, moved, and taken back, each once"
        await drained(db)
        assert await waiting(db) == []
        again = await district.watch((await district.upload(connection, first))["id"])
        assert (again["state"], again["counts"]["unchanged"], again["counts"]["updated"]) == ("succeeded", ROWS, 0)
