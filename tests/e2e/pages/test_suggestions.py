"""Suggestions: what Accept all takes, and what it leaves to the person."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from devtools.district import EXPORTER, District, ok
from devtools.sis_districts import AeriesDistrict, PowerSchoolDistrict, enrolled
from devtools.stack import Stack
from tests.e2e.pages.conftest import in_session
from tests.e2e.pages.visitor import Visitor
from tests.sent import Sent


@in_session
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    async with District(stack, org, permissions=EXPORTER) as one:
        yield one


async def fields(district: District, connection: str, direction: str) -> dict[str, Any]:
    desk = ok(await district.api.get(f"/connections/{connection}/drafts/{direction}/students")).json()
    return {one["target"]: one for one in desk["draft"]["fields"]}


async def test_accept_all_takes_nobodys_row_away(visitor: Visitor, district: District, tmp_path: Path) -> None:
    students = await enrolled(district, tmp_path, 1)
    await district.register(students)
    connection = await AeriesDistrict(district).connect()
    before = await fields(district, connection, "export")
    assert before["1 - Contacts.Relationship"]["source"] == {"value": "11"}
    drafts = f"/connections/{connection}/drafts/export/students"
    ok(await district.api.put(drafts + "/examples", json={"school_year": 2026, "students": students}))
    address = f"/connections/{connection}/mappings/export/students/suggestions"

    asked = await visitor.led(address, **Sent((await visitor.get(address)).text).form, do="ask")
    assert "There are no values to check it by" not in asked.text
    assert "The SIS takes what the example has." in asked.text
    assert "Guardian 1 Relation" not in asked.text
    await visitor.led(address, **Sent(asked.text).form, do="accept-all")

    after = await fields(district, connection, "export")
    assert {name: after[name] for name in before} == before
    assert {"Gender", "2 - Contacts.LastName"} <= after.keys()
    assert not {"NextSchool", "EthnicityCode"} & after.keys()


async def test_a_row_that_is_mapped_is_replaced_for_whoever_asks_for_it(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    columns = ["Student ID", "First Name", "Last Name", "Given", "Middle Name"]
    address = f"/connections/{connection}/mappings/import/students/suggestions"
    drafts = f"/connections/{connection}/drafts/import/students"
    rows = [
        {"target": "students.fname", "type": "direct", "source": "Given", "updatable": False},
        {"target": "students.lname", "type": "direct", "source": "Last Name", "blank": "clear"},
        {"target": "students.mname", "type": "direct", "source": ""},
    ]
    ok(await district.api.put(drafts, json={"fields": rows}))
    found = ok(await district.api.post("/catalogs/students/propose", json={"columns": columns})).json()
    proposals = [one for one in found if one["target"] in {"students.fname", "students.lname", "students.mname"}]
    assert len(proposals) == 3
    examples = {"school_year": 2026, "columns": columns, "rows": [], "proposals": proposals}
    ok(await district.api.put(drafts + "/examples", json=examples))

    shown = await visitor.get(address)
    assert "Accept all 2 that replace nothing" in shown.text
    left = await visitor.led(address, **Sent(shown.text).form, do="accept-all")
    held = await fields(district, connection, "import")
    assert (held["students.fname"]["source"], held["students.mname"]["source"]) == ("Given", "Middle Name")
    assert held["students.lname"]["blank"] == "clear"
    assert "1 row that is mapped otherwise already stays as it is" in left.text
    assert "Accept all" not in left.text

    await visitor.led(address, **Sent((await visitor.get(address)).text).form, do="accept:students.fname")
    assert (await fields(district, connection, "import"))["students.fname"]["source"] == "First Name"


async def test_half_an_address_cannot_be_saved_and_half_a_contact_is_told_of(
    visitor: Visitor, district: District
) -> None:
    connection = await PowerSchoolDistrict(district).connect()
    drafts = f"/connections/{connection}/drafts/export/students"
    address = f"/connections/{connection}/mappings/export/students/fields"
    rows = list((await fields(district, connection, "export")).values())
    contact = {"target": "3 - Contacts.FirstName", "type": "direct", "source": "students.fname"}
    ok(await district.api.put(drafts, json={"fields": [*rows, contact], "base": 1}))

    shown = await visitor.get(address)
    assert "1 thing to look at before this is used" in shown.text
    assert "3 - Contact Last Name is not mapped, and goes together with 3 - Contact First Name." in shown.text
    assert "your examples have no such column" not in shown.text
    await visitor.led(address, **Sent(shown.text).form, do="save")
    saved = ok(await district.api.get(f"/connections/{connection}/exports/students/mappings")).json()
    assert len(saved) == 2

    half = [one for one in rows if one["target"] != "addresses.physical.postal_code"]
    ok(await district.api.put(drafts, json={"fields": half, "base": 2}))
    shown = await visitor.get(address)
    assert "1 thing to put right before this can be saved" in shown.text
    assert 'id="add-addresses' in shown.text
    assert (
        "Home Zip is not mapped, and goes together with"
        in (await visitor.post(address, **Sent(shown.text).form, do="save")).text
    )
