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
    assert header == ["row", "key", "outcome", "action", "field", "column", "value", "cause", "what to do"]
    assert [line[0] for line in lines] == ["7", "10", "10", "140", "150", "160"]
    assert lines[0][1:7] == [rows[5]["Student ID"], "Failed", "none", DOB, "Birth Date", "02/30/2015"]
    assert all(line[7] and line[8] for line in lines)
    assert "'=1+1" in {line[6] for line in lines}

    whole = (await district.api.get(f"/runs/{run}/records.csv")).raise_for_status().text
    assert len(whole.splitlines()) == 1 + len(lines) + ROWS - len({line[0] for line in lines})
