"""What became of the records of a run: found by outcome, action, cause and key, grouped, and downloaded."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from devtools.district import District
from tests.e2e.enroll import Faults
from tests.e2e.files import edited, read, roster, write

ROWS = 230
MESSY = {
    7: {"Birth Date": "02/30/2015"},
    140: {"Birth Date": "tomorrow"},
    150: {"Birth Date": "02/30/2015", "Last Name": "=HYPERLINK(1)"},
    160: {"Last Name": ""},
}
DOB = "students.dob"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return edited(roster(tmp_path / "district.csv", ROWS), MESSY)


async def loaded(district: District, file: Path) -> dict[str, Any]:
    return await district.watch((await district.upload(await district.ad_hoc(), file))["id"])


async def test_records_are_found_by_outcome_action_cause_and_key(district: District, file: Path) -> None:
    run = (await loaded(district, file))["id"]
    key = read(file)[5]["Student ID"]

    async def rows(**query: Any) -> list[int]:
        found = await district.records(run, limit=200, **query)
        return [one["row"] for one in found]

    assert await rows(outcome="Failed") == sorted(MESSY)
    assert await rows(action="none") == sorted(MESSY)
    assert len(await rows(action="create", outcome="Succeeded")) == 200
    assert await rows(code="date.not_real") == [7, 150]
    assert await rows(code="date.not_real", after=f"{7:010d}") == [150]
    assert await rows(key=key) == [7]
    assert await rows(key=key, outcome="Succeeded") == await rows(key="nobody") == await rows(action="missing") == []


async def searched(district: District, run: str, text: str, **more: Any) -> list[int]:
    asked = {"text": text, "limit": 200, **more}
    answer = (await district.api.post(f"/runs/{run}/records/search", json=asked)).raise_for_status().json()
    assert answer["goes_on"] == ""
    return [one["row"] for one in answer["records"]]


async def test_a_student_is_found_by_name_id_and_value_before_and_after_it_is_written(
    district: District, tmp_path: Path
) -> None:
    people = {9: {"First Name": "Zoë", "Last Name": "O'Quarry-Lund"}, 50: {"Last Name": "Quarry", "Grade": "none"}}
    file = edited(roster(tmp_path / "district.csv", ROWS), people)
    key = read(file)[7]["Student ID"]
    run = (await district.upload(await district.ad_hoc(limits={"invalid_percent": 100}), file, preview=True))["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))

    assert await searched(district, run, "zoe oquarry", outcome="Pending") == [9]
    assert await searched(district, run, key, outcome="Pending") == [9]
    assert await searched(district, run, "quarry", outcome="Pending", action="update") == []
    assert await searched(district, run, "QUARRY") == [9, 50], "what is planned, and what has failed already"
    assert await searched(district, run, "QUARRY", outcome="Failed") == [50]

    await district.api.post(f"/runs/{run}/approve")
    await district.watch(run)
    assert await searched(district, run, "quarry") == [9, 50]
    assert await searched(district, run, "quarry", outcome="Succeeded") == [9]
    assert await searched(district, run, read(file)[7]["Street"]) == [9]
    (record,) = await district.records(run, key=key)
    assert record["label"] == "Zoë O'Quarry-Lund"
    assert await searched(district, run, record["target_id"]) == [9]
    assert await searched(district, run, "nobody at all") == []


async def test_the_records_of_a_waiting_preview_are_those_that_are_planned_and_those_that_failed(
    district: District, tmp_path: Path
) -> None:
    file = edited(roster(tmp_path / "district.csv", 6), {3: {"Grade": "none"}, 5: {"Birth Date": "tomorrow"}})
    run = (await district.upload(await district.ad_hoc(limits={"invalid_percent": 100}), file, preview=True))["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))

    found: list[dict[str, Any]] = []
    while page := await district.records(run, limit=1, **({"after": found[-1]["cursor"]} if found else {})):
        found += page
    assert [one["outcome"] for one in found] == ["Pending"] * 4 + ["Failed"] * 2
    assert sorted(one["row"] for one in found) == [2, 3, 4, 5, 6, 7]
    assert [one["cursor"] for one in await district.records(run)] == [one["cursor"] for one in found]


async def test_a_preview_of_which_nothing_can_be_written_ends_by_itself(district: District, tmp_path: Path) -> None:
    file = edited(roster(tmp_path / "district.csv", ROWS), {5: {"Birth Date": "tomorrow"}})
    connection = await district.ad_hoc()
    assert (await district.watch((await district.upload(connection, file))["id"]))["state"] == "partial"

    run = await district.watch((await district.upload(connection, file, preview=True))["id"])

    assert (run["state"], run["counts"]["invalid"], run["decided_by"]) == ("partial", 1, None)


async def test_the_download_of_a_waiting_preview_has_what_is_planned(district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc(limits={"invalid_percent": 100})
    first = roster(tmp_path / "district.csv", ROWS)
    await district.watch((await district.upload(connection, first))["id"])
    changes = {3: {"Street": "=2 New St"}, 5: {"Birth Date": "tomorrow"}}
    run = (await district.upload(connection, edited(first, changes), preview=True))["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))

    async def lines(**query: Any) -> list[dict[str, str]]:
        answer = (await district.api.get(f"/runs/{run}/records.csv", params=query)).raise_for_status()
        return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))

    failed, planned = await lines()
    old = read(first)[1]
    assert (failed["Row"], failed["Outcome"], failed["Changes"]) == ("5", "Failed", "")
    assert (planned["Row"], planned["Key"], planned["Outcome"]) == ("3", old["Student ID"], "Pending")
    assert planned["Name"] == f"{old['First Name']} {old['Last Name']}"
    assert planned["Changes"] == f"Address: {old['Street']} → =2 New St"
    assert (planned["What"], failed["What"]) == ("To change", "Not sent")
    assert (failed["Field"], failed["Field code"]) == ("Date of Birth", DOB)
    assert await lines(outcome="Pending") == [planned]
    assert await lines(outcome="Failed") == [failed]
    await district.api.post(f"/runs/{run}/cancel")
    assert await lines() == [failed, {**planned, "Outcome": "Cancelled", "What": "Not changed"}]


async def test_a_student_who_is_missing_has_a_name(district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc()
    first = roster(tmp_path / "district.csv", ROWS)
    await district.watch((await district.upload(connection, first))["id"])
    rows = read(first)
    run = await district.upload(connection, write(tmp_path / "less.csv", rows[1:]), roster="full")
    (record,) = await district.records((await district.watch(run["id"]))["id"])
    assert (record["action"], record["label"]) == ("missing", f"{rows[0]['First Name']} {rows[0]['Last Name']}")


async def test_planned_records_are_found_in_the_same_way(district: District, tmp_path: Path) -> None:
    file = roster(tmp_path / "district.csv", ROWS)
    run = (await district.upload(await district.ad_hoc(), file, preview=True))["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))
    key = read(file)[0]["Student ID"]
    (found,) = await district.records(run, outcome="Pending", key=key)
    assert (found["row"], found["action"]) == (2, "create")
    assert await district.records(run, outcome="Pending", action="update") == []
    assert await district.records(run, outcome="Pending", code="date.not_real") == []


async def test_causes_are_counted_over_all_slices_and_both_steps(
    district: District, file: Path, faults: Faults
) -> None:
    await faults({"org": district.org, "path": "batch-upsert", "reject_fields": {"students.gender": "Not now."}})
    run = await loaded(district, file)
    causes = (await district.api.get(f"/runs/{run['id']}/causes")).raise_for_status().json()
    found = {(one["code"], one["field"]): (one["count"], one["rows"]) for one in causes}
    assert found.pop(("date.not_real", DOB)) == (2, [7, 150])
    assert found.pop(("date.wrong_pattern", DOB)) == (1, [140])
    assert found.pop(("value.required", "students.lname")) == (1, [160])
    ((_, field), (count, rows)) = found.popitem()
    assert (field, count, rows) == ("students.gender", ROWS - len(MESSY), [2, 3, 4, 5, 6])
    assert (causes[0]["field"], found) == ("students.gender", {})
    assert all(one["message"] and "tomorrow" not in str(one) for one in causes)


async def test_the_download_has_a_line_for_each_problem_and_runs_nothing(district: District, tmp_path: Path) -> None:
    rows = read(edited(roster(tmp_path / "district.csv", ROWS), MESSY))
    rows[8]["Birth Date"] = "=1+1"
    rows[8]["Last Name"] = ""
    run = (await loaded(district, write(tmp_path / "formula.csv", rows)))["id"]

    answer = (await district.api.get(f"/runs/{run}/records.csv", params={"outcome": "Failed"})).raise_for_status()
    assert answer.headers["content-type"].startswith("text/csv")
    header, *lines = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert header == [
        *("Row", "Key", "Name", "Enroll ID", "What", "Outcome"),
        *("Field", "Field code", "Column", "Value", "Cause", "What to do", "Changes"),
    ]
    assert [line[0] for line in lines] == ["7", "10", "10", "140", "150", "160"]
    student = rows[5]
    name = f"{student['First Name']} {student['Last Name']}"
    assert lines[0][1:6] == [student["Student ID"], name, "", "Not sent", "Failed"]
    assert lines[0][6:10] == ["Date of Birth", DOB, "Birth Date", "02/30/2015"]
    assert all(line[10] and line[11] for line in lines)
    assert "'=1+1" in {line[9] for line in lines}

    whole = (await district.api.get(f"/runs/{run}/records.csv")).raise_for_status().text
    assert len(whole.splitlines()) == 1 + len(lines) + ROWS - len({line[0] for line in lines})
