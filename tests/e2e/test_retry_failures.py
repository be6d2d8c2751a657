"""Retry: what did not succeed and nothing else, by the mapping as it is now, and no old values over newer ones."""

from pathlib import Path
from typing import Any

import httpx

from devtools.district import EXPORTER, District
from devtools.sis_districts import SISS, enrolled
from devtools.stack import Stack
from services.sandbox.district import student_export, student_mapping
from tests.e2e.enroll import Faults, codes, students
from tests.e2e.files import edited, read, roster
from tests.e2e.operator import Ops, failed

ROWS = 230


async def ask(district: District, run: str, **query: Any) -> httpx.Response:
    return await district.api.post(f"/runs/{run}/retry", params=query)


async def retried(district: District, run: str) -> dict[str, Any]:
    return await district.watch((await ask(district, run)).raise_for_status().json()["id"])


async def imported(district: District, connection: str, file: Path) -> dict[str, Any]:
    return await district.watch((await district.upload(connection, file))["id"])


def matching(**codes: str) -> dict[str, Any]:
    draft = student_mapping()
    row = next(one for one in draft["fields"] if one["target"] == "students.gender")
    row["codes"] = codes
    return draft


async def test_the_failed_rows_alone_with_the_mapping_as_it_is_now(district: District, tmp_path: Path) -> None:
    file = edited(
        roster(tmp_path / "district.csv", ROWS), {9: {"Gender": "Q"}, 150: {"Gender": "Q"}, 200: {"Gender": "R"}}
    )
    torn = tmp_path / "torn.csv"
    torn.write_text(file.read_text(encoding="utf-8") + "only,three,cells\r\n", encoding="utf-8", newline="")
    known = {"Male": "M", "Female": "F", "X": "X"}
    connection = await district.ad_hoc(mapping=matching(**known))
    run = await imported(district, connection, torn)
    assert (run["state"], run["counts"]["invalid"]) == ("partial", 4)
    await district.map_students(connection, matching(**known, Q="X"))

    answers = [(await ask(district, run["id"])).raise_for_status().json() for _ in range(2)]
    assert len({one["id"] for one in answers}) == 1, "asked twice it is one run"
    again = await district.watch(answers[0]["id"])

    assert (again["trigger"], again["source"]["name"]) == (
        {"kind": "replay", "by": district.user, "id": run["id"]},
        "torn.csv",
    )
    counts = {name: again["counts"][name] for name in ("rows", "created", "invalid", "missing")}
    assert (again["state"], counts) == ("partial", {"rows": 4, "created": 2, "invalid": 2, "missing": 0})
    records = {one["row"]: one for one in await district.records(again["id"])}
    assert {row: one["outcome"] for row, one in records.items()} == {
        9: "Succeeded",
        150: "Succeeded",
        200: "Failed",
        ROWS + 2: "Failed",
    }
    assert codes(records[ROWS + 2]["problems"]) == {"retry.unreadable"}
    assert {one["writes"] for one in (await students(district)).values()} == {1}

    await district.map_students(connection, matching(**known, Q="X", R="X"))
    last = await retried(district, again["id"])
    assert (last["counts"]["rows"], last["counts"]["created"], len(await students(district))) == (2, 1, ROWS)
    assert (await ask(district, again["id"])).json()["id"] == last["id"]


async def test_what_a_later_run_has_brought_is_not_sent_again(
    district: District, tmp_path: Path, faults: Faults
) -> None:
    connection = await district.ad_hoc()
    first = roster(tmp_path / "first.csv", 60)
    await imported(district, connection, first)
    moved = {row: {"Street": "Old St"} for row in (5, 6, 7)}
    await faults({"org": district.org, "path": "batch-upsert", "reject_fields": {"student_annual.address": "Not now."}})
    broken = await imported(district, connection, edited(first, moved))
    assert (broken["state"], broken["counts"]["failed"]) == ("partial", 3)
    await faults()
    # Row 5 is newer now, row 6 was confirmed as it always stood, and of row 7 nobody has said anything since.
    later = edited(first, {5: {"Street": "New St"}}, "later.csv")
    lines = later.read_text(encoding="utf-8").splitlines(keepends=True)
    later.write_text("".join(line for number, line in enumerate(lines, 1) if number != 7), encoding="utf-8", newline="")
    await imported(district, connection, later)

    again = await retried(district, broken["id"])

    found = {one["row"]: (one["outcome"], codes(one["problems"])) for one in await district.records(again["id"])}
    assert found == {5: ("Failed", {"retry.overtaken"}), 6: ("Failed", {"retry.overtaken"}), 7: ("Succeeded", set())}
    held = await students(district)
    streets = [held[row["Student ID"]]["student_annual.address"] for row in read(first)[3:6]]
    assert streets == ["New St", read(first)[4]["Street"], "Old St"]


async def test_a_run_that_broke_off_is_taken_up_by_its_rows(
    district: District, tmp_path: Path, faults: Faults, stack: Stack
) -> None:
    await faults({"org": district.org, "path": "lookup", "status": 503})
    run = await imported(district, await district.ad_hoc(), roster(tmp_path / "district.csv", 40))
    assert run["state"] == "failed"
    await faults()
    again = await retried(district, run["id"])
    assert (again["state"], again["counts"]["created"]) == ("succeeded", 40)
    await Ops(stack)("failed", "discard", *(one["id"] for one in await failed(stack, "--org", district.org)))


async def test_an_export_that_broke_off_is_taken_up_by_its_registrations(
    stack: Stack, org: str, tmp_path: Path, faults: Faults
) -> None:
    async with District(stack, org, permissions=EXPORTER) as district:
        sis = SISS["powerschool"](district)
        await sis.make()
        (first, *others) = await enrolled(district, tmp_path, 7)
        await district.register([first, *others])
        connection = await sis.connect()
        sent = await district.watch((await district.export(connection, student=first))["id"])
        assert (sent["state"], sent["counts"]["rows"]) == ("succeeded", 1)
        await faults({"path": f"/powerschool/{org}/ws/v1/district/student", "status": 503})
        run = await district.watch((await district.export(connection))["id"])
        assert run["state"] == "failed"
        assert len(await sis.people()) == 1
        await faults()

        again = await retried(district, run["id"])

        assert (again["state"], again["counts"]["created"], again["counts"]["unchanged"]) == ("succeeded", 6, 1)
        assert sorted(one["student_id"] for one in await sis.people()) == sorted([first, *others])
        await Ops(stack)("failed", "discard", *(one["id"] for one in await failed(stack, "--org", org)))


async def test_registrations_are_asked_for_anew_and_only_what_is_missing_is_sent(
    stack: Stack, org: str, tmp_path: Path
) -> None:
    async with District(stack, org, permissions=EXPORTER) as district:
        sis = SISS["powerschool"](district)
        await sis.make()
        await district.register(await enrolled(district, tmp_path, 3))
        connection = await sis.connect(mapping=[one for one in sis.mapping if one["target"] != "1 - Contacts.LastName"])
        run = await district.watch((await district.export(connection))["id"])
        assert (run["state"], run["counts"]["partial"]) == ("partial", 3)
        await sis.map(connection, sis.mapping)
        again = await retried(district, run["id"])
        assert (again["state"], again["counts"]["rows"], again["counts"]["updated"]) == ("succeeded", 3, 3)
        for one in await district.records(again["id"]):
            assert all("Contacts" in name for name in one["changes"])

        files = await district.ad_hoc("Files")
        await district.map_export(files, student_export())
        made = await district.watch((await district.export(files))["id"])
        answer = await ask(district, made["id"])
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "retry.files")


async def test_what_there_is_nothing_of_to_retry(district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc()
    done = await imported(district, connection, roster(tmp_path / "district.csv", 20))
    preview = await district.upload(connection, roster(tmp_path / "more.csv", 25), preview=True)
    await district.watch(preview["id"], states=frozenset({"needs_approval"}))
    answers = [await ask(district, one) for one in (done["id"], preview["id"])]
    (await district.api.post(f"/runs/{preview['id']}/cancel")).raise_for_status()
    answers.append(await ask(district, preview["id"]))
    assert [(one.status_code, one.json()["error"]["code"]) for one in answers] == [
        (409, "retry.nothing"),
        (409, "retry.not_ended"),
        (409, "retry.nothing"),
    ]


async def mended(district: District, folder: Path) -> dict[str, Any]:
    """A run of which one row failed, by a mapping that takes it now."""
    file = edited(roster(folder / "district.csv", 20), {9: {"Gender": "Q"}})
    known = {"Male": "M", "Female": "F", "X": "X"}
    connection = await district.ad_hoc(mapping=matching(**known))
    run = await imported(district, connection, file)
    await district.map_students(connection, matching(**known, Q="X"))
    return run


async def test_a_retry_is_looked_at_before_it_writes(district: District, tmp_path: Path) -> None:
    run = await mended(district, tmp_path)
    before = await students(district)

    again = (await ask(district, run["id"], preview=True)).raise_for_status().json()["id"]
    waits = await district.watch(again, states=frozenset({"needs_approval"}))
    assert ([one["code"] for one in waits["reasons"]], waits["counts"]["create"]) == (["guard.preview"], 1)
    assert await students(district) == before
    same = (await ask(district, run["id"], preview=True)).raise_for_status().json()
    assert (same["id"], same["state"]) == (again, "needs_approval"), "asked again it still waits"
    (await district.api.post(f"/runs/{again}/reject")).raise_for_status()

    other = (await ask(district, run["id"], preview=True)).raise_for_status().json()["id"]
    await district.watch(other, states=frozenset({"needs_approval"}))
    (await district.api.post(f"/runs/{other}/approve")).raise_for_status()
    assert (await district.watch(other))["counts"]["created"] == 1
    assert len(await students(district)) == len(before) + 1


async def test_a_retry_takes_the_place_of_its_preview(district: District, tmp_path: Path) -> None:
    run = await mended(district, tmp_path)
    looked = (await ask(district, run["id"], preview=True)).raise_for_status().json()["id"]
    await district.watch(looked, states=frozenset({"needs_approval"}))

    again = await retried(district, run["id"])

    assert (again["id"] != looked, again["state"], again["counts"]["created"]) == (True, "succeeded", 1)
    assert (await district.watch(looked))["error"]["code"] == "run.superseded"
    assert (await ask(district, run["id"])).json()["id"] == again["id"]
