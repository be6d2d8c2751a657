"""Field codes and code tables, from the download to a student's race."""

import csv
import io
from pathlib import Path
from typing import Any

from devtools.district import District
from services.sandbox.district import student_mapping
from tests.e2e.enroll import students
from tests.e2e.files import write


async def test_field_codes_can_be_downloaded(district: District) -> None:
    sets = (await district.api.get("/field-codes")).raise_for_status().json()
    text = (await district.api.get("/field-codes.csv")).raise_for_status().content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {"Set": "grades", "Code": "0", "Label": "Kindergarten"} in rows
    assert len(rows) == sum(len(codes) for codes in sets.values())


async def test_a_table_serves_a_list_of_races(district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc()
    home = f"/connections/{connection}/code-tables"
    sis = [{"code": "5", "label": "White"}, {"code": "2", "label": "Asian"}, {"code": "9", "label": "Unknown"}]
    asked = {"enroll_set": "race", "sis_codes": sis}
    pairs = (await district.api.post("/code-tables/suggest", json=asked)).raise_for_status().json()
    assert pairs == [{"sis": "5", "enroll": "W"}, {"sis": "2", "enroll": "A"}]
    (await district.api.put(home + "/Race", json={**asked, "pairs": pairs})).raise_for_status()
    left = (await district.api.get(home + "/Race/report")).raise_for_status().json()
    assert [one["code"] for one in left["unmapped_sis"]] == ["9"]
    assert "B" in [one["code"] for one in left["unmapped_enroll"]]

    draft = student_mapping(8)
    race = {"type": "match_codes", "target": "students.race", "source": "Race", "table": "Race", "separator": ";"}
    await district.map(connection, "students", {"fields": [*draft["fields"], race]})
    header = ["Student ID", "First Name", "Last Name", "Birth Date", "Gender", "Grade", "School", "Phone", "Race"]
    common = ["Mara", "Torres", "03/09/2015", "Female", "05", "100", "4805550147"]
    rows = [dict(zip(header, row, strict=True)) for row in (["S-1", *common, "5; 2"], ["S-2", *common, "5;9"])]
    file = write(tmp_path / "races.csv", rows)
    run = await district.watch((await district.upload(connection, file))["id"])

    assert (run["state"], run["counts"]["created"], run["counts"]["invalid"]) == ("partial", 1, 1)
    assert (await students(district))["S-1"]["students.race"] == ["W", "A"]
    (bad,) = await district.records(run["id"], outcome="Failed")
    assert bad["problems"][0]["code"] == "code.unmatched"


async def refused(district: District, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await district.api.put(path, json=body)
    assert answer.status_code == 422
    found: dict[str, Any] = answer.json()["error"]
    return found


async def test_a_mapping_with_a_code_that_enroll_does_not_have_is_refused(district: District) -> None:
    connection = await district.ad_hoc()
    path = f"/connections/{connection}/mappings/students"
    rows = [row for row in student_mapping()["fields"] if row["target"] != "students.gender"]
    gender = {"type": "match_codes", "target": "students.gender", "source": "Gender", "codes": {"Male": "MALE"}}
    error = await refused(district, path, {"fields": [*rows, gender]})
    assert f"row {len(rows) + 1}: Enroll does not have these codes for Gender: 'MALE'" in error["message"]
    unknown = {**gender, "codes": {}, "table": "Sex"}
    assert (await refused(district, path, {"fields": [*rows, unknown]}))["code"] == "mapping.table_unknown"


async def test_a_value_that_is_none_of_enrolls_codes_hurts_its_record_alone(district: District, tmp_path: Path) -> None:
    """Grade 13, Gender Q and Race ZZ were written into Enroll where they were mapped by Direct."""
    connection = await district.ad_hoc()
    header = ["Student ID", "First Name", "Last Name", "Birth Date", "Sex", "Level", "Race"]
    kept = [one for one in student_mapping(8)["fields"] if one["target"] in {
        "students.student_district_id", "students.fname", "students.lname", "students.dob"}]  # fmt: skip
    coded = {"students.gender": "Sex", "student_annual.grade": "Level", "students.race": "Race"}
    fields = [*kept, *({"type": "direct", "target": target, "source": source} for target, source in coded.items())]
    await district.map(connection, "students", {"fields": fields})
    common = ["Torres", "03/09/2015"]
    wild = [["F", "12", "W"], ["Q", "12", "W"], ["F", "13", "W"], ["F", "12", "ZZ"]]
    rows = [
        dict(zip(header, [f"S-{number}", "Mara", *common, *codes], strict=True)) for number, codes in enumerate(wild)
    ]
    preview = {"columns": header, "examples": [list(one.values()) for one in rows], "school_year": 2026}
    path = f"/connections/{connection}/mappings/students/preview"
    shown = (await district.api.post(path, json={"mapping": {"fields": fields}, **preview})).raise_for_status().json()
    values = {one["target"]: [each["problem"] for each in one["examples"]] for one in shown["fields"]}
    assert [place for target in coded for place, each in enumerate(values[target]) if each] == [1, 2, 3]

    file = write(tmp_path / "codes.csv", rows)
    waits = await district.upload(connection, file, preview=True)
    run = await district.watch(waits["id"], states=frozenset({"needs_approval"}))
    assert (run["counts"]["create"], run["counts"]["invalid"]) == (1, 3)
    failed = await district.records(run["id"], outcome="Failed")
    assert {(one["problems"][0]["code"], one["problems"][0]["field"]) for one in failed} == {
        ("value.code_unknown", target) for target in coded
    }
    (await district.api.post(f"/runs/{run['id']}/approve")).raise_for_status()
    assert (await district.watch(run["id"]))["counts"]["created"] == 1
    assert set(await students(district)) == {"S-0"}
