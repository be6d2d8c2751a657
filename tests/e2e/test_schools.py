"""The schools of a connection through the API: compared with those of the Enroll that it belongs to."""

from typing import Any

import httpx

from devtools.district import EXPORTER, YEAR, District, ok
from devtools.sis_districts import PowerSchoolDistrict
from devtools.stack import Stack
from tests.e2e.enroll import Faults

NEW = {"name": "Registrations", "kind": "ad_hoc"}


def told(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def change(district: District, connection: str, **values: Any) -> httpx.Response:
    return await district.api.patch(f"/connections/{connection}", json=values)


async def test_codes_that_enroll_does_not_know_are_refused(district: District) -> None:
    await district.open_schools(_100="Mesa Elementary")
    connection = await district.ad_hoc()

    refused = await change(district, connection, schools=["100", "1O0"], enable_export=True)

    assert told(refused) == (422, "connection.school_unknown")
    assert "with the code 1O0." in refused.json()["error"]["message"]
    held = ok(await district.api.get(f"/connections/{connection}")).json()
    assert (held["schools"], held["enable_export"]) == ([], False), "nothing of it is saved"
    answer = ok(await change(district, connection, schools=["100"])).json()
    assert (answer["schools"], answer["schools_compared"]) == (["100"], True)


async def test_a_connection_is_not_made_with_codes_that_enroll_does_not_know(district: District) -> None:
    codes = [f"1O{number}" for number in range(12)]

    refused = await district.api.post("/connections", json={**NEW, "schools": codes})

    assert told(refused) == (422, "connection.school_unknown")
    assert "1O9 and 2 more." in refused.json()["error"]["message"]
    assert ok(await district.api.get("/connections")).json() == []


STARTS = {"start_date": "2026-08-10", "school_starts": [{"school": "1O0", "date": "2026-08-12"}]}


async def test_a_school_that_starts_on_another_day_is_one_of_enrolls(district: District, faults: Faults) -> None:
    await district.open_schools(_100="Mesa Elementary")
    connection = await district.ad_hoc()

    refused = await change(district, connection, exports=STARTS)

    assert told(refused) == (422, "connection.school_unknown")
    assert "with the code 1O0." in refused.json()["error"]["message"]
    assert told(await district.api.post("/connections", json={**NEW, "exports": STARTS})) == told(refused)
    await faults({"path": "field-codes", "org": district.org, "status": 503})
    answer = ok(await change(district, connection, exports=STARTS)).json()
    assert (answer["schools_compared"], answer["exports"]["school_starts"][0]["school"]) == (False, "1O0")
    again = ok(await change(district, connection, exports={**STARTS, "end_date": "2027-05-28"})).json()
    assert again["schools_compared"] is True, "what it has already is not asked about"


async def test_an_export_of_a_school_that_enroll_does_not_know_is_refused(
    stack: Stack, org: str, faults: Faults
) -> None:
    async with District(stack, org, permissions=EXPORTER) as district:
        sis = PowerSchoolDistrict(district)
        await sis.make()
        await district.open_schools(_100="Mesa Elementary")
        path = f"/connections/{await sis.connect()}/exports/students"
        query = {"school_year": YEAR, "preview": True}
        refused = await district.api.post(path, params={**query, "school": ["100", "1O0"]})
        assert told(refused) == (422, "connection.school_unknown")
        assert ok(await district.api.get("/runs")).json() == []
        known = ok(await district.api.post(path, params={**query, "school": "100"})).json()
        assert known["schools_compared"] is True
        spaced = ok(await district.api.post(path, params={**query, "school": " 100\t"})).json()
        assert (spaced["schools_compared"], spaced["selection"]["schools"]) == (True, ["100"])
        assert (await district.api.post(path, params={**query, "school": "  "})).status_code == 422
        await faults({"path": "field-codes", "org": org, "status": 503})
        unasked = ok(await district.api.post(path, params={**query, "school": "1O0"})).json()
        assert unasked["schools_compared"] is False


async def test_schools_are_those_of_the_organization_and_of_its_own_enroll(
    district: District, rehearsal: District, stack: Stack
) -> None:
    await district.open_schools(_100="Mesa Elementary")
    sandboxed = ok(await district.api.post("/connections", json={**NEW, "instance": "sandbox"})).json()["id"]
    assert told(await change(district, sandboxed, schools=["100"])) == (422, "connection.school_unknown")
    async with District(stack, f"{district.org}-neighbour") as neighbour:
        foreign = await neighbour.ad_hoc()
        assert told(await change(neighbour, foreign, schools=["100"])) == (422, "connection.school_unknown")
        assert told(await change(district, foreign, schools=["100"])) == (404, "connection.not_found")


async def test_an_enroll_that_does_not_answer_is_not_waited_for(district: District, faults: Faults) -> None:
    connection = await district.ad_hoc()
    for fault in ({"delay": 60}, {"status": 503}):
        await faults({"path": "field-codes", "org": district.org, **fault})
        answer = ok(await change(district, connection, schools=[next(iter(fault))])).json()
        assert answer["schools_compared"] is False
        assert len(answer["schools"]) == 1


async def test_what_is_not_about_schools_asks_enroll_nothing(district: District, faults: Faults) -> None:
    await district.open_schools(_100="Mesa Elementary")
    connection = ok(await district.api.post("/connections", json={**NEW, "schools": ["100"]})).json()["id"]
    await faults({"path": "field-codes", "org": district.org, "status": 503})

    changes: tuple[dict[str, Any], ...] = ({"name": "Renamed"}, {"schools": ["100"]}, {"schools": []})
    for values in changes:
        assert ok(await change(district, connection, **values)).json()["schools_compared"] is True
