"""Of a SIS only what has changed since the last pull: one student, whichever part of them changed."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from devtools.district import EXPORTER, District
from devtools.sis_districts import SISS, SisDistrict
from devtools.stack import Stack

STUDENTS = 40
NAME = "Quintanilla"


async def powerschool(sis: SisDistrict) -> Any:
    (one, *_) = (await sis.held())["students"]
    path = f"/sandbox/powerschool/{sis.district.org}/students/{one['id']}"
    return await sis.district.enroll.patch(path, json={"name": {"last_name": NAME}})


async def aeries(sis: SisDistrict) -> Any:
    (one, *_) = (await sis.held())["students"]
    path = f"/sandbox/aeries/{sis.district.org}/students/{one['StudentID']}"
    return await sis.district.enroll.patch(path, json={"LastName": NAME})


async def skyward(sis: SisDistrict) -> Any:
    (one, *_) = (await sis.held())["students"]
    path = f"/sandbox/skyward/{sis.district.org}/objects/Demographics/Name/{one['NameID']}"
    return await sis.district.enroll.patch(path, json={"LastName": NAME})


CHANGES: dict[str, Callable[[SisDistrict], Awaitable[Any]]] = {
    "powerschool": powerschool,
    "aeries": aeries,
    "skyward": skyward,
}


@pytest.mark.parametrize("kind", CHANGES)
async def test_only_who_has_changed_is_read_and_nobody_is_missing(stack: Stack, unique: str, kind: str) -> None:
    async with District(stack, f"o-{unique}", permissions=EXPORTER) as district:
        sis = SISS[kind](district)
        await sis.make(students=STUDENTS)
        connection = await sis.connect(about={"contacts": True})
        await sis.propose(connection)
        first = await district.watch((await district.pull(connection, changes=True))["id"])
        assert (first["state"], first["counts"]["created"]) == ("succeeded", STUDENTS), first["error"]

        nothing = await district.watch((await district.pull(connection, changes=True))["id"])
        assert (nothing["state"], nothing["counts"]["rows"], nothing["counts"]["missing"]) == ("succeeded", 0, 0)

        (await CHANGES[kind](sis)).raise_for_status()
        again = await district.watch((await district.pull(connection, changes=True))["id"])
        counts = {name: again["counts"][name] for name in ("rows", "updated", "missing", "failed")}
        assert counts == {"rows": 1, "updated": 1, "missing": 0, "failed": 0}, again
        (record,) = await district.records(again["id"])
        assert {name: after for name, (_, after) in record["changes"].items()} == {"students.lname": NAME}


async def test_changes_are_for_the_api_of_a_sis(district: District) -> None:
    connection = await district.ad_hoc()
    path = f"/connections/{connection}/imports/students/pull"
    refused = await district.api.post(path, params={"school_year": 2026, "changes": True})
    assert refused.status_code == 422
