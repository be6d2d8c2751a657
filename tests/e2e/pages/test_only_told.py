"""A preview of an export asks only where approving would do something, and says what: telling Enroll may be all."""

from pathlib import Path

from devtools.district import ENDED, EXPORTER, District, ok
from devtools.sis_districts import PowerSchoolDistrict, enrolled
from devtools.stack import Stack
from tests.e2e.pages.visitor import Visitor, words

DECIDED = ENDED | {"needs_approval"}
NOTHING = "Nothing would be written, so there was nothing to approve."


async def shows(district: District, ids: list[int], status: str) -> None:
    """What the simulated Enroll shows of how they were exported."""
    path = f"/api/v1/organizations/{district.org}/registrations:report"
    results = [{"id": str(one), "status": status, "error": "by hand"} for one in ids]
    headers = {"Authorization": f"Bearer {district.stack.enroll_token}"}
    ok(await district.enroll.post(path, json={"results": results}, headers=headers))


async def test_a_preview_asks_only_where_enroll_is_still_to_be_told(stack: Stack, org: str, tmp_path: Path) -> None:
    async with District(stack, org, permissions=EXPORTER) as district, Visitor(district) as visitor:
        sis = PowerSchoolDistrict(district)
        await sis.make()
        ids = await district.register(await enrolled(district, tmp_path, 3))
        connection = await sis.connect()
        assert (await district.watch((await district.export(connection))["id"]))["state"] == "succeeded"

        for asked in ({"afresh": True}, {}):
            run = await district.watch((await district.export(connection, preview=True, **asked))["id"], states=DECIDED)
            assert (run["state"], run["counts"]["unchanged"], run["reasons"]) == ("succeeded", 3, [])
            assert NOTHING in await words(visitor, f"/runs/{run['id']}")

        await shows(district, ids[:2], "Failed")
        waits = await district.watch((await district.export(connection, preview=True))["id"], states=DECIDED)
        assert ([one["code"] for one in waits["reasons"]], waits["counts"]["tell"]) == (["guard.only_told"], 2)
        page = await words(visitor, f"/runs/{waits['id']}")
        assert "Enroll would only be told how 2 registrations stand." in page
        assert ("Approve and tell Enroll" in page, "Look at what would change below" in page) == (True, False)
        approved = await visitor.led(f"/runs/{waits['id']}/approve")
        assert "Nothing is exported; Enroll is told how these registrations stand." in approved.text
        assert (await district.watch(waits["id"]))["state"] == "succeeded"
        assert {one["sis_export_status"] for one in await district.registrations()} == {"Succeeded"}


async def test_a_preview_says_who_will_be_sent_in_part_and_counts_each_once(
    stack: Stack, org: str, tmp_path: Path
) -> None:
    async with District(stack, org, permissions=EXPORTER) as district, Visitor(district) as visitor:
        sis = PowerSchoolDistrict(district)
        await sis.make()
        await district.register(await enrolled(district, tmp_path, 3))
        nameless = [one for one in sis.mapping if one["target"] != "1 - Contacts.LastName"]
        connection = await sis.connect(mapping=nameless)
        run = (await district.watch((await district.export(connection, preview=True))["id"], states=DECIDED))["id"]

        async def causes() -> list[tuple[str, int]]:
            page = await words(visitor, f"/runs/{run}")
            assert ("What will be left out" in page, "What went wrong" in page) == (planned, not planned)
            found = ok(await district.api.get(f"/runs/{run}/causes")).json()
            return [(one["code"], one["count"]) for one in found]

        planned = True
        assert await causes() == [("contact.no_last_name", 3)]
        await visitor.led(f"/runs/{run}/approve")
        assert (await district.watch(run))["counts"]["partial"] == 3
        planned = False
        assert await causes() == [("contact.no_last_name", 3)], "counted once, planned and done"


async def test_a_partial_sync_that_enroll_shows_already_is_nothing_to_ask_about(
    stack: Stack, org: str, tmp_path: Path
) -> None:
    async with District(stack, org, permissions=EXPORTER) as district, Visitor(district) as visitor:
        sis = PowerSchoolDistrict(district)
        await sis.make()
        ids = await district.register(await enrolled(district, tmp_path, 1))
        nameless = [one for one in sis.mapping if one["target"] != "1 - Contacts.LastName"]
        connection = await sis.connect(mapping=nameless)
        assert (await district.watch((await district.export(connection))["id"]))["state"] == "partial"
        before = await district.registrations()

        for asked in ({}, {"pending": True}, {"afresh": True}):
            run = await district.watch((await district.export(connection, preview=True, **asked))["id"], states=DECIDED)
            assert (run["state"], run["counts"]["partial"], run["reasons"]) == ("partial", 1, []), run
            await shows_it_as_it_is(district, visitor, run["id"])
            assert NOTHING in await words(visitor, f"/runs/{run['id']}")
        assert await district.registrations() == before, "a preview tells Enroll nothing"

        await shows(district, ids, "Failed")
        waits = await district.watch((await district.export(connection, preview=True))["id"], states=DECIDED)
        assert [one["code"] for one in waits["reasons"]] == ["guard.only_told"]
        assert "how 1 registration stands." in await words(visitor, f"/runs/{waits['id']}")
        await shows_it_as_it_is(district, visitor, waits["id"])
        assert await district.records(waits["id"], outcome="Pending") == []
        assert len(await district.records(waits["id"], outcome="Partial Sync")) == 1
        await visitor.led(f"/runs/{waits['id']}/approve")
        await district.watch(waits["id"])
        assert {one["sis_export_status"] for one in await district.registrations()} == {"Partial Sync"}


async def shows_it_as_it_is(district: District, visitor: Visitor, run: str) -> None:
    """Page and CSV: unchanged, and partly sent, with what stands in the way."""
    page = await words(visitor, f"/runs/{run}")
    records = page[page.index("Download as CSV") :]
    assert ("Unchanged" in records, "Partial Sync" in records, "last name" in records) == (True, True, True), records
    assert "To change" not in records
    file = (await district.api.get(f"/runs/{run}/records.csv")).text
    assert ("Unchanged,Partial Sync" in file, "To change" in file, "last name" in file) == (True, False, True), file


async def test_where_nobody_can_be_exported_it_is_said_what_approving_does(
    stack: Stack, org: str, tmp_path: Path
) -> None:
    async with District(stack, org, permissions=EXPORTER) as district, Visitor(district) as visitor:
        sis = PowerSchoolDistrict(district)
        await sis.make()
        await district.register(await enrolled(district, tmp_path, 2))
        connection = await sis.connect(exports={"end_date": ""}, limits={"few": 0, "invalid_percent": 0})

        waits = await district.watch((await district.export(connection, preview=True))["id"], states=DECIDED)
        assert [one["code"] for one in waits["reasons"]] == ["guard.none_fit"]
        page = await words(visitor, f"/runs/{waits['id']}")
        assert "None of the registrations can be exported." in page
        assert "Approving exports nobody: it only has Enroll show each of them as Failed" in page
        assert ("Approve and tell Enroll" in page, "import the others" in page) == (True, False)
        assert {one["sis_export_status"] for one in await district.registrations()} == {None}
        await visitor.led(f"/runs/{waits['id']}/approve")
        assert (await district.watch(waits["id"]))["state"] == "failed"
        assert {one["sis_export_status"] for one in await district.registrations()} == {"Failed"}


async def test_an_undo_of_an_export_with_nothing_left_to_take_back_asks_nobody(
    stack: Stack, org: str, tmp_path: Path
) -> None:
    """Somebody has put the values back in the SIS by hand: approving would do nothing."""
    async with District(stack, org, permissions=EXPORTER) as district, Visitor(district) as visitor:
        sis = PowerSchoolDistrict(district)
        (student,) = await enrolled(district, tmp_path, 1)
        await sis.make()
        await district.register([student])
        connection = await sis.connect()
        await district.watch((await district.export(connection))["id"])
        elm = {"type": "direct", "target": "addresses.physical.street", "source": {"value": "1 Elm St"}}
        await sis.map(connection, [elm if one["target"] == elm["target"] else one for one in sis.mapping])
        run = await district.watch((await district.export(connection))["id"])
        assert run["counts"]["updated"] == 1
        await sis.map(connection, sis.mapping)
        await district.watch((await district.export(connection))["id"])

        undo = ok(await district.api.post(f"/runs/{run['id']}/undo", params={"preview": True})).json()["id"]
        found = await district.watch(undo, states=DECIDED)
        assert (found["state"], found["counts"]["unchanged"]) == ("succeeded", 1)
        assert NOTHING in await words(visitor, f"/runs/{undo}")
