"""A connection of Enroll's sandbox has nothing to do with its production, in either direction."""

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from devtools.district import ENDED, EXPORTER, YEAR, District, ok
from devtools.parts import LocalParts
from devtools.sis_districts import PowerSchoolDistrict
from devtools.stack import Stack
from services.sandbox.district import student_export, student_mapping
from tests.e2e.broker import APPROVED, Tap, approved
from tests.e2e.enroll import students, turn
from tests.e2e.files import read, roster
from tests.e2e.waiting import until

ROWS = 20
SANDBOX: dict[str, Any] = {"instance": "sandbox"}
WAITS = frozenset({"needs_approval"})


async def reached(district: District) -> list[str]:
    """What was asked of this Enroll about the organization since `listen`, but for who may do what."""
    calls = ok(await district.enroll.get("/sandbox/calls")).json()
    about = [f"{one['method']} {one['url']}" for one in calls if f"/organizations/{district.org}/" in one["url"]]
    return [one for one in about if not one.startswith("GET") or not one.endswith("/permissions")]


async def listen(*districts: District) -> None:
    for district in districts:
        ok(await district.enroll.delete("/sandbox/calls"))


async def allow(district: District, connection: str, into: str | None = None) -> None:
    """Say that its exports are meant; `into` nowhere: that they are not any more."""
    if into is None:
        held = ok(await district.api.get(f"/connections/{connection}")).json()
        into = held["powerschool"]["base_url"]
    ok(await district.api.put(f"/connections/{connection}/sandbox-exports", json={"into": into}))


@contextlib.asynccontextmanager
async def resting(stack: Stack) -> AsyncIterator[None]:
    """Meanwhile nothing is exported; what was asked for is done afterwards."""
    assert await stack.stop("exporter") == 0
    try:
        yield
    finally:
        await stack.start("exporter")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return roster(tmp_path / "district.csv", ROWS)


async def test_an_import_goes_to_the_sandbox_alone(district: District, rehearsal: District, file: Path) -> None:
    await turn(district, sync_import_years=[], registration_module=False)
    connection = await district.ad_hoc(**SANDBOX)
    await listen(district, rehearsal)

    run = await district.watch((await district.upload(connection, file, preview="true"))["id"], states=WAITS)
    assert ok(await district.api.post(f"/runs/{run['id']}/approve")).status_code == 202
    run = await district.watch(run["id"])

    assert (run["state"], run["counts"]["created"]) == ("succeeded", ROWS)
    assert len(await students(rehearsal)) == ROWS
    assert await students(district) == {}
    assert await reached(district) == []
    assert any("batch-upsert" in one for one in await reached(rehearsal))


async def test_an_import_goes_to_production_alone(district: District, rehearsal: District, file: Path) -> None:
    await turn(rehearsal, sync_import_years=[])
    connection = await district.ad_hoc()
    await listen(rehearsal)

    run = await district.watch((await district.upload(connection, file))["id"])

    assert (run["state"], run["counts"]["created"]) == ("succeeded", ROWS)
    assert await students(rehearsal) == {}
    assert await reached(rehearsal) == []


async def test_the_years_are_those_of_the_sandbox(district: District, rehearsal: District, file: Path) -> None:
    await turn(rehearsal, sync_import_years=[YEAR + 1])
    connection = await district.ad_hoc(**SANDBOX)

    with pytest.raises(httpx.HTTPStatusError, match="is off in Enroll's sandbox"):
        await district.upload(connection, file)

    run = await district.watch((await district.upload(connection, file, school_year=YEAR + 1))["id"])
    assert run["state"] == "succeeded"


async def both_registered(district: District, rehearsal: District, file: Path) -> tuple[list[str], list[str]]:
    """Half of the roster has approved registrations in production, the other half in the sandbox; by district id."""
    users = {district.user: list(EXPORTER)}
    await turn(district, users=users)
    ids = [one["Student ID"] for one in read(file)]
    halves = ids[: ROWS // 2], ids[ROWS // 2 :]
    for one, name, half in ((district, "production", halves[0]), (rehearsal, "sandbox", halves[1])):
        uploads = await district.ad_hoc(f"Roster of {name}", instance=name)
        await district.watch((await district.upload(uploads, file))["id"])
        await one.register(half)
    return halves


async def test_an_export_into_a_sis_reads_the_sandbox_and_tells_the_sandbox(
    district: District, rehearsal: District, file: Path, tap: Tap
) -> None:
    _, registered = await both_registered(district, rehearsal, file)
    sis = PowerSchoolDistrict(district)
    await sis.make()
    connection = await sis.connect(**SANDBOX)
    await turn(district, registration_module=False)
    await listen(district)
    await allow(district, connection)

    run = await district.watch((await district.export(connection))["id"])

    assert (run["state"], run["counts"]["created"]) == ("succeeded", len(registered))
    assert sorted(one["student_id"] for one in await sis.people()) == sorted(registered)
    assert {one["sis_export_status"] for one in await rehearsal.registrations()} == {"Succeeded"}
    assert {one["sis_export_status"] for one in await district.registrations()} == {None}
    assert await reached(district) == []
    assert [key for key, _ in await tap.heard(run["id"]) if key == "sync.run.ended.v1"] == []


async def refused(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["error"]["code"]) == (422, "sandbox.exports_not_allowed")


async def test_nothing_is_exported_from_the_sandbox_before_somebody_has_said_that_it_is_meant(
    district: District, rehearsal: District, file: Path
) -> None:
    await both_registered(district, rehearsal, file)
    sis = PowerSchoolDistrict(district)
    await sis.make()
    connection = await sis.connect(**SANDBOX)
    at, exports = f"/connections/{connection}", f"/connections/{connection}/exports/students"
    daily = {"direction": "export", "school_year": YEAR, "time": "02:00", "zone": "America/Denver"}
    waits = await district.watch((await district.export(connection, preview="true"))["id"], states=WAITS)

    assert await refused(await district.api.post(exports, params={"school_year": YEAR}))
    assert await refused(await district.api.post(exports, params={"school_year": YEAR, "test": "true"}))
    assert await refused(await district.api.post(f"/runs/{waits['id']}/approve"))
    assert await refused(await district.api.patch(at, json={"enable_export": True}))
    assert await refused(await district.api.put(f"{at}/schedule", json=daily))
    assert (await district.run(waits["id"]))["state"] == "needs_approval"
    assert await sis.people() == []

    elsewhere = await district.api.put(f"{at}/sandbox-exports", json={"into": "https://ps.example.org"})
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (422, "sandbox.other_place")
    await allow(district, connection)
    ok(await district.api.patch(at, json={"enable_export": True}))
    ok(await district.api.put(f"{at}/schedule", json=daily))
    moved = {"powerschool": {"base_url": f"{sis.url}-2", "per_second": 0}}
    ok(await district.api.patch(at, json=moved))
    assert await refused(await district.api.post(f"/runs/{waits['id']}/approve"))
    assert await sis.people() == []
    audited = [one["subject"] for one in ok(await district.api.get("/audit")).json()]
    assert f"exports from the sandbox of {connection} into {sis.url}" in audited


async def test_a_preview_with_nothing_to_write_needs_nobodys_word(
    district: District, rehearsal: District, file: Path
) -> None:
    """It asks nobody and ends, though its exports are not meant any more."""
    await both_registered(district, rehearsal, file)
    sis = PowerSchoolDistrict(district)
    await sis.make()
    connection = await sis.connect(**SANDBOX)
    await allow(district, connection)
    assert (await district.watch((await district.export(connection))["id"]))["state"] == "succeeded"
    await allow(district, connection, into="")

    run = await district.watch(
        (await district.export(connection, preview=True, afresh=True))["id"], states=ENDED | WAITS
    )
    assert (run["state"], run["error"], run["counts"]["updated"]) == ("succeeded", None, 0)


async def decided(district: District, connection: str, how: str, stack: Stack) -> dict[str, Any]:
    """A run that was approved or asked for while its exports were meant, and is over now that they are not."""
    if how == "approved":
        run = await district.watch((await district.export(connection, preview="true"))["id"], states=WAITS)
    async with resting(stack):
        if how == "approved":
            assert ok(await district.api.post(f"/runs/{run['id']}/approve")).status_code == 202
        else:
            run = await district.export(connection)
        await allow(district, connection, into="")
    return await district.watch(run["id"])


def told(run: dict[str, Any]) -> tuple[str, str]:
    return run["state"], run["error"]["code"]


@pytest.mark.parametrize("how", ["approved", "queued"])
async def test_what_is_not_meant_any_more_writes_nothing_into_the_sis(
    how: str, district: District, rehearsal: District, file: Path, stack: Stack
) -> None:
    await both_registered(district, rehearsal, file)
    sis = PowerSchoolDistrict(district)
    await sis.make()
    connection = await sis.connect(**SANDBOX)
    await allow(district, connection)

    run = await decided(district, connection, how, stack)

    assert told(run) == ("failed", "sandbox.exports_not_allowed")
    assert "nobody has said that this is meant" in run["error"]["message"]
    assert run["counts"]["created"] == 0
    assert await sis.people() == []
    assert "Succeeded" not in {one["sis_export_status"] for one in await rehearsal.registrations()}


@pytest.mark.parametrize("how", ["approved", "queued"])
async def test_what_is_not_meant_any_more_is_not_delivered_by_sftp(
    how: str, district: District, rehearsal: District, file: Path, stack: Stack
) -> None:
    await both_registered(district, rehearsal, file)
    place, folder = stack.sftp, stack.sftp.folder / district.org
    folder.mkdir()
    connection = await district.sftp(export_folder=district.org, **SANDBOX)
    await district.map_export(connection, student_export())
    await allow(district, connection, f"sftp://{place.user}@{place.host}:{place.port}/{district.org}")

    run = await decided(district, connection, how, stack)

    assert told(run) == ("failed", "sandbox.exports_not_allowed")
    assert list(folder.iterdir()) == []
    assert "Succeeded" not in {one["sis_export_status"] for one in await rehearsal.registrations()}


async def test_an_export_into_files_and_its_preview_read_the_sandbox(
    district: District, rehearsal: District, file: Path
) -> None:
    of_production, registered = await both_registered(district, rehearsal, file)
    connection = await district.ad_hoc("Files", **SANDBOX)
    await district.map_export(connection, student_export())
    await listen(district)

    run = await district.watch((await district.export(connection))["id"])
    content = (await district.download(run["id"])).text
    asked = {"mapping": {"files": [student_export()]}, "school_year": YEAR}
    asked["students"] = [of_production[0], registered[0]]
    shown = ok(await district.api.post(f"/connections/{connection}/exports/students/mappings/preview", json=asked))

    assert all(id in content for id in registered)
    assert not [id for id in of_production if id in content]
    assert (shown.json()["students"], shown.json()["unknown"]) == ([registered[0]], [of_production[0]])
    assert {one["sis_export_status"] for one in await rehearsal.registrations()} == {"Succeeded"}
    assert {one["sis_export_status"] for one in await district.registrations()} == {None}
    assert await reached(district) == []


async def test_an_approval_in_production_starts_nothing_on_a_sandbox_connection(
    district: District, rehearsal: District, file: Path, tap: Tap
) -> None:
    await both_registered(district, rehearsal, file)
    sis = PowerSchoolDistrict(district)
    await sis.make()
    connections = {name: await sis.connect(name=f"SIS of {name}", instance=name) for name in ("production", "sandbox")}
    await allow(district, connections["sandbox"])
    for id in connections.values():
        ok(await district.api.patch(f"/connections/{id}", json={"enable_export": True}))
    (registration, *_) = await district.registrations()

    await tap.enroll_says(approved(district, registration["id"]), type=APPROVED)

    async def made() -> list[dict[str, Any]]:
        return [one for one in ok(await district.api.get("/runs")).json() if one["direction"] == "export"]

    (run,) = await until(made, "the production connection exports")
    assert run["connection"] == connections["production"]
    await district.watch(run["id"])
    assert len(await made()) == 1


async def test_a_request_of_production_for_a_sandbox_connection_is_refused_and_audited(
    district: District, rehearsal: District, tap: Tap
) -> None:
    await turn(district, users={district.user: list(EXPORTER)})
    sis = PowerSchoolDistrict(district)
    await sis.make(students=3)
    connection = await sis.connect(**SANDBOX)
    await district.map_students(connection)
    body = json.dumps(
        {
            "specversion": "1.0",
            "id": str(uuid4()),
            "source": "/enroll",
            "type": "enroll.sync.requested.v1",
            "data": {"organization": district.org, "user": district.user, "connection": connection}
            | {"data_type": "students", "school_year": YEAR},
        }
    )

    await tap.enroll_says(body.encode())

    async def audited() -> list[dict[str, Any]]:
        return [one for one in ok(await district.api.get("/audit")).json() if not one["allowed"]]

    (told,) = await until(audited, "the refusal is audited")
    assert (told["subject"], told["actor"]) == (connection, district.user)
    assert "sandbox" in told["why"]
    assert ok(await district.api.get("/runs")).json() == []


async def test_field_codes_and_what_a_mapping_may_hold_are_those_of_the_sandbox(
    district: District, rehearsal: District
) -> None:
    connection = await district.ad_hoc(**SANDBOX)
    await listen(district)
    await district.map_students(connection, student_mapping())
    assert ok(await district.api.get("/field-codes", params=SANDBOX)).json()["grades"]
    assert await reached(district) == []


async def test_the_instance_is_chosen_once(district: District, rehearsal: District) -> None:
    connection = await district.ad_hoc(**SANDBOX)

    answer = await district.api.patch(f"/connections/{connection}", json={"instance": "production"})

    assert answer.status_code == 422
    assert ok(await district.api.get(f"/connections/{connection}")).json()["instance"] == "sandbox"


async def test_without_a_sandbox_there_is_no_connection_of_it(parts: LocalParts) -> None:
    async with (
        Stack(parts.addresses, services=("sandbox", "gateway")) as stack,
        District(stack, "o-1") as district,
    ):
        answer = await district.api.post("/connections", json={"name": "Try", "kind": "ad_hoc", **SANDBOX})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "enroll.no_sandbox")
        assert ok(await district.api.get("/connections")).json() == []
