"""The simulated Enroll as the tests see it: what it holds, and what goes wrong with it."""

import contextlib
import csv
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import httpx

from devtools.district import District
from shared.security.trust import trusted

Faults = Callable[..., Awaitable[None]]
WRITES = ("batches", "created", "updated", "failed", "replayed")


@contextlib.asynccontextmanager
async def switched(url: str) -> AsyncIterator[Faults]:
    """Faults that are switched off again at the end of the block."""
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, verify=trusted()) as client:

        async def switch(*rules: dict[str, Any]) -> None:
            (await client.put("/sandbox/faults", json=list(rules))).raise_for_status()

        try:
            yield switch
        finally:
            await client.delete("/sandbox/faults")


async def students(district: District) -> dict[str, dict[str, Any]]:
    """Everyone Enroll holds, by district id: their values, and under "writes" how often they were written."""
    path = f"/sandbox/organizations/{district.org}/students"
    answer = await district.enroll.get(path, params={"limit": 10_000})
    answer.raise_for_status()
    return {
        one["values"]["students.student_district_id"]: {**one["values"], "writes": one["writes"]}
        for one in answer.json()["students"]
    }


async def writes(district: District) -> dict[str, int]:
    """What was written so far. Equal before and after: nothing was written between."""
    stats = await district.stats()
    return {name: stats[name] for name in WRITES}


async def turn(district: District, **switches: Any) -> None:
    """Switches of the organization in Enroll, such as `sync_import_years=[]`."""
    answer = await district.enroll.patch(f"/sandbox/organizations/{district.org}", json=switches)
    answer.raise_for_status()


def having(found: dict[str, dict[str, Any]], field: str, value: Any) -> set[str]:
    """The ids of those who have this value in this field."""
    return {id for id, one in found.items() if one.get(field) == value}


def codes(problems: Iterable[dict[str, Any]]) -> set[str]:
    return {one["code"] for one in problems}


async def moved(district: District, roster: Path, student: str) -> None:
    """The roster again, with another street for one student."""
    rows = list(csv.reader(roster.read_text(encoding="utf-8").splitlines()))
    student_id, street = rows[0].index("Student ID"), rows[0].index("Street")
    for row in rows[1:]:
        if row[student_id] == student:
            row[street] = "9 Moved Away Lane"
    with roster.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    run = await district.watch((await district.upload(await district.ad_hoc("Corrections"), roster))["id"])
    assert run["counts"]["updated"] == 1, run
