"""What the mapping screens say first: of an export without files, of columns nobody can check, of a test record."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

from devtools.district import EXPORTER, District, ok
from devtools.sis_districts import POWERSCHOOL, PowerSchoolDistrict, enrolled
from devtools.stack import Stack
from tests.e2e.pages.conftest import in_session
from tests.e2e.pages.visitor import Visitor
from tests.sent import Sent


@in_session
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    async with District(stack, org, permissions=EXPORTER) as one:
        yield one


async def test_an_export_without_a_file_says_what_is_missing(visitor: Visitor, district: District) -> None:
    address = f"/connections/{await district.ad_hoc()}/mappings/export/students/fields"
    page = await visitor.get(address)
    for _ in range(2):
        assert "This export has no file yet. Choose New File, and add at least one field to it." in page.text
        page = await visitor.post(address, **Sent(page.text).form, do="save")
        assert page.status_code == 422
        assert "Tuple" not in page.text


async def test_a_column_that_cannot_be_checked_is_told_of(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    address = f"/connections/{connection}/mappings/import/students/fields"
    page = await visitor.get(address)
    configure = address.replace("fields", "configure")
    assert "No examples are chosen, so it could not be checked whether your file has the" in page.text
    assert f'<a href="{configure}">Choose examples under Configure.</a>' in page.text
    assert "not checked</span>" in page.text
    row = await visitor.get(address.replace("fields", "row") + "?place=students.fname")
    assert "to check against whether your file has the columns" in row.text

    drafts = f"/connections/{connection}/drafts/import/students"
    fields = ok(await district.api.get(drafts)).json()["draft"]["fields"]
    read = ok(await district.api.post(drafts + "/look", json={"fields": fields})).json()["unchecked"]
    assert "First Name" in read
    examples = {"school_year": 2026, "columns": read[1:], "rows": [["x"] * len(read[1:])]}
    ok(await district.api.put(drafts + "/examples", json=examples))
    page = await visitor.get(address)
    assert "could not be checked" not in page.text
    assert "not checked</span>" not in page.text
    assert "1 thing to look at: your examples have no such column" in page.text


async def test_a_test_record_is_sent_once_it_is_said_whose_and_where(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    students = await enrolled(district, tmp_path, 2)
    sis = PowerSchoolDistrict(district)
    await sis.make()
    connection = await sis.connect()
    address = f"/connections/{connection}/mappings/export/students/test"
    nobody = await visitor.post(address, student="")
    assert (nobody.status_code, "no approved registrations" in nobody.text) == (422, True)
    await district.register(students)

    asked = await visitor.post(address, student="")

    assert asked.status_code == 200
    assert await sis.people() == []
    assert ok(await district.api.get("/runs", params={"direction": "export"})).json() == []
    shown = ok(await district.api.get(f"/connections/{connection}")).json()
    assert f"PowerSchool at {shown['powerschool']['base_url']}, by the connection {shown['name']}" in asked.text
    assert re.search(rf"{students[0]}, grade [^,]+, school [0-9]+<", asked.text)
    assert "version 1 of the mapping" in asked.text
    assert (await visitor.get(address)).headers["location"].endswith("/fields#test")

    form = Sent(asked.text).form
    ok(await district.api.put(f"/connections/{connection}/exports/students/mappings", json={"fields": POWERSCHOOL}))
    again = await visitor.post(address, **form)
    assert (again.status_code, "version 2 of the mapping" in again.text) == (200, True)
    sent = await visitor.post(address, **Sent(again.text).form)
    assert sent.status_code == 303
    run = sent.headers["location"].removeprefix("/runs/").partition("?")[0]
    assert (await district.watch(run))["selection"]["test"]
    assert [one["student_id"] for one in await sis.people()] == students[:1]

    path = f"/connections/{connection}/exports/students/registrations/test"
    chosen = ok(await district.api.post(path, json={"student": students[1], "school_year": 2026})).json()
    assert chosen["district_id"] == students[1]
    await district.open_schools(_999="Of nobody")
    ok(await district.api.patch(f"/connections/{connection}", json={"schools": ["999"]}))
    refused = await district.api.post(path, json={"school_year": 2026})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "export.nothing")
