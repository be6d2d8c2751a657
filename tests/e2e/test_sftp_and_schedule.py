"""Files from a secure folder: pulled now, or every day by the schedule."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncssh
import httpx
import pytest

from devtools.district import YEAR, District
from devtools.stack import Stack
from shared.security.trust import trusted
from tests.e2e.enroll import students, turn, writes
from tests.e2e.files import roster
from tests.e2e.waiting import until

ROWS = 20
ZONE = "America/Denver"
SCHEDULERS = ("scheduler", "scheduler-2")


class Folder:
    """The folders of one district on the server."""

    def __init__(self, stack: Stack, org: str) -> None:
        base = stack.sftp.folder / org
        self.imports, self.archive = base / "import", base / "archive"
        self.imports.mkdir(parents=True)
        self.settings = {"import_folder": f"{org}/import", "archive_folder": f"{org}/archive"}

    def put(self, name: str = "students.csv", rows: int = ROWS) -> Path:
        return roster(self.imports / name, rows)


@pytest.fixture
def folder(stack: Stack, org: str) -> Folder:
    return Folder(stack, org)


async def test_a_file_is_pulled_and_archived(district: District, folder: Folder) -> None:
    connection = await district.sftp(**folder.settings)
    content = folder.put().read_bytes()
    tested = (await district.api.post(f"/connections/{connection}/test")).raise_for_status().json()
    assert tested == {"ok": True, "matching_files": 1}

    run = await district.watch((await district.pull(connection))["id"])

    assert (run["state"], run["counts"]["created"], run["stage"]["name"]) == ("succeeded", ROWS, "students.csv")
    await until(lambda: _listed(folder.archive), "the file is archived")
    assert not list(folder.imports.iterdir())
    (archived,) = folder.archive.iterdir()
    assert archived.read_bytes() == content
    assert len(await students(district)) == ROWS


async def test_a_preview_that_finds_nothing_to_write_leaves_the_file_where_it_is(
    district: District, folder: Folder
) -> None:
    connection = await district.sftp(**folder.settings)
    folder.put()
    await district.watch((await district.pull(connection))["id"])
    await until(lambda: _listed(folder.archive), "the file is archived")
    again = folder.put()

    run = await district.watch((await district.pull(connection, preview=True))["id"])

    assert (run["state"], run["counts"]["unchanged"]) == ("succeeded", ROWS)
    await district.watch((await district.pull(connection))["id"])
    await until(lambda: _gone(again), "the file is archived by the run after it")
    assert len(list(folder.archive.iterdir())) == 2, "the preview has not moved it"


async def test_nothing_to_pull_fails_in_clear_words(district: District, folder: Folder) -> None:
    connection = await district.sftp(**folder.settings)
    folder.put("students.txt")

    run = await district.watch((await district.pull(connection))["id"])

    assert (run["state"], run["error"]["code"]) == ("failed", "sftp.no_file")
    assert "*.csv" in run["error"]["message"]
    assert f"{district.org}/import" in run["error"]["message"]
    assert run["error"]["fix"]


async def test_a_wrong_password(district: District, folder: Folder) -> None:
    connection = await district.sftp(**folder.settings)
    folder.put()
    answer = await district.api.put(f"/connections/{connection}/credentials", json={"password": "not-this"})
    assert answer.status_code == 204

    run = await district.watch((await district.pull(connection))["id"])

    assert (run["state"], run["error"]["code"]) == ("failed", "sftp.login_refused")
    assert "not-this" not in str(run)
    right = {"password": district.stack.sftp.password}
    await district.api.put(f"/connections/{connection}/credentials", json=right)
    assert (await district.watch((await district.pull(connection))["id"]))["state"] == "succeeded"


async def test_the_host_key_is_approved_by_a_person_and_a_changed_one_refused(
    district: District, folder: Folder, stack: Stack
) -> None:
    place = stack.sftp
    body: dict[str, Any] = {
        "name": "Nightly",
        "kind": "sftp",
        "sftp": {"host": place.host, "port": place.port, "user": place.user, "settle_seconds": 0, **folder.settings},
        "secrets": {"password": place.password},
    }
    id = (await district.api.post("/connections", json=body)).raise_for_status().json()["id"]
    await district.map_students(id)
    folder.put()
    unapproved = await district.watch((await district.pull(id))["id"])
    assert unapproved["error"]["code"] == "sftp.host_key_not_approved"

    probed = (await district.api.post(f"/connections/{id}/host-key/probe")).json()
    assert probed["host_key"] == place.host_key
    assert probed["fingerprint"] in unapproved["error"]["message"]
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (await district.api.put(f"/connections/{id}/host-key", json={"host_key": other})).raise_for_status()
    changed = await district.watch((await district.pull(id))["id"])
    assert (changed["state"], changed["error"]["code"]) == ("failed", "sftp.host_key_changed")
    assert probed["fingerprint"] in changed["error"]["message"]
    assert set((await writes(district)).values()) == {0}

    (await district.api.put(f"/connections/{id}/host-key", json={"host_key": place.host_key})).raise_for_status()
    assert (await district.watch((await district.pull(id))["id"]))["state"] == "succeeded"


async def test_a_new_server_needs_a_new_approval_and_the_same_one_keeps_its_own(
    district: District, folder: Folder, stack: Stack
) -> None:
    id = await district.sftp(**folder.settings)
    place = stack.sftp
    sftp = {"host": place.host, "port": place.port, "user": place.user, **folder.settings}

    same = await district.api.patch(f"/connections/{id}", json={"sftp": {**sftp, "pattern": "*.txt"}})
    assert (same.json()["sftp"]["host_key"], same.json()["sftp"]["pattern"]) == (place.host_key, "*.txt")
    elsewhere = {**sftp, "port": place.port + 1, "host_key": place.host_key}
    moved = await district.api.patch(f"/connections/{id}", json={"sftp": elsewhere})
    assert moved.json()["sftp"]["host_key"] == "", "what was approved for one server says nothing about another"


async def scheduled(district: District, folder: Folder, *, after: float = 3, enabled: bool = True) -> str:
    """A connection due `after` seconds from now, to the second below."""
    connection = await district.sftp(**folder.settings)
    patched = await district.api.patch(f"/connections/{connection}", json={"enable_import": enabled})
    assert patched.json()["enable_import"] is enabled
    due = (datetime.now(UTC) + timedelta(seconds=after)).astimezone(ZoneInfo(ZONE))
    plan = {"school_year": YEAR, "time": f"{due:%H:%M:%S}", "zone": ZONE}
    answer = (await district.api.put(f"/connections/{connection}/schedule", json=plan)).raise_for_status().json()
    assert answer["enabled"] is enabled
    first = datetime.fromisoformat(answer["next"][0])
    assert first - datetime.now(UTC) < timedelta(seconds=after), "due today, not tomorrow"
    return connection


async def history(district: District, connection: str) -> list[dict[str, Any]]:
    found = (await district.api.get(f"/connections/{connection}/history")).raise_for_status().json()
    return [one for one in found if one["outcome"] != "claimed"]


async def runs(district: District) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await district.api.get("/runs")).raise_for_status().json()
    return found


async def emitted(stack: Stack) -> dict[str, float]:
    """How many triggers each scheduler says it emitted."""
    found: dict[str, float] = {}
    async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
        for name in SCHEDULERS:
            page = (await client.get(f"{stack.url(name)}/metrics")).text
            lines = [line for line in page.splitlines() if line.startswith('sync_triggers_total{outcome="emitted"}')]
            found[name] = sum(float(line.rpartition(" ")[2]) for line in lines)
    return found


async def test_a_schedule_fires_once_with_two_schedulers(district: District, folder: Folder, stack: Stack) -> None:
    folder.put()
    before = await emitted(stack)

    connection = await scheduled(district, folder)
    (fired,) = await until(lambda: history(district, connection), "the schedule fires", seconds=15)
    run = await district.watch(fired["run"])

    assert (fired["outcome"], run["state"], run["counts"]["created"]) == ("emitted", "succeeded", ROWS)
    assert (run["trigger"]["kind"], run["trigger"]["by"], run["lane"]) == ("schedule", district.user, "bulk")
    assert sum((await emitted(stack)).values()) - sum(before.values()) == 1
    assert await asyncio.gather(*(stack.stop(name) for name in SCHEDULERS)) == [0, 0]
    await asyncio.gather(*(stack.start(name) for name in SCHEDULERS))  # they look at once at all schedules
    assert len(await runs(district)) == len(await history(district, connection)) == 1
    assert sum((await emitted(stack)).values()) == 0


async def test_a_run_missed_while_no_scheduler_was_up_fires_once(
    district: District, folder: Folder, stack: Stack
) -> None:
    folder.put()
    assert await asyncio.gather(*(stack.stop(name) for name in SCHEDULERS)) == [0, 0]
    try:
        connection = await scheduled(district, folder, after=2)
        due = datetime.now(UTC) + timedelta(seconds=2)
        await until(lambda: _past(due), "the time is past")
        assert await runs(district) == []
    finally:
        await asyncio.gather(*(stack.start(name) for name in SCHEDULERS))

    (fired,) = await until(lambda: history(district, connection), "the missed run is made up for", seconds=15)

    assert (await district.watch(fired["run"]))["state"] == "succeeded"
    assert len(await runs(district)) == 1
    assert len(await students(district)) == ROWS


async def test_enable_import_off_is_told_and_makes_no_run(district: District, folder: Folder) -> None:
    folder.put()

    connection = await scheduled(district, folder, enabled=False)
    (refused,) = await until(lambda: history(district, connection), "the schedule comes due", seconds=15)

    assert (refused["outcome"], refused["run"]) == ("refused", None)
    assert "Enable Import is off" in refused["why"]
    assert await runs(district) == []


async def test_the_year_off_is_told_and_makes_no_run(district: District, folder: Folder) -> None:
    folder.put()

    connection = await scheduled(district, folder)
    await turn(district, sync_import_years=[])
    (refused,) = await until(lambda: history(district, connection), "the schedule comes due", seconds=15)

    assert (refused["outcome"], refused["run"]) == ("refused", None)
    assert f"Enable Sync Import for Year {YEAR}" in refused["why"]
    assert await runs(district) == []
    audited = (await district.api.get("/audit")).json()
    assert [one["actor"] for one in audited if not one["allowed"]][:1] == [district.user]


async def test_who_enabled_it_lost_the_permission(district: District, folder: Folder, stack: Stack) -> None:
    folder.put()
    connection = await scheduled(district, folder)
    await turn(district, users={district.user: [], "u-9": ["Sync Service Full Access"]})
    district.api.headers["Authorization"] = f"Bearer {await district.token('u-9')}"

    (refused,) = await until(lambda: history(district, connection), "the schedule comes due", seconds=15)

    assert (refused["outcome"], refused["run"]) == ("refused", None)
    assert "Sync Service Full Access" in refused["why"]
    assert await runs(district) == []


@pytest.mark.parametrize("zone", ["America/Denver", "Europe/Warsaw", "Asia/Kolkata"])
async def test_the_next_three_times(zone: str, district: District, folder: Folder) -> None:
    connection = await district.sftp(**folder.settings)

    plan = {"school_year": YEAR, "time": "02:30", "zone": zone}
    answer = (await district.api.put(f"/connections/{connection}/schedule", json=plan)).raise_for_status().json()

    times = [datetime.fromisoformat(one) for one in answer["next"]]
    local = [one.astimezone(ZoneInfo(zone)) for one in times]
    assert times[0] > datetime.now(UTC)
    assert [one.date() - local[0].date() for one in local] == [timedelta(days=days) for days in range(3)]
    assert {f"{one:%H:%M}" for one in local} <= {"02:30", "03:00"}, "03:00 where the clocks go forward"
    assert (await district.api.delete(f"/connections/{connection}/schedule")).status_code == 204
    assert (await district.api.get(f"/connections/{connection}")).json()["schedule"] is None


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        ({"time": "25:00", "zone": ZONE}, "request.invalid"),
        ({"time": "02:30", "zone": "Mars/Olympus"}, "request.invalid"),
        ({"time": "02:30", "zone": "../../etc/passwd"}, "request.invalid"),
        ({"time": "2:30pm", "zone": ZONE}, "request.invalid"),
    ],
    ids=["hour", "zone", "path", "words"],
)
async def test_a_schedule_that_cannot_be(plan: dict[str, str], code: str, district: District, folder: Folder) -> None:
    connection = await district.sftp(**folder.settings)

    answer = await district.api.put(f"/connections/{connection}/schedule", json={"school_year": YEAR, **plan})

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


async def test_uploads_cannot_be_scheduled(district: District) -> None:
    connection = await district.ad_hoc()

    plan = {"school_year": YEAR, "time": "02:30", "zone": ZONE}
    answer = await district.api.put(f"/connections/{connection}/schedule", json=plan)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "schedule.needs_sftp")


async def _listed(folder: Path) -> bool:
    return folder.is_dir() and bool(list(folder.iterdir()))


async def _gone(file: Path) -> bool:
    return not file.exists()


async def _past(moment: datetime) -> bool:
    return datetime.now(UTC) > moment
