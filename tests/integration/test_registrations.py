"""Approved registrations out of the simulated Enroll, and back what became of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest

from services.sandbox.faults import FaultRule
from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.students import DISTRICT_ID, Batch
from services.sandbox.world import OrganizationPatch, OrganizationSpec, World
from shared.adapters.enroll import enroll_client
from shared.adapters.registrations import PAGE, RegistrationSource
from shared.model.errors import Refused, Unavailable
from shared.model.run import Selection


@dataclass
class Site:
    world: World
    http: httpx.AsyncClient

    def source(self, org: str = "o-1", school_year: int = 2026) -> RegistrationSource:
        return RegistrationSource(self.http, org, school_year)

    def register(self, count: int, **about: Any) -> None:
        org = self.world.organization("o-1")
        for number in range(len(org.students), len(org.students) + count):
            values = {"students.fname": f"Mara {number}", "students.lname": "Nguyễn", "students.dob": "2015-03-09"}
            more = {"students.race": ["A", "W"], "student_annual.grade": 5}
            made = org.students.upsert(Batch(2026, DISTRICT_ID), {"key": f"S-{number}", "values": {**values, **more}})
            assert made["status"] == "created"
            org.registrations.add(number, about.get("year", 2026), "100", about.get("status", 1))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    world = World("token", organizations={"o-1": OrganizationSpec(), "o-2": OrganizationSpec()})
    async with serving(create_app(world), bind("127.0.0.1", 0)) as address, enroll_client(address, "token") as http:
        yield Site(world, http)


async def rows(source: RegistrationSource) -> list[dict[str, str]]:
    async with source:
        columns = source.info.columns
        found = [row for batch in [one async for one in source.batches()] for row in batch.rows]
    assert [number for number, _ in found] == list(range(2, len(found) + 2))
    return [dict(zip(columns, values, strict=True)) for _, values in found]


async def test_approved_ones_of_the_year_come_with_the_student_as_texts(site: Site) -> None:
    site.register(2)
    site.register(1, status=0)
    site.register(1, status=-1)
    site.register(1, year=2027)
    found = await rows(site.source())
    assert [one["registrations.id"] for one in found] == ["1", "2"]
    assert (found[0]["students.fname"], found[0]["student_annual.grade"]) == ("Mara 0", "5")
    assert orjson.loads(found[0]["students.race"]) == ["A", "W"]
    assert (found[0]["students.mname"], found[0]["schools.school_code"]) == ("", "100")
    assert await rows(site.source(org="o-2")) == []


@pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 2 * PAGE])
async def test_all_pages_come_once(site: Site, count: int) -> None:
    site.register(count)
    ids = [one["registrations.id"] for one in await rows(site.source())]
    assert ids == [str(number) for number in range(1, count + 1)]


async def test_the_module_is_off(site: Site) -> None:
    site.world.patch("o-1", OrganizationPatch(registration_module=False))
    with pytest.raises(Refused) as caught:
        await rows(site.source())
    assert caught.value.code == "export.registration_off"


async def test_a_page_that_fails_in_the_middle_is_an_error_and_not_the_end(site: Site) -> None:
    site.register(PAGE + 1)
    async with site.source() as source:
        batches = source.batches()
        assert len((await anext(batches)).rows) == PAGE
        site.world.faults.replace([FaultRule(path="registrations", status=503)])
        with pytest.raises(Unavailable):
            await anext(batches)


async def test_enroll_is_told_how_each_ended(site: Site) -> None:
    site.register(PAGE + 1)
    results = [{"id": str(number), "status": "Succeeded", "error": ""} for number in range(1, PAGE + 1)]
    await site.source().report([*results, {"id": str(PAGE + 1), "status": "Failed", "error": "x" * 600}])
    first, last = (
        site.world.organization("o-1").registrations.all[0],
        site.world.organization("o-1").registrations.all[-1],
    )
    assert (first.sis_export_status, first.sis_error) == ("Succeeded", None)
    assert first.sis_export_timestamp
    assert (last.sis_export_status, last.sis_error) == ("Failed", "x" * 512)


async def test_a_search_finds_by_a_name_or_an_id_and_is_bounded(site: Site) -> None:
    site.register(40)
    site.register(1, status=0)

    async def found(text: str) -> list[str]:
        return [one.district_id for one in await site.source().search(text)]

    assert await found("S-7") == ["S-7"]
    assert await found(" nguyen 7 MARA ") == ["S-7", "S-17", "S-27", "S-37"]
    assert len(await found("mara")) == 25
    assert await found("nobody") == []
    assert await found("S-40") == []
    (one,) = await site.source().search("S-3")
    assert (one.first_name, one.last_name, one.grade) == ("Mara 3", "Nguyễn", "5")
    assert await site.source(org="o-2").search("mara") == []


async def test_more_registrations_than_a_call_may_name_are_asked_for_in_several(site: Site) -> None:
    site.register(PAGE + 3)
    ids = tuple(str(number) for number in range(2, PAGE + 4))
    found = await rows(RegistrationSource(site.http, "o-1", 2026, Selection(registrations=ids)))
    assert sorted(int(one["registrations.id"]) for one in found) == [int(id) for id in ids]
