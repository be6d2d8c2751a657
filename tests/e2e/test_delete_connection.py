"""A connection that is deleted takes its credentials and schedules along, and leaves its history."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from devtools.district import YEAR, District, ok
from devtools.sis_districts import PowerSchoolDistrict, enrolled
from devtools.stack import Stack
from shared.engine.explaining import MOST_GONE
from tests.e2e.broker import APPROVED, Tap, approved
from tests.e2e.enroll import turn
from tests.e2e.files import roster
from tests.e2e.pages.visitor import Visitor
from tests.e2e.waiting import until
from tests.faults.helpers import database

WAITS = frozenset({"needs_approval"})
ROWS = 20
EXPORTER = ["Sync Service Full Access", "View Registrations", "Edit Registrations"]
KEPT = {"_id", "org", "name", "kind", "instance", "time_zone", "created_at", "created_by", "deleted_at", "deleted_by"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return roster(tmp_path / "district.csv", ROWS)


async def test_its_runs_and_records_stay_and_its_name_is_free(district: District, file: Path) -> None:
    connection = await district.ad_hoc("Uploads")
    run = await district.watch((await district.upload(connection, file))["id"])

    assert (await district.api.delete(f"/connections/{connection}")).status_code == 204

    assert ok(await district.api.get("/connections")).json() == []
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/history"), ("GET", "/mappings/students")):
        assert (await district.api.request(method, f"/connections/{connection}{path}")).status_code == 404
    assert (await district.run(run["id"]))["counts"] == run["counts"]
    assert len(await district.records(run["id"])) == ROWS
    record, *_ = await district.records(run["id"])
    for asked in (
        {"key": record["key"]},
        {"target_id": record["target_id"]},
        {"key": record["key"], "connection": connection},
    ):
        (told,) = ok(await district.api.get("/explain/students", params=asked)).json()
        assert (told["connection"], bool(told["deleted_at"]), bool(told["fields"])) == (connection, True, True)
    for deed in ("undo", "retry"):
        answer = await district.api.post(f"/runs/{run['id']}/{deed}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "connection.deleted")
    assert [one["id"] for one in ok(await district.api.get("/runs", params={"connection": connection})).json()]
    audit = ok(await district.api.get("/audit")).json()
    refused = {one["subject"]: one["why"] for one in audit if not one["allowed"]}
    assert refused[f"/api/v1/runs/{run['id']}/undo"] == "the connection was deleted"
    assert "not in this organization" not in refused.values()
    assert (district.user, f"delete {connection}", True) in [
        (one["actor"], one["subject"], one["allowed"]) for one in audit
    ]
    again = await district.ad_hoc("Uploads")
    assert (await district.watch((await district.upload(again, file))["id"]))["counts"]["unchanged"] == ROWS


async def test_of_very_many_that_were_deleted_the_last_are_explained_and_it_is_said_that_others_are_not(
    district: District, stack: Stack, file: Path
) -> None:
    connection = await district.ad_hoc("First")
    run = await district.watch((await district.upload(connection, file))["id"])
    key = (await district.records(run["id"]))[0]["key"]
    ok(await district.api.delete(f"/connections/{connection}"))
    for age, found in ((timedelta(days=-1), 1), (timedelta(days=1), 0)):
        async with database(stack) as db:
            stone = await db["deleted_connections"].find_one({"_id": connection})
            assert stone
            others = [{**stone, "_id": f"{connection}{age.days}_{at}", "name": f"{at}"} for at in range(MOST_GONE)]
            for one in others:
                one["deleted_at"] += age
            await db["deleted_connections"].insert_many(others)

        answer = await district.api.get("/explain/students", params={"key": key})
        async with Visitor(district) as visitor:
            page = await visitor.get(f"/explain?key={key}")

        assert "only the 100 deleted last were looked at" in page.text
        if found:
            assert [one["connection"] for one in answer.json()] == [connection]
            assert answer.headers["X-Left-Out"] == "connections that were deleted longer ago"
            assert "This connection was deleted on" in page.text
        else:
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "record.not_looked_for")
            assert "has written nothing" in page.text
    asked = {"key": key, "connection": connection}
    alone = ok(await district.api.get("/explain/students", params=asked))
    assert ([one["connection"] for one in alone.json()], "X-Left-Out" in alone.headers) == ([connection], False)


async def test_what_opens_anything_is_gone_from_the_database(district: District, stack: Stack, file: Path) -> None:
    connection = await district.sftp("Nightly")
    body = {"school_year": YEAR, "time": "02:30", "zone": "America/Denver"}
    ok(await district.api.put(f"/connections/{connection}/schedule", json=body))
    uploads = await district.ad_hoc("Uploads")
    await district.watch((await district.upload(uploads, file))["id"])

    for id in (connection, uploads):
        ok(await district.api.delete(f"/connections/{id}"))

    async with database(stack) as db:
        assert await db["connections"].count_documents({"org": district.org}) == 0
        stones = await db["deleted_connections"].find({"org": district.org}).to_list()
        assert {(one["name"], one["deleted_by"]) for one in stones} == {
            ("Nightly", district.user),
            ("Uploads", district.user),
        }
        assert all(set(one) == KEPT for one in stones)
        assert await db["buckets"].count_documents({"org": district.org}) == 0


@pytest.mark.parametrize("state", ["needs_approval", "pending"])
async def test_it_is_refused_while_a_run_is_not_over(district: District, file: Path, state: str) -> None:
    connection = await district.ad_hoc()
    waits = (await district.upload(connection, file, preview="true"))["id"]
    await district.watch(waits, states=WAITS)
    path = f"/connections/{connection}"
    if state == "pending":
        ok(await district.api.post(f"/runs/{waits}/approve"))

    answers = [await district.api.delete(path)]
    if state == "needs_approval":
        assert (answers[0].status_code, answers[0].json()["error"]["code"]) == (409, "connection.run_active")
        assert ok(await district.api.get(path)).json()["id"] == connection
        ok(await district.api.post(f"/runs/{waits}/reject"))
    else:
        assert answers[0].status_code in (204, 409)
        await district.watch(waits)

    assert (await district.api.delete(path)).status_code in (204, 404)
    assert (await district.run(waits))["state"] in ("cancelled", "succeeded")


async def test_the_ledger_goes_and_events_find_nothing(
    district: District, stack: Stack, tmp_path: Path, tap: Tap
) -> None:
    await turn(district, users={district.user: EXPORTER})
    sis = PowerSchoolDistrict(district)
    await sis.make()
    students = await enrolled(district, tmp_path, 2)
    first = await sis.connect(name="Old")
    (early, late) = await district.register(students)
    ok(await district.api.patch(f"/connections/{first}", json={"enable_export": True}))
    await tap.enroll_says(approved(district, early), type=APPROVED)

    async def exported() -> list[dict[str, Any]]:
        runs = ok(await district.api.get("/runs")).json()
        return [one for one in runs if one["direction"] == "export" and one["ended_at"]]

    await until(exported, "the registration is exported")
    ok(await district.api.delete(f"/connections/{first}"))
    second = await sis.connect(name="New")
    ok(await district.api.patch(f"/connections/{second}", json={"enable_export": True}))
    for one in (early, late):
        await tap.enroll_says(approved(district, one), type=APPROVED)

    async def both() -> bool:
        return len(await exported()) >= 3

    await until(both, "the new connection exports both")
    assert {one["connection"] for one in (await exported())[:2]} == {second}
    assert sorted(one["student_id"] for one in await sis.people()) == sorted(students)
    async with database(stack) as db:
        assert await db["links"].count_documents({"org": district.org, "connection": first}) == 0


async def test_an_end_that_is_settled_after_the_deletion_is_harmless(district: District, stack: Stack) -> None:
    """The file stays where it was; nothing goes to the dead letters."""
    folder = stack.sftp.folder / district.org / "import"
    folder.mkdir(parents=True)
    roster(folder / "students.csv", ROWS)
    connection = await district.sftp(
        import_folder=f"{district.org}/import", archive_folder=f"{district.org}/archive", settle_seconds=0.2
    )
    run = await district.watch((await district.pull(connection))["id"])
    ok(await district.api.delete(f"/connections/{connection}"))

    async with database(stack) as db:

        async def announced() -> bool:
            return not await db["runs"].count_documents({"_id": run["id"], "outbox_at": {"$exists": True}})

        await until(announced, "the end is announced")
        assert await db["failed_messages"].count_documents({"org": district.org}) == 0
