"""Students out of Aeries: connected, tested, proposed with their contacts, imported, then only what changed."""

from typing import Any

import pytest

from devtools.district import ENDED, District
from devtools.stack import Stack
from tests.e2e.enroll import students

LOGIN = {"certificate": "kx93orchard"}
STUDENTS = 120
STOPPED = frozenset({"needs_approval", *ENDED})


class Sis:
    """The simulated site of one district, and a connection to it."""

    def __init__(self, stack: Stack, district: District) -> None:
        self._district = district
        self.url = f"{stack.url('sandbox')}/aeries/{district.org}"

    async def make(self, **spec: Any) -> None:
        path = f"/sandbox/aeries/{self._district.org}"
        (await self._district.enroll.put(path, json={**LOGIN, "students": STUDENTS, **spec})).raise_for_status()

    async def change(self, id: str, **values: Any) -> None:
        path = f"/sandbox/aeries/{self._district.org}/students/{id}"
        (await self._district.enroll.patch(path, json=values)).raise_for_status()

    async def connect(self, **more: Any) -> str:
        about = {"base_url": self.url, "per_second": 0, **more}
        body = {"name": "SIS", "kind": "aeries", "aeries": about, "secrets": LOGIN}
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
    connection = await sis.connect()
    tested = (await district.api.post(f"/connections/{connection}/test")).raise_for_status().json()
    assert (tested["ok"], tested["version"]) == (True, "9.26.8.1")

    run = await district.watch((await district.pull(connection))["id"], states=STOPPED)

    told = [one["problems"] for one in await district.records(run["id"], limit=2)]
    assert (run["state"], run["counts"]["created"]) == ("succeeded", STUDENTS), (run["reasons"], told)
    held = await students(district)
    assert all(one["students.dob"] and one["student_annual.guardian1_fname"] for one in held.values())
    id = sorted(held)[7]
    await sis.change(id, LastName="Quintanilla")
    again = await district.watch((await district.pull(connection))["id"], states=STOPPED)
    counts = {name: again["counts"][name] for name in ("updated", "unchanged", "missing", "invalid")}
    same = {"updated": 1, "unchanged": STUDENTS - 1, "missing": 0, "invalid": 0}
    assert (again["state"], counts) == ("succeeded", same), again["reasons"]
    assert (await students(district))[id]["students.lname"] == "Quintanilla"
    await sis.change(id, InactiveStatusCode="T ")
    left = await district.watch((await district.pull(connection))["id"])
    assert (left["state"], left["counts"]["missing"]) == ("succeeded", 1)


async def test_a_login_of_another_kind_is_refused(sis: Sis, district: District) -> None:
    connection = await sis.connect()
    for other in ({"password": "x"}, {"client_id": "a", "client_secret": "b"}):
        answer = await district.api.put(f"/connections/{connection}/credentials", json=other)
        assert answer.json()["error"]["code"] == "sis.other_login"
    (await district.api.put(f"/connections/{connection}/credentials", json={"certificate": "zz9"})).raise_for_status()
    answer = await district.api.post(f"/connections/{connection}/test")
    assert answer.json()["error"]["code"] == "sis.login_refused"
    assert "zz9" not in answer.text
