"""Mappings as people handle them: tried out, named, versioned, taken to another connection."""

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from devtools.district import District
from services.sandbox.district import district_header, student_mapping
from tests.e2e.enroll import students
from tests.e2e.files import read, roster

HOME = "/connections/{}/mappings/students"


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_mapped_values_are_shown_before_anything_is_saved(district: District, tmp_path: Path) -> None:
    row = read(roster(tmp_path / "district.csv", 1))[0]
    body = {"mapping": student_mapping(), "columns": list(row), "examples": [list(row.values())], "school_year": 2026}
    connection = await district.ad_hoc()

    answer = (await district.api.post(HOME.format(connection) + "/preview", json=body)).raise_for_status().json()

    assert answer["problems"] == []
    shown = {one["target"]: one["examples"][0] for one in answer["fields"]}
    month, day, year = row["Birth Date"].split("/")
    assert shown["students.dob"]["sources"] == [row["Birth Date"]]
    assert shown["students.dob"]["value"] == f"{year}-{month}-{day}"
    assert isinstance(shown["student_annual.grade"]["value"], int)
    six = {**body, "examples": [list(row.values())] * 6}
    assert code(await district.api.post(HOME.format(connection) + "/preview", json=six)) == (422, "request.invalid")


async def test_a_mapping_goes_to_another_connection(district: District) -> None:
    one, other = await district.ad_hoc("One"), await district.ad_hoc("Other")
    named = {**student_mapping(), "name": "Spring file"}
    saved = (await district.api.put(HOME.format(one), json=named)).raise_for_status().json()

    path = f"{HOME.format(one)}/{saved['id']}/export"
    document = (await district.api.get(path)).raise_for_status().json()
    taken = (await district.api.post(HOME.format(other) + "/import", json=document)).raise_for_status().json()

    assert (taken["name"], taken["version"], taken["fields"]) == ("Spring file", 1, saved["fields"])
    again = (await district.api.post(HOME.format(other) + "/import", json=document)).raise_for_status().json()
    assert again["version"] == 2
    elsewhere = f"/connections/{other}/mappings/students/{saved['id']}/export"
    assert code(await district.api.get(elsewhere)) == (404, "mapping.not_found")
    schools = f"/connections/{other}/mappings/schools/import"
    assert code(await district.api.post(schools, json=document)) == (422, "mapping.other_data_type")


async def test_a_run_uses_the_mapping_that_is_named(district: District, tmp_path: Path) -> None:
    file = roster(tmp_path / "district.csv", 5)
    connection = await district.ad_hoc()
    short = student_mapping()
    short = {"name": "names only", "fields": [row for row in short["fields"] if "student_annual" not in row["target"]]}
    saved = (await district.api.put(HOME.format(connection), json=short)).raise_for_status().json()

    run = await district.watch((await district.upload(connection, file, mapping="names only"))["id"])

    assert (run["state"], run["mapping"]) == ("succeeded", saved["id"])
    with file.open("rb") as content:
        answer = await district.api.post(
            f"/connections/{connection}/imports/students",
            params={"school_year": 2026, "mapping": "autumn"},
            files={"file": ("a.csv", content)},
        )
    assert code(answer) == (404, "mapping.name_unknown")
    assert "default, names only" in answer.json()["error"]["fix"]
    found = (await district.api.get(HOME.format(connection), params={"name": "names only"})).json()
    assert [one["id"] for one in found] == [saved["id"]]


async def test_today_is_the_day_where_the_district_is(district: District, tmp_path: Path) -> None:
    """A mapping that asks for the day is not taken for unchanged on another one."""
    connection = await district.ad_hoc(time_zone="Pacific/Kiritimati")
    today = {"type": "transformation", "target": "students.legacy_id", "name": "today", "options": {}}
    await district.map(connection, "students", {"fields": [*student_mapping(8)["fields"], today]})
    file = roster(tmp_path / "district.csv", 3, columns=8)

    run = await district.watch((await district.upload(connection, file))["id"])

    assert run["state"] == "succeeded"
    days = {one["students.legacy_id"] for one in (await students(district)).values()}
    assert days == {run["clock"][:10]}
    assert (
        datetime.fromisoformat(run["created_at"]).astimezone(ZoneInfo("Pacific/Kiritimati")).date().isoformat() in days
    )
    answer = await district.api.patch(f"/connections/{connection}", json={"time_zone": "Mars/Olympus"})
    assert code(answer) == (422, "request.invalid")
    assert "There is no time zone of this name. Use one such as America/Denver." in answer.text


async def test_a_mapping_begins_with_the_file_itself(district: District, tmp_path: Path) -> None:
    """Read the file, take what is proposed, save it, import: no field chosen by hand."""
    file = roster(tmp_path / "district.csv", 20)
    with file.open("rb") as content:
        answer = await district.api.post("/catalogs/students/read-file", files={"file": (file.name, content)})
    found = answer.raise_for_status().json()
    assert (len(found["examples"]), found["columns"]) == (5, list(read(file)[0]))
    assert all(one["reason"] and one["confidence"] >= 0.5 for one in found["proposals"])
    connection = await district.ad_hoc()
    await district.map(connection, "students", {"fields": [one["row"] for one in found["proposals"]]})

    run = await district.watch((await district.upload(connection, file))["id"])

    assert (run["state"], run["counts"]["created"]) == ("succeeded", 20)
    first = read(file)[0]
    held = (await students(district))[first["Student ID"]]
    assert (held["students.fname"], held["student_annual.city"]) == (first["First Name"], first["City"])


async def test_a_changed_header_is_shown_and_not_guessed(district: District) -> None:
    connection = await district.ad_hoc()
    columns = [{"Zip": "Zip Code"}.get(name, name) for name in district_header()]
    path = HOME.format(connection) + "/differences"
    found = (await district.api.post(path, json={"columns": columns})).raise_for_status().json()
    (lost,) = found["lost"]
    assert (lost["column"], lost["targets"], lost["suggestion"]) == ("Zip", ["student_annual.zip"], "Zip Code")
    same = (await district.api.post(path, json={"columns": list(reversed(district_header()))})).json()
    assert same["same"]


@pytest.mark.parametrize("depth", [25, 300, 5000])
async def test_a_chain_without_end_is_refused_in_words(district: District, depth: int) -> None:
    connection = await district.ad_hoc()
    head, tail = '{"transformation":"trim","options":{"source":', "}}"
    source = head * depth + '"A"' + tail * depth
    body = f'{{"fields":[{{"type":"direct","target":"students.fname","source":{source}}}]}}'
    path = HOME.format(connection)
    answer = await district.api.put(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text[:300]
    assert answer.json()["error"]["fix"]


async def test_a_file_finds_its_mapping_by_its_header(district: District) -> None:
    connection = await district.ad_hoc()
    other = [
        {"type": "direct", "target": target, "source": source}
        for target, source in (
            ("students.student_district_id", "Student_Number"),
            ("students.fname", "First_Name"),
            ("students.lname", "Last_Name"),
            ("students.dob", "DOB"),
        )
    ]
    for fields in (other[:4], other):
        await district.map_students(connection, {"name": "PowerSchool", "fields": fields})

    async def match(*columns: str) -> list[tuple[str, int, bool, int]]:
        answer = await district.api.post(HOME.format(connection) + "/match", json={"columns": list(columns)})
        found = answer.raise_for_status().json()
        return [(one["name"], one["version"], one["fits"], one["lost"]) for one in found]

    theirs = await match("student_number ", "First_Name", "Last_Name", "DOB", "Extra")
    assert theirs[0] == ("PowerSchool", 2, True, 0)
    assert theirs[1][:3] == ("default", 1, False)
    assert (await match(*district_header(30)))[0][:3] == ("default", 1, True)
    assert [fits for *_, fits, _ in await match("A", "B")] == [False, False]
