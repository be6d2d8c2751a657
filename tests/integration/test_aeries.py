"""Aeries over its API against a simulated site: every school, every shape, every refusal in plain words."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.sandbox import people
from services.sandbox.faults import FaultRule
from shared.adapters.aeries.json import named, text, texts
from shared.adapters.aeries.server import Aeries, Certificate
from shared.adapters.aeries.source import AeriesSource
from shared.adapters.sis_http import SisHttp
from shared.model.errors import BadInput, BadSettings, Unavailable
from shared.model.kind_settings import AeriesSettings
from tests.integration.api_site import GOOD, ApiSite, opened, table


class Site(ApiSite):
    kind = "aeries"

    def settings(self, **more: Any) -> AeriesSettings:
        return AeriesSettings.model_validate({"base_url": f"{self.url}/aeries/d", **more})

    def http(self, settings: AeriesSettings, secret: str = GOOD) -> SisHttp:
        return SisHttp(settings.base_url, Certificate(secret), self.beat, allow_private_addresses=True)

    def source(self, data_type: str = "students", spool_dir: Path | None = None, **more: Any) -> AeriesSource:
        settings = self.settings(**more)
        http = self.http(settings)
        return AeriesSource(http, Aeries(http, settings), settings, data_type=data_type, spool_dir=spool_dir)

    async def check(self, http: SisHttp, settings: Any) -> dict[str, Any]:
        return await Aeries(http, settings).check()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with opened(Site) as one:
        yield one


async def test_each_student_comes_once_with_their_contacts_in_order(site: Site) -> None:
    found = await table(site.source())
    assert len({one["StudentID"] for one in found}) == len(found) == 20
    assert all(one["FirstName"] and len(one["Birthdate"]) == 10 for one in found)
    assert all(one["1 - Contacts.FirstName"] and one["1 - Contacts.EducationalRights"] == "1" for one in found)
    assert {one["InactiveStatusCode"] for one in found} == {""}


async def test_padded_codes_are_trimmed(site: Site) -> None:
    found = await table(site.source())
    assert all(value == value.strip() for one in found for value in one.values())


async def test_a_contact_with_a_mailing_name_alone_keeps_it(site: Site) -> None:
    second = [one for one in await table(site.source()) if one.get("2 - Contacts.LastName")]
    assert second
    assert all(" " in one["2 - Contacts.LastName"] and not one["2 - Contacts.FirstName"] for one in second)


async def test_inactive_students_are_left_out_and_pre_enrolled_come_after_active_ones(site: Site) -> None:
    await site.make(students=30, statuses=["", "*", "T"])
    assert {one["InactiveStatusCode"] for one in await table(site.source())} == {"", "*"}
    assert {one["InactiveStatusCode"] for one in await table(site.source(statuses=[""]))} == {""}
    both = await table(site.source(statuses=["N", ""]))
    assert {one["InactiveStatusCode"] for one in both} == {"N", ""}, (
        "who stands in two schools counts where it comes first"
    )
    assert len({one["StudentID"] for one in both}) == len(both)


@pytest.mark.parametrize(
    "manners", [{"page_cap": 3}, {"page_cap": 1, "students": 5}, {"students": 0}, {"students": 300}], ids=str
)
async def test_every_page_is_read_also_where_the_site_caps_it(site: Site, manners: dict[str, Any]) -> None:
    await site.make(**manners)
    found = await table(site.source(page_size=10))
    assert len({one["StudentID"] for one in found}) == len(found) == manners.get("students", 20)


async def test_only_the_schools_that_are_named(site: Site) -> None:
    everyone = await table(site.source())
    code = everyone[0]["SchoolCode"]
    found = await table(site.source(schools=[int(code)]))
    assert {one["SchoolCode"] for one in found} == {code}
    schools = await table(site.source("schools"))
    assert len(schools) == len(people.SCHOOLS)
    assert schools[0]["StateSchoolID"].startswith("00")
    with pytest.raises(BadInput):
        await table(site.source("programs"))


async def test_a_year_that_is_not_there_is_told_because_aeries_would_answer_another(site: Site) -> None:
    assert len(await table(site.source(database_year=2026))) == 20
    with pytest.raises(BadSettings) as caught:
        await table(site.source(database_year=2019))
    assert caught.value.code == "aeries.no_year"
    assert "2025, 2026" in caught.value.fix


@pytest.mark.parametrize(
    ("spec", "certificate", "more", "code"),
    [
        ({}, "another", {}, "sis.login_refused"),
        ({"forbidden": ["/students"]}, GOOD, {}, "aeries.no_access"),
        ({}, GOOD, {"base_url": "elsewhere"}, "aeries.no_api"),
        ({}, GOOD, {"database_year": 2001}, "aeries.no_year"),
    ],
)
async def test_the_connection_is_tested_in_plain_words(
    site: Site, spec: dict[str, Any], certificate: str, more: dict[str, Any], code: str
) -> None:
    assert await site.checked() == {"version": "9.26.8.1", "schools": len(people.SCHOOLS)}
    await site.make(**spec)
    if "base_url" in more:
        more = {"base_url": f"{site.url}/aeries/{more['base_url']}"}
    with pytest.raises(BadSettings) as caught:
        await site.checked(certificate, **more)
    assert (caught.value.code, bool(caught.value.fix)) == (code, True)
    assert certificate == GOOD or certificate not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"body": "<html>Aeries is being updated</html>"}, "sis.not_json"),
        ({"body": '{"Message": "no"}', "content_type": "application/json"}, "sis.not_understood"),
        ({"status": 502}, "sis.unavailable"),
    ],
)
async def test_nonsense_never_looks_like_an_empty_school(
    site: Site, fault: dict[str, Any], code: str, tmp_path: Path
) -> None:
    site.world.faults.replace([FaultRule(path="/students", every=3, **fault)] if "status" not in fault else [])
    if "status" in fault:
        site.fault("/students", **fault)
    with pytest.raises(Unavailable) as caught:
        await table(site.source(spool_dir=tmp_path / "spool"))
    assert caught.value.code == code
    assert list((tmp_path / "spool").iterdir()) == []


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.none())


@given(st.dictionaries(st.sampled_from(["StudentID", "ContactOrder", "FirstName", "MailingName"]), anything))
def test_no_answer_makes_it_raise(raw: dict[str, Any]) -> None:
    assert all(isinstance(value, str) for value in dict(named([texts(raw)])).values())
    assert text("2015-03-09T00:00:00") == "2015-03-09"
    assert text(" 02 ") == "02"
    assert text("0001-01-01T00:00:00") == ""
