"""A district's file into Enroll: what is written, what is not, and what is told about it."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from devtools.district import District
from services.sandbox.district import student_mapping
from tests.e2e.enroll import Faults, codes, having, students, turn, writes
from tests.e2e.files import edited, read, roster
from tests.e2e.files import write as write_rows

WAITS = frozenset({"needs_approval"})
ROWS = 120


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return roster(tmp_path / "district.csv", ROWS)


async def loaded(district: District, file: Path, **connection: Any) -> str:
    """A connection whose first load is done."""
    id = await district.ad_hoc(**connection)
    ended = await district.watch((await district.upload(id, file))["id"])
    assert ended["state"] == "succeeded", ended
    return id


async def imported(district: District, connection: str, file: Path, **query: Any) -> dict[str, Any]:
    return await district.watch((await district.upload(connection, file, **query))["id"])


async def all_records(district: District, run: str, **query: Any) -> list[dict[str, Any]]:
    """Page by page."""
    found: list[dict[str, Any]] = []
    while page := await district.records(run, limit=50, **query, **({"after": found[-1]["cursor"]} if found else {})):
        found += page
    return found


async def test_first_load_creates_everyone_and_tells_each(district: District, file: Path) -> None:
    connection = await district.ad_hoc()

    run = await imported(district, connection, file)

    assert run["state"] == "succeeded"
    assert run["slices"] > 1
    assert {name: run["counts"][name] for name in ("rows", "create", "created", "failed", "invalid")} == {
        "rows": ROWS,
        "create": ROWS,
        "created": ROWS,
        "failed": 0,
        "invalid": 0,
    }
    held = await students(district)
    rows = read(file)
    assert set(held) == {row["Student ID"] for row in rows}
    for row in rows:
        one = held[row["Student ID"]]
        assert (one["students.fname"], one["students.lname"]) == (row["First Name"], row["Last Name"])
        assert one["writes"] == 1
    records = await all_records(district, run["id"])
    assert [one["row"] for one in records] == list(range(2, ROWS + 2))
    assert {(one["outcome"], one["action"]) for one in records} == {("Succeeded", "create")}
    first = records[0]
    assert first["changes"]["students.fname"] == [None, rows[0]["First Name"]]
    assert first["target_id"]


async def test_the_same_file_again_writes_nothing(district: District, file: Path) -> None:
    connection = await loaded(district, file)
    before = await district.stats()

    run = await imported(district, connection, file)

    assert run["state"] == "succeeded"
    assert run["counts"]["unchanged"] == ROWS
    assert await district.stats() == before, "not even a look-up"
    assert await district.records(run["id"]) == []


async def test_other_columns_and_another_mapping_that_come_to_the_same_write_nothing(
    district: District, file: Path, tmp_path: Path
) -> None:
    connection = await loaded(district, file)
    before = await district.stats()
    rows = [{"Exported at": f"10:{number:03}"} | row for number, row in enumerate(reversed(read(file)))]
    moved = write_rows(tmp_path / "moved.csv", rows, columns=list(reversed(rows[0])))

    assert (await imported(district, connection, moved))["counts"]["unchanged"] == ROWS

    mapping = student_mapping()
    await district.map_students(connection, mapping | {"fields": mapping["fields"][::-1]})
    preview = await district.watch((await district.upload(connection, moved, preview=True))["id"])
    assert (preview["state"], preview["counts"]["unchanged"], preview["decided_by"]) == ("succeeded", ROWS, None)
    assert await district.records(preview["id"]) == []
    assert await district.stats() == before, "not even a look-up"


async def test_what_changed_is_updated_and_nothing_else(district: District, file: Path) -> None:
    connection = await loaded(district, file)
    before = read(file)
    changed = edited(file, {5: {"Street": "99 Changed St"}, 100: {"Street": "98 Changed St"}})

    run = await imported(district, connection, changed)

    assert run["state"] == "succeeded"
    assert (run["counts"]["updated"], run["counts"]["unchanged"]) == (2, ROWS - 2)
    held = await students(district)
    moved = {before[3]["Student ID"], before[98]["Student ID"]}
    assert having(held, "writes", 2) == moved
    assert having(held, "writes", 1) == set(held) - moved
    records = await district.records(run["id"])
    assert [(one["row"], one["changes"]) for one in records] == [
        (5, {"student_annual.address": [before[3]["Street"], "99 Changed St"]}),
        (100, {"student_annual.address": [before[98]["Street"], "98 Changed St"]}),
    ]


async def test_a_preview_is_read_then_approved_and_applies_exactly_that(
    district: District, file: Path, tmp_path: Path
) -> None:
    connection = await loaded(district, file)
    before = await writes(district)
    grown = roster(tmp_path / "grown.csv", ROWS + 3)

    asked = await district.upload(connection, grown, preview=True)
    run = await district.watch(asked["id"], states=WAITS)

    assert codes(run["reasons"]) == {"guard.preview"}
    assert await writes(district) == before
    pending = await all_records(district, run["id"], outcome="Pending")
    assert {(one["action"], one["outcome"]) for one in pending} == {("create", "Pending")}
    assert sorted(one["row"] for one in pending) == [ROWS + 2, ROWS + 3, ROWS + 4]

    (await district.api.post(f"/runs/{run['id']}/approve")).raise_for_status()
    ended = await district.watch(run["id"])

    assert (ended["state"], ended["counts"]["created"], ended["decided_by"]) == ("succeeded", 3, district.user)
    done = await all_records(district, run["id"])
    assert {one["key"]: one["changes"] for one in done} == {one["key"]: one["changes"] for one in pending}
    assert await district.records(run["id"], outcome="Pending") == []
    again = await district.api.post(f"/runs/{run['id']}/approve")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "run.not_waiting")


async def test_a_rejected_preview_writes_nothing(district: District, file: Path) -> None:
    connection = await district.ad_hoc()
    run = await district.watch((await district.upload(connection, file, preview=True))["id"], states=WAITS)

    answer = await district.api.post(f"/runs/{run['id']}/reject")

    assert answer.json()["state"] == "cancelled"
    assert answer.json()["error"]["code"] == "run.rejected"
    assert answer.json()["ended_at"]
    assert set((await writes(district)).values()) == {0}
    assert (await imported(district, connection, file))["state"] == "succeeded"


async def test_the_year_switched_off_while_a_run_waits_forbids_to_approve(district: District, file: Path) -> None:
    connection = await district.ad_hoc()
    run = await district.watch((await district.upload(connection, file, preview=True))["id"], states=WAITS)
    await turn(district, sync_import_years=[])

    assert (await district.api.post(f"/runs/{run['id']}/approve")).status_code == 403
    assert (await district.run(run["id"]))["state"] == "needs_approval"
    assert (await district.api.post(f"/runs/{run['id']}/reject")).json()["state"] == "cancelled"


async def test_a_bad_row_fails_alone_and_says_everything(district: District, file: Path, tmp_path: Path) -> None:
    rows = read(file)
    rows[9]["Birth Date"] = "02/30/2015"
    rows[19]["Grade"] = "44"
    rows[29]["Last Name"] = ""
    connection = await district.ad_hoc()

    run = await imported(district, connection, write_rows(tmp_path / "bad.csv", rows))

    assert run["state"] == "partial"
    assert (run["counts"]["created"], run["counts"]["invalid"]) == (ROWS - 3, 3)
    failed = await district.records(run["id"], outcome="Failed")
    assert [
        (one["row"], one["key"], problem["field"], problem["column"], problem["value"])
        for one in failed
        for problem in one["problems"]
    ] == [
        (11, rows[9]["Student ID"], "students.dob", "Birth Date", "02/30/2015"),
        (21, rows[19]["Student ID"], "student_annual.grade", "Grade", "44"),
        (31, rows[29]["Student ID"], "students.lname", "Last Name", ""),
    ]
    for one in failed:
        for problem in one["problems"]:
            assert problem["code"]
            assert problem["message"]
            assert problem["fix"]
    assert len(await students(district)) == ROWS - 3

    mended = await imported(district, connection, file)
    assert (mended["state"], mended["counts"]["created"], mended["counts"]["unchanged"]) == ("succeeded", 3, ROWS - 3)


async def test_a_record_that_enroll_refuses_fails_alone(district: District, file: Path, faults: Faults) -> None:
    connection = await loaded(district, file)
    changed = edited(file, {4: {"City": "Nowhere"}, 8: {"Street": "97 Fine St"}, 12: {"Street": "96 Fine St"}})
    rule = {"org": district.org, "path": "batch-upsert", "reject_fields": {"student_annual.city": "Not our city."}}
    await faults(rule)

    run = await imported(district, connection, changed)

    assert (run["state"], run["counts"]["updated"], run["counts"]["failed"]) == ("partial", 2, 1)
    (failed,) = await district.records(run["id"], outcome="Failed")
    assert (failed["row"], failed["problems"][0]["field"]) == (4, "student_annual.city")
    assert failed["problems"][0]["message"] == "Not our city."

    await faults()
    again = await imported(district, connection, changed)
    assert (again["state"], again["counts"]["updated"], again["counts"]["unchanged"]) == ("succeeded", 1, ROWS - 1)


async def test_a_full_roster_marks_who_is_missing_once_and_who_returns(
    district: District, file: Path, tmp_path: Path
) -> None:
    connection = await loaded(district, file, roster="full")
    rows = read(file)
    gone = {row["Student ID"] for row in rows[:3]}
    short = write_rows(tmp_path / "short.csv", rows[3:])

    run = await imported(district, connection, short)
    assert (run["state"], run["counts"]["missing"], run["counts"]["updated"]) == ("succeeded", 3, 3)
    held = await students(district)
    assert having(held, "students.sis_missing", 1) == gone
    assert having(held, "writes", 2) == gone
    assert {one["key"] for one in await district.records(run["id"])} == gone
    assert {one["action"] for one in await district.records(run["id"])} == {"missing"}

    before = await writes(district)
    again = await imported(district, connection, short)
    assert (again["state"], again["counts"]["missing"]) == ("succeeded", 0)
    assert await writes(district) == before, "a student is marked once"

    back = await imported(district, connection, file)
    assert (back["state"], back["counts"]["updated"]) == ("succeeded", 3)
    held = await students(district)
    assert having(held, "students.sis_missing", 0) == gone
    assert having(held, "writes", 3) == gone


async def test_some_of_the_roster_marks_nobody(district: District, file: Path, tmp_path: Path) -> None:
    connection = await loaded(district, file, roster="full")
    short = write_rows(tmp_path / "short.csv", read(file)[3:])

    run = await imported(district, connection, short, roster="some")

    assert (run["state"], run["counts"]["missing"]) == ("succeeded", 0)
    assert not having(await students(district), "students.sis_missing", 1)


async def test_the_same_bytes_under_way_join(district: District, file: Path, faults: Faults) -> None:
    connection = await district.ad_hoc()
    await faults({"org": district.org, "path": "batch-upsert", "delay": 1, "times": 1})

    first = await district.upload(connection, file)
    second = await district.upload(connection, file)

    assert second["id"] == first["id"]
    assert (await district.watch(first["id"]))["counts"]["created"] == ROWS
    assert (await district.upload(connection, file))["id"] != first["id"], "that one has ended"
    assert {one["writes"] for one in (await students(district)).values()} == {1}


async def test_a_newer_request_takes_the_place_of_a_run_that_waits_for_approval(
    district: District, file: Path, tmp_path: Path
) -> None:
    connection = await district.ad_hoc()
    old = await district.watch((await district.upload(connection, file, preview=True))["id"], states=WAITS)

    new = await imported(district, connection, roster(tmp_path / "newer.csv", 40))

    assert (new["state"], new["counts"]["created"]) == ("succeeded", 40)
    old = await district.run(old["id"])
    assert (old["state"], old["error"]["code"]) == ("cancelled", "run.superseded")
    assert (await district.api.post(f"/runs/{old['id']}/approve")).status_code == 409
    assert len(await students(district)) == 40


async def test_what_fails_or_is_at_work_leaves_the_preview_that_waits(
    district: District, file: Path, tmp_path: Path, faults: Faults
) -> None:
    connection = await district.ad_hoc()
    waits = await district.watch((await district.upload(connection, file, preview=True))["id"], states=WAITS)
    empty = write_rows(tmp_path / "empty.csv", [], columns=list(read(file)[0]))

    assert (await imported(district, connection, empty))["error"]["code"] == "file.no_rows"
    assert (await district.run(waits["id"]))["state"] == "needs_approval"

    await faults({"org": district.org, "path": "students:lookup", "delay": 10, "times": 1})
    newer = await district.upload(connection, roster(tmp_path / "newer.csv", 40), preview=True)
    await district.watch(newer["id"], states=frozenset({"comparing"}))
    busy = (await district.api.post(f"/runs/{waits['id']}/approve")).json()["error"]
    assert (busy["code"], newer["id"] in busy["message"]) == ("run.stream_busy", True)
    (await district.api.post(f"/runs/{newer['id']}/cancel")).raise_for_status()

    (await district.api.post(f"/runs/{waits['id']}/approve")).raise_for_status()
    run = await district.watch(waits["id"])
    assert (run["state"], run["counts"]["created"]) == ("succeeded", ROWS)
    assert run["number"] > newer["number"]


async def test_what_a_superseded_preview_would_have_written_is_still_shown(
    district: District, file: Path, tmp_path: Path
) -> None:
    connection = await district.ad_hoc()
    old = (await district.upload(connection, file, preview=True))["id"]
    await district.watch(old, states=WAITS)
    planned = await district.records(old, outcome="Pending")

    newer = (await district.upload(connection, roster(tmp_path / "newer.csv", 40), preview=True))["id"]
    await district.watch(newer, states=WAITS)

    assert (await district.watch(old))["error"]["run"] == newer
    shown = await district.records(old, outcome="Cancelled")
    assert [{**one, "outcome": "Pending"} for one in shown] == planned
    assert {one["outcome"] for one in shown} == {"Cancelled"}


async def test_a_preview_of_nothing_asks_nobody(district: District, file: Path) -> None:
    connection = await loaded(district, file)

    run = await imported(district, connection, file, preview=True)

    assert (run["state"], run["counts"]["unchanged"], run["decided_by"]) == ("succeeded", ROWS, None)


async def test_what_is_asked_for_before_a_run_waits_for_approval_takes_its_place_too(
    district: District, file: Path, tmp_path: Path
) -> None:
    connection = await district.ad_hoc()
    asked = [await district.upload(connection, file, preview=True), await district.upload(connection, file)]
    asked.append(await district.upload(connection, roster(tmp_path / "newer.csv", ROWS + 5), preview=True))

    old, real = [await district.watch(one["id"]) for one in asked[:2]]
    last = await district.watch(asked[2]["id"], states=WAITS)

    assert (old["state"], old["error"]["code"]) == ("cancelled", "run.superseded")
    assert (real["state"], real["counts"]["created"], last["state"]) == ("succeeded", ROWS, "needs_approval")
    assert old["number"] < real["number"] < last["number"]


async def test_a_second_request_waits_behind_the_active_run(
    district: District, file: Path, tmp_path: Path, faults: Faults
) -> None:
    connection = await district.ad_hoc()
    await faults({"org": district.org, "path": "batch-upsert", "delay": 1.5, "times": 1})
    first = await district.upload(connection, file)
    await district.watch(first["id"], states=frozenset({"applying"}))

    second = await district.upload(connection, roster(tmp_path / "second.csv", ROWS, changed=0.02))
    assert (await district.run(first["id"]))["state"] == "applying"
    assert (await district.run(second["id"]))["state"] == "pending"

    done = await district.watch(first["id"])
    then = await district.watch(second["id"])
    assert (done["state"], then["state"]) == ("succeeded", "succeeded")
    assert (done["counts"]["created"], then["counts"]["updated"]) == (ROWS, 2)
    assert datetime.fromisoformat(done["ended_at"]) <= datetime.fromisoformat(then["started_at"])


async def test_what_others_have_changed_in_enroll_is_found_by_a_run_that_looks_at_all(
    district: District, file: Path
) -> None:
    connection = await loaded(district, file)
    await loaded(district, edited(file, {5: {"Street": "99 Changed St"}}), name="Another")

    assert (await imported(district, connection, file))["counts"]["unchanged"] == ROWS
    run = await imported(district, connection, file, afresh=True)

    assert (run["state"], run["afresh"]) == ("succeeded", True)
    assert (run["counts"]["updated"], run["counts"]["unchanged"]) == (1, ROWS - 1)
    (record,) = await district.records(run["id"])
    assert record["changes"] == {"student_annual.address": ["99 Changed St", read(file)[3]["Street"]]}


async def test_what_enroll_holds_already_is_adopted_without_a_write(district: District, file: Path) -> None:
    await loaded(district, file)
    before = await writes(district)
    other = await district.ad_hoc(name="Another")

    run = await imported(district, other, file)

    assert (run["state"], run["counts"]["unchanged"], run["counts"]["create"]) == ("succeeded", ROWS, 0)
    assert await writes(district) == before
    lookups = (await district.stats())["lookups"]
    assert (await imported(district, other, file))["counts"]["unchanged"] == ROWS
    assert (await district.stats())["lookups"] == lookups, "remembered now"
