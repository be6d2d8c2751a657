"""A mapping that is not saved yet: its maker's alone, looked at as it is, saved when it is sound."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from devtools.district import EXPORTER, District, ok
from devtools.sis_districts import POWERSCHOOL, PowerSchoolDistrict, enrolled
from devtools.stack import Stack
from services.sandbox.district import student_mapping
from shared.security.trust import trusted
from tests.e2e.enroll import turn


@pytest.fixture
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    async with District(stack, org, permissions=EXPORTER) as one:
        yield one


def drafts(connection: str, direction: str = "import") -> str:
    return f"/connections/{connection}/drafts/{direction}/students"


async def look(district: District, path: str, **draft: Any) -> dict[str, Any]:
    found: dict[str, Any] = ok(await district.api.post(path + "/look", json=draft)).json()
    return found


async def test_a_draft_is_kept_looked_at_and_saved(district: District) -> None:
    connection = await district.ad_hoc()
    path = drafts(connection)
    desk = ok(await district.api.get(path)).json()
    assert (desk["kept"], desk["latest"], len(desk["draft"]["fields"])) == (False, 1, len(student_mapping()["fields"]))

    half = {"type": "direct", "target": "students.race_other", "source": ""}
    draft = {**desk["draft"], "fields": [*desk["draft"]["fields"], half]}
    ok(await district.api.put(path, json=draft))
    assert ok(await district.api.get(path)).json()["draft"] == draft
    refused = await district.api.post(path + "/save")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "mapping.invalid")
    assert "students.race_other" in refused.json()["error"]["message"]

    draft["fields"][-1] = {**half, "source": "Race Text"}
    ok(await district.api.put(path, json=draft))
    saved = ok(await district.api.post(path + "/save")).json()
    assert (saved["version"], saved["fields"][-1]["source"]) == (2, "Race Text")
    desk = ok(await district.api.get(path)).json()
    assert (desk["kept"], desk["latest"], desk["draft"]["base"]) == (False, 2, 2)


async def test_a_draft_is_kept_only_over_the_one_that_was_read(district: District) -> None:
    connection = await district.ad_hoc()
    path, rows = drafts(connection), student_mapping()["fields"]

    async def put(if_match: str | None, *fields: dict[str, Any]) -> httpx.Response:
        headers = {"If-Match": if_match} if if_match is not None else {}
        return await district.api.put(path, json={"base": 1, "fields": fields}, headers=headers)

    first = ok(await district.api.get(path)).headers["etag"]
    assert (await put(first, *rows[:2])).status_code == 204
    refused = await put(first, *rows[:3])
    assert (refused.status_code, refused.json()["error"]["code"]) == (412, "etag.outdated")
    assert "Read it again" in refused.json()["error"]["fix"]
    second = ok(await district.api.get(path))
    assert second.json()["draft"]["fields"] == rows[:2]
    tag = second.headers["etag"]
    for wrong in (tag.strip('"'), f"W/{tag}", "", '"other"'):
        assert (await put(wrong, *rows[:3])).status_code == 412, wrong
    assert (await put(f'"other", {tag}', *rows[:4])).status_code == 204
    assert (await put("*", *rows[:5])).status_code == 204
    assert (await put(None, *rows[:2])).status_code == 204
    assert ok(await district.api.get(path)).headers["etag"] == tag

    answers = await asyncio.gather(*(put(tag, row) for row in rows[:6]))
    assert sorted(one.status_code for one in answers) == [204, *[412] * 5]
    ok(await district.api.delete(path))
    assert (await put(tag, *rows[:3])).status_code == 412
    assert (await put(first, *rows[:3])).status_code == 204

    described = ok(await district.api.get(district.stack.url("gateway") + "/openapi.json")).json()
    (calls,) = (one for at, one in described["paths"].items() if at.endswith("/drafts/{direction}/{data_type}"))
    assert "412" in calls["put"]["responses"]
    assert "If-Match" in [one["name"] for one in calls["put"]["parameters"] if one["in"] == "header"]
    assert "ETag" in calls["get"]["responses"]["200"]["headers"]


async def test_every_problem_stands_at_its_row_and_sound_rows_are_shown(district: District) -> None:
    connection = await district.ad_hoc()
    path = drafts(connection)
    examples = {"school_year": 2026, "columns": ["A", "Born"], "rows": [["Mara", "3/9/2015"], ["Leo"]]}
    ok(await district.api.put(path + "/examples", json=examples))
    dob = {"source": "Born", "from": ["M/D/YYYY"], "to": "YYYY-MM-DD"}
    rows = [
        {"type": "direct", "target": "students.fname", "source": "A"},
        {"type": "transformation", "target": "students.dob", "name": "date", "options": dob},
        {"type": "transformation", "target": "students.lname", "name": "", "options": {"source": "A"}},
        {"type": "match_codes", "target": "students.gender", "source": "A", "table": "none"},
        {"type": "direct", "target": "students.mname", "source": "Gone"},
    ]

    looked = await look(district, path, fields=rows)

    assert {one["place"]: one["code"] for one in looked["problems"]} == {
        "students.lname": "draft.no_transformation",
        "students.gender": "mapping.table_unknown",
        "students.mname": "mapping.column_missing",
        "": "mapping.no_match_key",
    }
    assert {one["place"] for one in looked["problems"] if not one["blocks"]} == {"students.mname"}
    assert [one["value"] for one in looked["values"]["students.dob"]] == ["2015-03-09", None]
    assert [one["value"] for one in looked["values"]["students.fname"]] == ["Mara", "Leo"]


async def test_files_are_looked_at_with_registrations(district: District, tmp_path: Path) -> None:
    students = await enrolled(district, tmp_path, 3)
    await district.register(students)
    connection = await district.ad_hoc("Files")
    path = drafts(connection, "export")
    found = ok(
        await district.api.post(
            f"/connections/{connection}/exports/students/registrations/search",
            json={"search": students[1], "school_year": 2026},
        )
    ).json()
    assert [one["district_id"] for one in found] == [students[1]]
    ok(await district.api.put(path + "/examples", json={"school_year": 2026, "students": [found[0]["student"]]}))
    columns = [
        {"header": "ID", "source": "students.student_district_id"},
        {"header": "Name", "source": ""},
        {"header": "Left out", "source": "", "do_not_map": True},
        {"header": "Zip", "source": "students.postal"},
    ]

    looked = await look(district, path, files=[{"name": "roster", "columns": columns}, {"name": "", "columns": []}])

    assert looked["values"]["1.1"][0]["value"] == students[1]
    codes = {one["place"]: one["code"] for one in looked["problems"]}
    assert codes == {"1.2": "draft.no_source", "1.4": "export.field_unknown", "2": "draft.no_columns"}
    ok(await district.api.put(path, json={"files": [{"name": "roster_{YYYY}", "columns": columns[:1] + columns[2:3]}]}))
    saved = ok(await district.api.post(path + "/save")).json()
    assert [one["header"] for one in saved["files"][0]["columns"]] == ["ID"]


async def test_fields_of_a_sis_are_looked_at_with_registrations(district: District, tmp_path: Path) -> None:
    students = await enrolled(district, tmp_path, 1)
    await district.register(students)
    sis = PowerSchoolDistrict(district)
    await sis.make()
    connection = await sis.connect()
    path = drafts(connection, "export")
    ok(await district.api.put(path + "/examples", json={"school_year": 2026, "students": students}))

    looked = await look(district, path, fields=POWERSCHOOL)
    proposed = ok(await district.api.post(f"/connections/{connection}/exports/students/mappings/propose")).json()
    rows = {one["target"]: one["row"]["source"] for one in proposed}
    assert (rows["name.first_name"], rows["demographics.birth_date"]) == ("students.fname", "students.dob")
    assert all(one["reason"] for one in proposed)

    assert looked["problems"] == []
    assert looked["values"]["local_id"][0]["value"] == students[0]


async def test_a_draft_is_its_makers_alone(district: District, stack: Stack) -> None:
    connection = await district.ad_hoc()
    path = drafts(connection)
    ok(
        await district.api.put(
            path, json={"fields": [{"type": "direct", "target": "students.fname", "source": "Mine"}]}
        )
    )
    held = {"u-1": list(EXPORTER), "u-2": ["Sync Service Limited Access"]}
    await turn(district, users=held)
    bearer = {"Authorization": f"Bearer {await district.token('u-2')}"}
    async with httpx.AsyncClient(
        base_url=district.api.base_url, headers=bearer, trust_env=False, verify=trusted()
    ) as other:
        assert ok(await other.get(path)).json()["kept"] is False
        assert (await other.get(drafts(connection, "export"))).status_code == 403
    async with District(stack, f"{district.org}-2") as elsewhere:
        for method, more in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/look"), ("POST", "/save")):
            answer = await elsewhere.api.request(method, path + more, json={"fields": []})
            assert answer.status_code == 404, (method, more)


async def test_two_versions_are_compared_row_by_row(district: District) -> None:
    connection = await district.ad_hoc()
    rows = student_mapping()["fields"]
    changed = [{**row, "source": "Given"} if row["target"] == "students.fname" else row for row in rows[:-1]]
    await district.map_students(connection, {"fields": changed})
    home = f"/connections/{connection}/mappings/students"
    after, before = ok(await district.api.get(home)).json()
    params = {"before": before["id"], "after": after["id"]}
    found = ok(await district.api.get(home + "/compare", params=params)).json()
    assert [one["place"] for one in found] == ["students.fname", rows[-1]["target"]]
    assert (found[0]["before"]["source"], found[0]["after"]["source"]) == ("First Name", "Given")
    assert found[1]["after"] is None
    report = ok(await district.api.post("/code-tables/report", json={"enroll_set": "gender", "pairs": []})).json()
    assert [one["code"] for one in report["unmapped_enroll"]] == ["F", "M", "X"]


@pytest.mark.parametrize("wrong", [{"fields": [{"target": 1}]}, {"files": [{"columns": ["x"]}]}, {"fields": "x"}])
async def test_what_is_no_row_is_no_draft(district: District, wrong: dict[str, Any]) -> None:
    answer = await district.api.put(drafts(await district.ad_hoc()), json=wrong)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")
