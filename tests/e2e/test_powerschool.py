"""Students out of PowerSchool: connected, tested, proposed with their contacts, imported, then only what changed."""

from typing import Any

import pytest

from devtools.district import District
from devtools.stack import Stack
from tests.e2e.enroll import Faults, students

LOGIN = {"client_id": "client", "client_secret": "kx-92-orchard"}
STUDENTS = 120


class Sis:
    """The simulated server of one district, and a connection to it."""

    def __init__(self, stack: Stack, district: District) -> None:
        self._district = district
        self.url = f"{stack.url('sandbox')}/powerschool/{district.org}"

    async def make(self, **spec: Any) -> None:
        path = f"/sandbox/powerschool/{self._district.org}"
        body = {**LOGIN, "students": STUDENTS, "page_max": 50, **spec}
        (await self._district.enroll.put(path, json=body)).raise_for_status()

    async def change(self, dcid: str, **groups: Any) -> None:
        path = f"/sandbox/powerschool/{self._district.org}/students/{dcid}"
        (await self._district.enroll.patch(path, json=groups)).raise_for_status()

    async def connect(self, **more: Any) -> str:
        about = {"base_url": self.url, "per_second": 0, **more}
        body = {"name": "SIS", "kind": "powerschool", "powerschool": about, "secrets": LOGIN}
        id = str((await self._district.api.post("/connections", json=body)).raise_for_status().json()["id"])
        read = await self._district.api.post(f"/connections/{id}/mappings/students/read")
        proposals = read.raise_for_status().json()["proposals"]
        await self._district.map_students(id, {"fields": [one["row"] for one in proposals]})
        return id


@pytest.fixture
async def sis(stack: Stack, district: District) -> Sis:
    one = Sis(stack, district)
    await one.make()
    return one


async def test_students_are_imported_and_then_only_what_changed(sis: Sis, district: District) -> None:
    connection = await sis.connect(contacts=True, extension_fields=["u_enroll_ext.homeroom"])
    tested = (await district.api.post(f"/connections/{connection}/test")).raise_for_status().json()
    assert (tested["ok"], tested["students"]) == (True, STUDENTS)

    run = await district.watch((await district.pull(connection))["id"])

    assert (run["state"], run["counts"]["created"]) == ("succeeded", STUDENTS), [
        one["problems"] for one in await district.records(run["id"], limit=2)
    ]
    held = await students(district)
    assert all(one["students.dob"] and one["student_annual.guardian1_fname"] for one in held.values())
    assert all(len(one["student_annual.zip"]) == 5 for one in held.values())
    key = next(id for id, one in held.items() if one["students.sis_unique_key"] == "4007")
    await sis.change("4007", name={"last_name": "Quintanilla"})
    again = await district.watch((await district.pull(connection))["id"])
    counts = {name: again["counts"][name] for name in ("updated", "unchanged", "missing")}
    assert (again["state"], counts) == ("succeeded", {"updated": 1, "unchanged": STUDENTS - 1, "missing": 0})
    assert (await students(district))[key]["students.lname"] == "Quintanilla"


async def test_who_has_left_is_missing_and_many_at_once_ask_first(sis: Sis, district: District) -> None:
    connection = await sis.connect()
    await district.watch((await district.pull(connection))["id"])
    await sis.change("4003", school_enrollment={"enroll_status": "T"})
    one = await district.watch((await district.pull(connection))["id"])
    assert (one["state"], one["counts"]["missing"]) == ("succeeded", 1)
    await sis.make(students=30)
    many = await district.watch((await district.pull(connection))["id"], states=frozenset({"needs_approval"}))
    assert [reason["code"] for reason in many["reasons"]] == ["guard.too_many_missing"]


async def test_maintenance_is_waited_out(sis: Sis, district: District, faults: Faults) -> None:
    connection = await sis.connect()
    path = f"/powerschool/{district.org}/ws/v1/district/student$"
    await faults({"path": path, "body": "<html>Maintenance</html>", "times": 2})
    run = await district.watch((await district.pull(connection))["id"])
    assert (run["state"], run["counts"]["created"]) == ("succeeded", STUDENTS)
