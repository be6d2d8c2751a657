"""The suite of SIS targets, run for every SIS that can be written to."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any, ClassVar

import httpx
import pytest

from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import World
from shared.adapters.aeries.server import Certificate
from shared.adapters.aeries.target import AeriesTarget
from shared.adapters.powerschool.target import PowerSchoolTarget
from shared.adapters.sis_http import ClientCredentials, SisHttp
from shared.adapters.skyward.login import SkywardLogin
from shared.adapters.skyward.target import SkywardTarget
from shared.model.catalog import Catalog, sis_catalog
from shared.model.errors import Unavailable
from shared.model.export_rules import ExportRules
from shared.model.kind_settings import AeriesSettings, PowerSchoolSettings, SkywardSettings
from shared.model.ports import Target
from shared.model.record import Applied
from shared.security.trust import trusted
from shared.store.database import Store
from tests.integration.api_site import GOOD, Beat
from tests.integration.conformance.sis_target_suite import MARA, ROSA, SisSite, SisTargetConformance
from tests.integration.store_site import store as store


class PowerSchoolSite(SisSite):
    fields: ClassVar = {
        "student_id": "local_id",
        "state_id": "state_province_id",
        "first": "name.first_name",
        "last": "name.last_name",
        "born": "demographics.birth_date",
        "contact_first": "1 - Contacts.FirstName",
        "contact_last": "1 - Contacts.LastName",
        "contact_phone": "1 - Contacts.Phones1",
        "contact_email": "1 - Contacts.Emails1",
    }
    fixed: ClassVar = {
        "school_enrollment.school_number": "100",
        "school_enrollment.grade_level": 3,
        "school_enrollment.entry_date": "2026-08-10",
        "school_enrollment.exit_date": "2027-05-28",
    }
    student_path = "/ws/v1/student$"
    contact_path = "/ws/contacts/contact$"
    contacts_path = "/ws/contacts/student/"
    droppable = "state_id"

    @property
    def about(self) -> Catalog:
        return sis_catalog("powerschool")

    async def make(self, *, drops: bool = False) -> None:
        spec = {"students": 0, "dropped": [self.fields[self.droppable]] if drops else []}
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
            (await client.put(f"{self.url}/sandbox/powerschool/d", json=spec)).raise_for_status()

    def inner(self, rules: ExportRules) -> Target:
        settings = PowerSchoolSettings(base_url=f"{self.url}/powerschool/d")
        auth = ClientCredentials(f"{settings.base_url}/oauth/access_token", "client", GOOD)
        http = SisHttp(settings.base_url, auth, Beat(), allow_private_addresses=True)
        return PowerSchoolTarget(http, settings, rules, self.about, None)

    async def give_ids(self, answer: Applied, person: dict[str, str]) -> None:
        """The ids are those that were sent."""

    async def people(self) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
            held = (await client.get(f"{self.url}/sandbox/powerschool/d")).raise_for_status().json()["students"]
        return [
            {
                "first": one["name"]["first_name"],
                "last": one["name"]["last_name"],
                "contacts": [contact["firstName"] for contact in one["contacts"]],
            }
            for one in held
        ]


class AeriesSite(SisSite):
    fields: ClassVar = {
        "student_id": "StudentID",
        "state_id": "StateStudentID",
        "first": "FirstName",
        "last": "LastName",
        "born": "BirthDate",
        "contact_first": "1 - Contacts.FirstName",
        "contact_last": "1 - Contacts.LastName",
        "contact_phone": "1 - Contacts.Phones1",
        "contact_email": "1 - Contacts.Emails1",
    }
    fixed: ClassVar = {"SchoolCode": "100", "Grade": 3, "SchoolEnterDate": "2026-08-10"}
    student_path = "/InsertStudent$"
    contact_path = "/InsertContact/"
    contacts_path = "/schools/0/contacts/"
    droppable = "born"

    @property
    def about(self) -> Catalog:
        return sis_catalog("aeries")

    async def make(self, *, drops: bool = False) -> None:
        spec = {"students": 0, "dropped": [self.fields[self.droppable]] if drops else []}
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
            (await client.put(f"{self.url}/sandbox/aeries/d", json=spec)).raise_for_status()

    async def give_ids(self, answer: Applied, person: dict[str, str]) -> None:
        ids = {"StudentID": int(person["student_id"]), "StateStudentID": person["state_id"]}
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
            path = f"{self.url}/sandbox/aeries/d/students/{answer.target_id}"
            (await client.patch(path, json=ids)).raise_for_status()

    def inner(self, rules: ExportRules) -> Target:
        settings = AeriesSettings.model_validate({"base_url": f"{self.url}/aeries/d", **self.settings})
        http = SisHttp(settings.base_url, Certificate(GOOD), Beat(), allow_private_addresses=True)
        return AeriesTarget(http, settings, rules, self.about, date(2026, 8, 1), None)

    async def people(self) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
            held = (await client.get(f"{self.url}/sandbox/aeries/d")).raise_for_status().json()
        return [
            {
                "first": one["FirstName"],
                "last": one["LastName"],
                "contacts": [
                    contact["FirstName"] for contact in held["contacts"] if contact["StudentID"] == one["StudentID"]
                ],
            }
            for one in held["students"]
        ]


class SkywardSite(SisSite):
    fields: ClassVar = {
        "student_id": "Student.StudentNumber",
        "state_id": "Student.CalculatedStudentStateID",
        "first": "Name.FirstName",
        "last": "Name.LastName",
        "born": "Name.BirthDate",
        "contact_first": "1 - Contacts.FirstName",
        "contact_last": "1 - Contacts.LastName",
        "contact_phone": "1 - Contacts.Phones1",
        "contact_email": "1 - Contacts.Emails1",
    }
    fixed: ClassVar = {
        "Enrollment.School": "100",
        "Enrollment.Grade": "03",
        "Enrollment.StartDate": "2026-08-10",
        "Address.Street": "12 Elm St",
        "Address.City": "Mesa",
        "Address.State": "AZ",
        "Address.Zip": "85201",
        "Phone.Number": "4805550101",
    }
    student_path = "/Student/Student$"
    contact_path = "/Family/StudentGuardian$"
    contacts_path = "/Family/StudentGuardian/"
    droppable = "born"

    @property
    def about(self) -> Catalog:
        return sis_catalog("skyward")

    async def make(self, *, drops: bool = False) -> None:
        spec = {"students": 0, "dropped": ["BirthDate"] if drops else []}
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
            (await client.put(f"{self.url}/sandbox/skyward/d", json=spec)).raise_for_status()

    async def give_ids(self, answer: Applied, person: dict[str, str]) -> None:
        ids = {"StudentNumber": person["student_id"], "CalculatedStudentStateID": person["state_id"]}
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
            path = f"{self.url}/sandbox/skyward/d/objects/Student/Student/{answer.target_id}"
            (await client.patch(path, json=ids)).raise_for_status()

    def inner(self, rules: ExportRules) -> Target:
        settings = SkywardSettings(base_url=f"{self.url}/skyward/d")
        auth = SkywardLogin(f"{settings.base_url}/oauth/token", "client", GOOD)
        http = SisHttp(settings.base_url, auth, Beat(), allow_private_addresses=True)
        return SkywardTarget(http, settings, rules, None)

    async def held(self) -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
            found: dict[str, Any] = (await client.get(f"{self.url}/sandbox/skyward/d")).raise_for_status().json()
            return found

    async def people(self) -> list[dict[str, Any]]:
        return [
            {
                "first": one["Name"]["FirstName"],
                "last": one["Name"]["LastName"],
                "contacts": [guardian["FirstName"] for guardian in one["Guardians"]],
            }
            for one in (await self.held())["students"]
        ]


async def opened(kind: type[SisSite], store: Store) -> AsyncIterator[SisSite]:
    world = World("token")
    async with serving(create_app(world), bind("127.0.0.1", 0)) as url:
        one = kind(world, url, store)
        await one.make()
        yield one


class TestPowerSchool(SisTargetConformance):
    @pytest.fixture
    async def site(self, store: Store) -> AsyncIterator[SisSite]:
        async for one in opened(PowerSchoolSite, store):
            yield one


class TestAeries(SisTargetConformance):
    @pytest.fixture
    async def site(self, store: Store) -> AsyncIterator[SisSite]:
        async for one in opened(AeriesSite, store):
            yield one


STEPS = {
    "name": "/Demographics/Name$",
    "student": "/Student/Student$",
    "enrollment": "/Enrollment/EntryWithdrawal$",
    "address": "/Demographics/Address$",
    "home": "/Demographics/NameAddress$",
    "phone": "/Demographics/NamePhone$",
    "guardian": "/Family/StudentGuardian$",
}


class TestSkyward(SisTargetConformance):
    @pytest.fixture
    async def site(self, store: Store) -> AsyncIterator[SisSite]:
        async for one in opened(SkywardSite, store):
            yield one

    @pytest.mark.parametrize("step", STEPS)
    async def test_a_creation_that_breaks_off_at_any_step_is_taken_up_and_makes_nothing_twice(
        self, site: SkywardSite, step: str
    ) -> None:
        site.fault(STEPS[step], close=True, after=True, times=1)
        with pytest.raises(Unavailable):
            await site.export(("1", MARA | ROSA))
        (answer,) = await site.export(("1", MARA | ROSA))
        assert (answer.ok, answer.partial) == (True, False), answer
        (student,) = (await site.held())["students"]
        assert (len(student["Enrollments"]), len(student["Guardians"])) == (1, 1)
        assert (student["Addresses"], student["Phones"]) == (1, 1)
        assert (await site.held())["names"] == 2
