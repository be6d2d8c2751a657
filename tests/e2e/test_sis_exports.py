"""Approved registrations become students of the SIS: each once, with contacts, and Enroll is told."""

from pathlib import Path
from typing import Any

import pytest

from devtools.district import EXPORTER, District
from devtools.stack import Stack
from tests.e2e.sis_exports import POWERSCHOOL, PowerSchoolDistrict, enrolled


@pytest.fixture
async def sis(stack: Stack, unique: str) -> Any:
    async with District(stack, f"o-{unique}", permissions=EXPORTER) as district:
        one = PowerSchoolDistrict(district)
        await one.make()
        yield one


async def statuses(district: District) -> dict[int, tuple[str | None, str | None]]:
    return {one["id"]: (one["sis_export_status"], one["sis_error"]) for one in await district.registrations()}


async def test_registrations_become_students_once(sis: PowerSchoolDistrict, tmp_path: Path) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 60)
    await sis.make(students=20)
    await district.register(students)
    connection = await sis.connect()

    run = await district.watch((await district.export(connection))["id"])

    told = [one["problems"] for one in await district.records(run["id"], limit=3)]
    assert (run["state"], run["counts"]["created"]) == ("succeeded", 40), (run, told)
    held = await sis.held()
    assert sorted(str(one["local_id"]) for one in held) == sorted(students)
    new = [one for one in held if one["id"] > 800_000]
    assert {one["school_enrollment"]["entry_date"] for one in new} == {"2099-08-10"}
    assert {one["school_enrollment"]["enroll_status"] for one in new} == {"A"}
    assert {len(one["contacts"]) for one in new} == {1}
    assert set((await statuses(district)).values()) == {("Succeeded", None)}

    again = await district.watch((await district.export(connection))["id"])
    counts = {name: again["counts"][name] for name in ("created", "updated", "failed", "unchanged")}
    assert counts == {"created": 0, "updated": 0, "failed": 0, "unchanged": 60}
    assert await sis.inserts() == 40


async def test_a_contact_without_a_last_name_is_a_partial_sync_and_only_it_is_sent_later(
    sis: PowerSchoolDistrict, tmp_path: Path
) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 2)
    await district.register(students)
    nameless = [one for one in POWERSCHOOL if one["target"] != "1 - Contacts.LastName"]
    connection = await sis.connect(mapping=nameless)

    run = await district.watch((await district.export(connection))["id"])

    assert (run["state"], run["counts"]["created"], run["counts"]["partial"]) == ("partial", 2, 2)
    (first, _) = await district.records(run["id"], outcome="Partial Sync")
    assert first["problems"][0]["code"] == "contact.no_last_name"
    told = await statuses(district)
    assert {one[0] for one in told.values()} == {"Partial Sync"}
    assert all("last name" in str(one[1]) for one in told.values())

    await sis.map(connection, POWERSCHOOL)
    mended = await district.watch((await district.export(connection))["id"])
    assert (mended["state"], mended["counts"]["updated"]) == ("succeeded", 2)
    for one in await district.records(mended["id"]):
        assert one["changes"]
        assert all("Contacts" in name for name in one["changes"])
    assert await sis.inserts() == 2
    assert {len(one["contacts"]) for one in await sis.held()} == {1}
    assert set((await statuses(district)).values()) == {("Succeeded", None)}


async def test_one_student_one_school_only_pending_and_a_test_record(sis: PowerSchoolDistrict, tmp_path: Path) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 8)
    await district.register(students[:4], school_code="100")
    await district.register(students[4:], school_code="101")
    connection = await sis.connect()

    async def sent(**query: Any) -> set[str]:
        before = {str(one["local_id"]) for one in await sis.held()}
        run = await district.watch((await district.export(connection, **query))["id"])
        assert run["state"] == "succeeded", run
        return {str(one["local_id"]) for one in await sis.held()} - before

    assert len(await sent(test=True)) == 1
    assert await sent(student=students[5]) == {students[5]}
    assert len(await sent(school="100")) == 3
    assert await sent(pending=True) == {students[4], *students[6:]}
    refused = await district.api.post(
        f"/connections/{await district.ad_hoc('Files')}/exports/students", params={"school_year": 2026, "test": True}
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "export.whole_files")


async def test_what_the_sis_refuses_fails_alone_and_says_why(sis: PowerSchoolDistrict, tmp_path: Path) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 4)
    await district.register(students[:2])
    await district.register(students[2:3], school_code="777")
    connection = await sis.connect()

    run = await district.watch((await district.export(connection))["id"])

    assert (run["state"], run["counts"]["created"], run["counts"]["failed"]) == ("partial", 2, 1)
    (failed,) = await district.records(run["id"], outcome="Failed")
    (problem,) = failed["problems"]
    assert (problem["code"], problem["field"]) == ("sis.record_refused", "school_enrollment.school_number")
    told = await statuses(district)
    assert sorted(str(one[0]) for one in told.values()) == ["Failed", "Succeeded", "Succeeded"]
    assert any("no school" in str(one[1]) for one in told.values())


async def test_a_preview_shows_who_is_new_and_who_is_there_already(sis: PowerSchoolDistrict, tmp_path: Path) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 6)
    await sis.make(students=3)
    await district.register(students)
    connection = await sis.connect()

    run = (await district.export(connection, preview=True))["id"]
    waits = await district.watch(run, states=frozenset({"needs_approval"}))

    counts = waits["counts"]
    assert (counts["create"], counts["update"] + counts["unchanged"]) == (3, 3)
    assert counts["update"] > 0
    assert await sis.inserts() == 0
    planned = await district.records(run, outcome="Pending")
    assert {one["action"] for one in planned} == {"create", "update"}
    (await district.api.post(f"/runs/{run}/approve")).raise_for_status()
    assert (await district.watch(run))["state"] == "succeeded"
    assert len(await sis.held()) == 6
