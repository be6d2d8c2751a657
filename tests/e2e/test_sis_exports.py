"""Approved registrations become students of the SIS: each once, with contacts, and Enroll is told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devtools.district import ENDED, EXPORTER, District, ok
from devtools.sis_districts import SISS, PowerSchoolDistrict, SisDistrict, enrolled
from devtools.stack import Stack
from tests.e2e.broker import APPROVED, Tap, approved
from tests.e2e.enroll import Faults, moved, turn
from tests.e2e.waiting import until


@pytest.fixture(params=sorted(SISS))
async def sis(request: pytest.FixtureRequest, stack: Stack, unique: str) -> AsyncIterator[SisDistrict]:
    async with District(stack, f"o-{unique}", permissions=EXPORTER) as district:
        one = SISS[request.param](district)
        await one.make()
        yield one


async def statuses(district: District) -> dict[int, tuple[str | None, str | None]]:
    return {one["id"]: (one["sis_export_status"], one["sis_error"]) for one in await district.registrations()}


async def test_registrations_become_students_once(sis: SisDistrict, tmp_path: Path) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 60)
    await sis.make(students=20)
    await district.register(students)
    connection = await sis.connect()

    run = await district.watch((await district.export(connection))["id"])

    told = [one["problems"] for one in await district.records(run["id"], limit=3)]
    assert (run["state"], run["counts"]["created"]) == ("succeeded", 40), (run, told)
    held = await sis.people()
    assert sorted(one["student_id"] for one in held) == sorted(students)
    new = [one for one in held if one["entered"] == "2099-08-10"]
    assert (len(new), {one["status"] for one in new}, {one["contacts"] for one in new}) == (40, {sis.active}, {1})
    assert set((await statuses(district)).values()) == {("Succeeded", None)}

    again = await district.watch((await district.export(connection))["id"])
    counts = {name: again["counts"][name] for name in ("created", "updated", "failed", "unchanged")}
    assert counts == {"created": 0, "updated": 0, "failed": 0, "unchanged": 60}
    assert len(await sis.people()) == 60


async def test_who_is_gone_from_the_sis_is_sent_again_to_whoever_asks(sis: SisDistrict, tmp_path: Path) -> None:
    """Nothing has changed in Enroll: by themselves, as a test record, or among all that are looked at anew."""
    district = sis.district
    (student,) = await enrolled(district, tmp_path, 1)
    await district.register([student])
    connection = await sis.connect()

    async def exported(**options: Any) -> tuple[str, int, int]:
        run = await district.watch((await district.export(connection, **options))["id"])
        return run["state"], run["counts"]["created"], run["counts"]["unchanged"]

    assert await exported() == ("succeeded", 1, 0)
    for asked in ({"student": student}, {"student": student, "test": True}, {"afresh": True}):
        await sis.make()
        assert await exported() == ("succeeded", 0, 1)
        assert await exported(**asked) == ("succeeded", 1, 0)
        assert await exported(**asked) == ("succeeded", 0, 1)
        assert [one["student_id"] for one in await sis.people()] == [student]


async def test_a_contact_without_a_last_name_is_a_partial_sync_and_only_it_is_sent_later(
    sis: SisDistrict, tmp_path: Path
) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 2)
    await district.register(students)
    nameless = [one for one in sis.mapping if one["target"] != "1 - Contacts.LastName"]
    connection = await sis.connect(mapping=nameless)

    run = await district.watch((await district.export(connection))["id"])

    assert (run["state"], run["counts"]["created"], run["counts"]["partial"]) == ("partial", 2, 2)
    (first, _) = await district.records(run["id"], outcome="Partial Sync")
    assert first["problems"][0]["code"] == "contact.no_last_name"
    assert first["problems"][0]["value"], "the contact that is meant"
    assert first["label"].rpartition(", ")[2] in students
    assert first["target_id"]
    told = await statuses(district)
    assert {one[0] for one in told.values()} == {"Partial Sync"}
    assert all("last name" in str(one[1]) for one in told.values())
    assert not any("Contacts" in name for name in first["changes"]), "what was not sent"

    preview = await district.watch((await district.export(connection, preview=True))["id"])
    assert (preview["state"], preview["counts"]["tell"]) == ("partial", 0), "Enroll shows that already: nobody is asked"
    again = await district.watch((await district.export(connection))["id"])
    counts = {name: again["counts"][name] for name in ("update", "updated", "unchanged", "partial", "failed")}
    assert counts == {"update": 0, "updated": 0, "unchanged": 2, "partial": 2, "failed": 0}, "there is nothing to send"
    (told_again, _) = await district.records(again["id"], outcome="Partial Sync")
    assert (told_again["changes"], told_again["problems"][0]["code"]) == ({}, "contact.no_last_name")
    assert told_again["action"] == "adopt"

    await sis.map(connection, sis.mapping)
    mended = await district.watch((await district.export(connection))["id"])
    assert (mended["state"], mended["counts"]["updated"]) == ("succeeded", 2)
    for one in await district.records(mended["id"]):
        assert one["changes"]
        assert all("Contacts" in name for name in one["changes"])
    assert [one["contacts"] for one in await sis.people()] == [1, 1]
    assert set((await statuses(district)).values()) == {("Succeeded", None)}


async def test_one_student_one_school_only_pending_and_a_test_record(sis: SisDistrict, tmp_path: Path) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 8)
    await district.register(students[:4], school_code="100")
    await district.register(students[4:], school_code="101")
    await district.open_schools(_100="Mesa Elementary", _101="Alder High")
    connection = await sis.connect()

    async def sent(**query: Any) -> set[str]:
        before = {one["student_id"] for one in await sis.people()}
        run = await district.watch((await district.export(connection, **query))["id"])
        assert run["state"] == "succeeded", run
        return {one["student_id"] for one in await sis.people()} - before

    assert len(await sent(test=True)) == 1
    assert await sent(student=students[5]) == {students[5]}
    assert len(await sent(school="100")) == 3
    assert await sent(pending=True) == {students[4], *students[6:]}
    refused = await district.api.post(
        f"/connections/{await district.ad_hoc('Files')}/exports/students", params={"school_year": 2026, "test": True}
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "export.whole_files")


async def test_what_the_sis_refuses_fails_alone_and_says_why(sis: SisDistrict, tmp_path: Path) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 4)
    await district.register(students[:2])
    await district.register(students[2:3], school_code="777")
    connection = await sis.connect()

    run = await district.watch((await district.export(connection))["id"])

    assert (run["state"], run["counts"]["created"], run["counts"]["failed"]) == ("partial", 2, 1)
    (failed,) = await district.records(run["id"], outcome="Failed")
    (problem,) = failed["problems"]
    assert (problem["code"], problem["field"]) == ("sis.record_refused", sis.school_field)
    told = await statuses(district)
    assert sorted(str(one[0]) for one in told.values()) == ["Failed", "Succeeded", "Succeeded"]
    assert any("school" in str(one[1]).casefold() for one in told.values())


async def test_what_changed_while_a_mapping_failed_is_sent_once_it_is_mended(sis: SisDistrict, tmp_path: Path) -> None:
    """Enroll shows all as Failed then, among them those of whom nothing changed: they are told to be exported again."""
    district = sis.district
    students = await enrolled(district, tmp_path, 3)
    await district.register(students)
    connection = await sis.connect()
    assert (await district.watch((await district.export(connection))["id"]))["state"] == "succeeded"
    await sis.map(connection, undated(sis.mapping))
    failed = await district.watch((await district.export(connection))["id"])
    assert (failed["counts"]["invalid"], failed["state"]) == (3, "failed")
    assert {one[0] for one in (await statuses(district)).values()} == {"Failed"}
    await sis.map(connection, sis.mapping)
    await moved(district, tmp_path / "students.csv", students[0])

    mended = await district.watch((await district.export(connection, pending=True))["id"])

    counts = {name: mended["counts"][name] for name in ("rows", "updated", "unchanged", "failed")}
    assert counts == {"rows": 3, "updated": 1, "unchanged": 2, "failed": 0}
    (sent,) = await district.records(mended["id"], action="update")
    assert "9 Moved Away Lane" in {str(values[1]) for values in sent["changes"].values()}
    assert set((await statuses(district)).values()) == {("Succeeded", None)}
    nobody = await district.watch((await district.export(connection, pending=True))["id"])
    assert (nobody["state"], nobody["counts"]["rows"]) == ("succeeded", 0)


def undated(mapping: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mapping, with a birth date that is none."""
    return [row | {"source": "students.fname"} if row["source"] == "students.dob" else row for row in mapping]


async def test_what_is_suggested_is_sent_and_what_the_sis_refuses_is_told_of_before(
    sis: SisDistrict, tmp_path: Path
) -> None:
    """Emergency contacts of this district have no phone: PowerSchool would refuse each of the students for it."""
    district = sis.district
    students = await enrolled(district, tmp_path, 3)
    await district.register(students)
    connection = await sis.connect()
    path = f"/connections/{connection}/exports/students/mappings/propose"

    async def exported(body: dict[str, Any] | None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        found = [one["row"] for one in ok(await district.api.post(path, json=body)).json()]
        if sis.kind == "skyward":  # whose grades are codes of its own
            found += [one for one in sis.mapping if one["target"] == "Enrollment.Grade"]
        await sis.map(connection, found)
        run = (await district.export(connection, preview=True))["id"]
        waits = await district.watch(run, states=frozenset({"needs_approval"}))
        assert (waits["counts"]["create"], waits["counts"]["invalid"]) == (3, 0)
        planned = await district.records(run, outcome="Pending")
        return waits, [problem for one in planned for problem in one["problems"]]

    is_told = sis.kind == "powerschool"
    waits, told = await exported(None)
    assert {one["code"] for one in told} == ({"value.part_blank"} if is_told else set())
    assert all("Blank or not mapped: Emergency 2 Phone" in one["message"] for one in told)
    causes = ok(await district.api.get(f"/runs/{waits['id']}/causes")).json()
    assert [(one["code"], one["count"]) for one in causes] == ([("value.part_blank", 3)] if is_told else [])
    for about in ({"code": "value.part_blank"}, {"field": told[0]["field"]} if told else {"field": "none"}):
        assert len(await district.records(waits["id"], **about)) == len(told), "to which the page of the run leads"
    ok(await district.api.post(f"/runs/{waits['id']}/reject", json={}))

    waits, told = await exported({"school_year": 2026, "students": students[:2]})
    assert told == []
    ok(await district.api.post(f"/runs/{waits['id']}/approve"))
    run = await district.watch(waits["id"])
    assert (run["state"], run["counts"]["created"]) == ("succeeded", 3), await district.records(run["id"], limit=3)
    mapped = ok(await district.api.get(f"/connections/{connection}/exports/students/mappings")).json()[0]["fields"]
    names = [one["target"] for one in mapped]
    more = {"school_year": 2026, "mapped": names}
    assert not {one["target"] for one in ok(await district.api.post(path, json=more)).json()} & set(names)


async def test_a_part_of_what_goes_together_is_refused_at_save(stack: Stack, unique: str) -> None:
    async with District(stack, f"o-{unique}", permissions=EXPORTER) as district:
        connection = await PowerSchoolDistrict(district).connect()
        path = f"/connections/{connection}/exports/students/mappings"
        half = [one for one in PowerSchoolDistrict.mapping if one["target"] != "addresses.physical.city"]
        answer = await district.api.put(path, json={"fields": half})
        assert answer.status_code == 422
        assert "Home City is not mapped, and goes together with Home Street" in answer.json()["error"]["message"]
        draft = {"mapping": {"fields": half}, "school_year": 2026}
        shown = ok(await district.api.post(path + "/preview", json=draft)).json()["fields"]["problems"]
        assert [(one["code"], one["target"]) for one in shown] == [("mapping.part_unmapped", "addresses.physical.city")]


async def test_a_preview_shows_who_is_new_and_who_is_there_already(sis: SisDistrict, tmp_path: Path) -> None:
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
    assert len(await sis.people()) == 3
    planned = await district.records(run, outcome="Pending")
    assert {one["action"] for one in planned} == {"create", "update"}
    (await district.api.post(f"/runs/{run}/approve")).raise_for_status()
    assert (await district.watch(run))["state"] == "succeeded"
    assert len(await sis.people()) == 6


async def test_an_approved_registration_leaves_a_preview_that_waits_and_is_left_out_of_it(
    sis: SisDistrict, tmp_path: Path, tap: Tap
) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 4)
    registrations = await district.register(students)
    connection = await sis.connect()
    preview = (await district.export(connection, preview=True))["id"]
    await district.watch(preview, states=frozenset({"needs_approval"}))
    (await district.api.patch(f"/connections/{connection}", json={"enable_export": True})).raise_for_status()

    await tap.enroll_says(approved(district, registrations[0]), APPROVED)
    assert (await latest(district, connection, count=2))["counts"]["created"] == 1
    assert (await district.run(preview))["state"] == "needs_approval"
    (await district.api.post(f"/runs/{preview}/approve")).raise_for_status()
    run = await district.watch(preview)

    counts = {name: run["counts"][name] for name in ("create", "created", "updated", "overtaken", "failed")}
    assert (run["state"], counts) == (
        "succeeded",
        {"create": 4, "created": 3, "updated": 0, "overtaken": 1, "failed": 0},
    )
    assert sorted(one["student_id"] for one in await sis.people()) == sorted(students)
    assert set((await statuses(district)).values()) == {("Succeeded", None)}


async def test_a_preview_of_what_is_pending_where_nothing_is_asks_nobody(sis: SisDistrict, tmp_path: Path) -> None:
    district = sis.district
    await district.register(await enrolled(district, tmp_path, 1))
    connection = await sis.connect()
    assert (await district.watch((await district.export(connection))["id"]))["state"] == "succeeded"

    run = await district.watch((await district.export(connection, pending=True, preview=True))["id"])

    assert (run["state"], run["counts"]["rows"]) == ("succeeded", 0)


async def test_an_approved_registration_is_exported_at_once_where_the_export_is_on(
    sis: SisDistrict, tmp_path: Path, tap: Tap
) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 12)
    registrations = await district.register(students)
    connection = await sis.connect(schools=["100"])
    await tap.enroll_says(approved(district, registrations[0]), APPROVED)  # before the export is on
    await tap.all_handled(APPROVED)
    (await district.api.patch(f"/connections/{connection}", json={"enable_export": True})).raise_for_status()
    await tap.enroll_says(approved(district, registrations[1], school_code="999"), APPROVED)  # not its school
    for one in registrations[2:]:
        await tap.enroll_says(approved(district, one), APPROVED)

    async def there() -> bool:
        return {one["student_id"] for one in await sis.people()} >= set(students[2:])

    await until(there, "the students are in the SIS")
    runs = (await district.api.get("/runs", params={"connection": connection})).json()
    assert {(one["trigger"]["kind"], one["trigger"]["by"]) for one in runs} == {("event", district.user)}
    for one in runs:
        assert (await district.watch(one["id"]))["state"] == "succeeded"
    assert sorted(one["student_id"] for one in await sis.people()) == sorted(students[2:])
    told = [one["sis_export_status"] for one in await district.registrations()]
    assert told == [None, None, *["Succeeded"] * 10]


async def test_an_approval_is_exported_once_however_often_it_comes_and_by_whichever_way(
    sis: SisDistrict, tmp_path: Path, tap: Tap
) -> None:
    """An older release bound the gateway's queue to approvals: what is left in it is passed on."""
    district = sis.district
    connection, registration, student = await exporting(sis, tmp_path)
    sent = approved(district, registration)
    await tap.left_over(sent)
    run = await latest(district, connection)
    assert (run["state"], run["counts"]["created"], run["trigger"]["id"]) == ("succeeded", 1, sent["id"])

    await tap.enroll_says(sent, APPROVED)
    await tap.enroll_says(approved(district, registration), APPROVED)  # a mark to wait for
    again = await latest(district, connection, count=2)
    assert (again["state"], again["counts"]["unchanged"]) == ("succeeded", 1)
    assert len((await district.api.get("/runs", params={"connection": connection})).json()) == 2
    assert [one["student_id"] for one in await sis.people()] == [student]


async def test_an_approval_is_refused_where_who_enabled_the_export_may_no_longer(
    sis: SisDistrict, tmp_path: Path, tap: Tap
) -> None:
    district = sis.district
    students = await enrolled(district, tmp_path, 1)
    (registration,) = await district.register(students)
    connection = await sis.connect()
    (await district.api.patch(f"/connections/{connection}", json={"enable_export": True})).raise_for_status()
    await turn(district, users={district.user: ["Sync Service Full Access"]})
    await tap.enroll_says(approved(district, registration), APPROVED)

    async def refused() -> Any:
        found = (await district.api.get("/audit", params={"limit": 200})).raise_for_status().json()
        return [one for one in found if not one["allowed"] and one["deed"] == "export"]

    assert await until(refused, "the refusal is audited")
    assert await sis.people() == []


async def exporting(sis: SisDistrict, folder: Path, **more: Any) -> tuple[str, int, str]:
    """A connection whose export is on, a registration, and its student."""
    (student,) = await enrolled(sis.district, folder, 1)
    (registration,) = await sis.district.register([student])
    connection = await sis.connect(**more)
    (await sis.district.api.patch(f"/connections/{connection}", json={"enable_export": True})).raise_for_status()
    return connection, registration, student


async def latest(district: District, connection: str, states: frozenset[str] = ENDED, count: int = 1) -> dict[str, Any]:
    """The newest of `count` runs, once it is in one of these states."""

    async def there() -> bool:
        return len((await district.api.get("/runs", params={"connection": connection})).json()) >= count

    await until(there, "the run is there")
    newest = (await district.api.get("/runs", params={"connection": connection})).json()[0]
    return await district.watch(newest["id"], states=states)


async def test_an_approval_that_is_cut_off_once_the_student_is_made_tells_of_it_as_its_own(
    sis: SisDistrict, tmp_path: Path, tap: Tap, faults: Faults
) -> None:
    district = sis.district
    connection, registration, student = await exporting(sis, tmp_path)
    await faults({"path": f"/organizations/{district.org}/registrations:report", "status": 503, "times": 6})
    await tap.enroll_says(approved(district, registration), APPROVED)
    run = await latest(district, connection)
    assert (run["state"], run["counts"]["created"]) == ("succeeded", 1)
    (record,) = await district.records(run["id"])
    assert (record["action"], record["outcome"], record["key"]) == ("create", "Succeeded", str(registration))
    assert [one["student_id"] for one in await sis.people()] == [student]
    assert set((await statuses(district)).values()) == {("Succeeded", None)}


async def test_an_approval_that_cannot_be_made_is_told_to_enroll_and_hurts_no_other(
    sis: SisDistrict, tmp_path: Path, tap: Tap
) -> None:
    district = sis.district
    last = next(one["target"] for one in sis.mapping if one["target"].endswith(("LastName", "last_name")))
    nameless = [one for one in sis.mapping if one["target"] != last]
    connection, registration, student = await exporting(sis, tmp_path, mapping=nameless)
    await tap.enroll_says(approved(district, registration), APPROVED)
    failed = await latest(district, connection)
    assert (failed["state"], failed["counts"]["invalid"]) == ("failed", 1)
    ((status, why),) = (await statuses(district)).values()
    assert (status, bool(why)) == ("Failed", True)
    await sis.map(connection, sis.mapping)
    await tap.enroll_says(approved(district, registration), APPROVED)
    run = await latest(district, connection, count=2)
    assert (run["state"], run["counts"]["created"]) == ("succeeded", 1)
    assert [one["student_id"] for one in await sis.people()] == [student]


async def test_an_approval_past_the_limits_waits_for_a_person(sis: SisDistrict, tmp_path: Path, tap: Tap) -> None:
    district = sis.district
    limits = {"few": 0, "changed_percent": 0}
    connection, registration, _ = await exporting(sis, tmp_path, limits=limits)
    await tap.enroll_says(approved(district, registration), APPROVED)
    assert (await latest(district, connection))["state"] == "succeeded"
    changed = [{**one, "source": {"value": "Elm"}} if one["source"] == "students.fname" else one for one in sis.mapping]
    await sis.map(connection, changed)
    await tap.enroll_says(approved(district, registration), APPROVED)
    waits = await latest(district, connection, frozenset({"needs_approval"}), count=2)
    assert [one["code"] for one in waits["reasons"]] == ["guard.too_many_changed"]
    (await district.api.post(f"/runs/{waits['id']}/approve")).raise_for_status()
    run = await district.watch(waits["id"])
    assert (run["state"], run["counts"]["updated"]) == ("succeeded", 1)
