"""Students out of a SIS that speaks OneRoster: connected, tested, proposed, imported, and then only what changed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devtools.district import YEAR, District
from devtools.stack import Stack
from tests.e2e.enroll import Faults, students
from tests.e2e.waiting import until

PLACES = {"1.1": "v1p1", "1.2": "rostering/v1p2"}
LOGIN = {"client_id": "client", "client_secret": "kx-91-orchard"}


class Sis:
    """The simulated server of one district."""

    def __init__(self, stack: Stack, district: District) -> None:
        self._district = district
        self.url = f"{stack.url('sandbox')}/oneroster/{district.org}"

    async def make(self, **spec: Any) -> None:
        path = f"/sandbox/oneroster/{self._district.org}"
        (await self._district.enroll.put(path, json={**LOGIN, "students": 120, **spec})).raise_for_status()

    async def change(self, user: str, **values: Any) -> None:
        path = f"/sandbox/oneroster/{self._district.org}/users/{user}"
        (await self._district.enroll.patch(path, json=values)).raise_for_status()

    async def connect(self, version: str = "1.1", **more: Any) -> str:
        base = f"{self.url}/ims/oneroster/{PLACES[version]}"
        about = {"base_url": base, "token_url": f"{self.url}/token", "version": version, "page_size": 50, **more}
        body = {"name": "SIS", "kind": "oneroster", "oneroster": about, "secrets": LOGIN}
        return str((await self._district.api.post("/connections", json=body)).raise_for_status().json()["id"])

    async def map(self, connection: str) -> None:
        path = f"/connections/{connection}/mappings/students/read"
        read = (await self._district.api.post(path)).raise_for_status().json()
        await self._district.map_students(connection, {"fields": [one["row"] for one in read["proposals"]]})


@pytest.fixture
async def sis(stack: Stack, district: District) -> Sis:
    one = Sis(stack, district)
    await one.make()
    return one


@pytest.mark.parametrize("version", PLACES)
async def test_students_are_imported_and_then_only_what_changed(sis: Sis, district: District, version: str) -> None:
    connection = await sis.connect(version)
    tested = (await district.api.post(f"/connections/{connection}/test")).raise_for_status().json()
    assert tested == {"ok": True, "schools": True, "people": True}
    await sis.map(connection)

    run = await district.watch((await district.pull(connection))["id"])

    assert (run["state"], run["counts"]["created"]) == ("succeeded", 120), await district.records(run["id"])
    assert run["stage"]["details"]["form"] == f"OneRoster {version}"
    held = await students(district)
    assert all(one["student_annual.guardian1_fname"] and one["students.dob"] for one in held.values())
    await sis.change("u7", familyName="Quintanilla")
    again = await district.watch((await district.pull(connection))["id"])
    counts = {name: again["counts"][name] for name in ("updated", "unchanged", "missing")}
    assert (again["state"], counts) == ("succeeded", {"updated": 1, "unchanged": 119, "missing": 0})
    assert "Quintanilla" in {one["students.lname"] for one in (await students(district)).values()}


async def test_a_half_read_sis_never_marks_anybody_missing(sis: Sis, district: District, faults: Faults) -> None:
    connection = await sis.connect()
    await sis.map(connection)
    await district.watch((await district.pull(connection))["id"])
    path = f"/oneroster/{district.org}/.*/users"
    await faults({"path": path, "status": 500, "every": 2})
    run = await district.watch((await district.pull(connection))["id"])
    assert (run["state"], run["counts"]["missing"]) == ("succeeded", 0)
    await faults({"path": path, "status": 500})
    failed = await district.watch((await district.pull(connection))["id"], seconds=60)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "sis.unavailable")
    await faults()
    await sis.make(students=40)
    stopped = await district.watch((await district.pull(connection))["id"], states=frozenset({"needs_approval"}))
    assert [one["code"] for one in stopped["reasons"]] == ["guard.too_many_missing"]


async def test_a_sis_that_throttles_is_waited_for(sis: Sis, district: District, faults: Faults) -> None:
    connection = await sis.connect()
    await sis.map(connection)
    await faults({"path": f"/oneroster/{district.org}/.*/users", "status": 429, "retry_after": 1, "times": 2})
    run = await district.watch((await district.pull(connection))["id"])
    assert (run["state"], run["counts"]["created"]) == ("succeeded", 120)


async def test_a_wrong_login_is_told_and_never_shown(sis: Sis, district: District) -> None:
    connection = await sis.connect()
    await sis.map(connection)
    (await district.api.post(f"/connections/{connection}/test")).raise_for_status()
    wrong = {"client_id": "client", "client_secret": "zz-77-wrong"}
    (await district.api.put(f"/connections/{connection}/credentials", json=wrong)).raise_for_status()
    answer = await district.api.post(f"/connections/{connection}/test")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "sis.login_refused")
    run = await district.watch((await district.pull(connection))["id"])
    assert (run["state"], run["error"]["code"]) == ("failed", "sis.login_refused")
    shown = (await district.api.get(f"/connections/{connection}")).text + str(run) + answer.text
    assert not [secret for secret in ("zz-77-wrong", LOGIN["client_secret"]) if secret in shown]
    other = await district.api.put(f"/connections/{connection}/credentials", json={"password": "x"})
    assert other.json()["error"]["code"] == "sis.other_login"


async def test_the_schedule_pulls_from_a_sis_too(sis: Sis, district: District) -> None:
    connection = await sis.connect()
    await sis.map(connection)
    await district.api.patch(f"/connections/{connection}", json={"enable_import": True})
    plan = {"school_year": YEAR, "time": f"{datetime.now(UTC) + timedelta(seconds=2):%H:%M:%S}", "zone": "UTC"}
    (await district.api.put(f"/connections/{connection}/schedule", json=plan)).raise_for_status()

    async def fired() -> list[dict[str, Any]]:
        found = (await district.api.get(f"/connections/{connection}/history")).json()
        return [one for one in found if one["run"]]

    run = await district.watch((await until(fired, "the schedule fires"))[0]["run"])
    assert (run["state"], run["source"]["kind"], run["counts"]["created"]) == ("succeeded", "api", 120)


@pytest.mark.parametrize(
    "address",
    [
        "ftp://sis.example.org",
        "https://user:pw@sis.example.org/x",
        "sis.example.org",
        "https://sis.example.org/?a=1",
        "",
    ],
)
async def test_an_address_that_is_none_is_refused(district: District, address: str) -> None:
    about = {"base_url": address, "token_url": "https://sis.example.org/token"}
    answer = await district.api.post("/connections", json={"name": "SIS", "kind": "oneroster", "oneroster": about})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")
    assert "pw" not in answer.text
