"""Skyward against a simulated server: every page, every table a student is spread over, every refusal in words."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.sandbox import people
from shared.adapters.sis_http import SisHttp
from shared.adapters.skyward.lists import check, lists
from shared.adapters.skyward.login import SkywardLogin
from shared.adapters.skyward.objects import Objects, flat
from shared.adapters.skyward.source import SkywardSource
from shared.model.errors import BadInput, BadSettings, Unavailable
from shared.model.kind_settings import SkywardSettings
from tests.integration.api_site import GOOD, ApiSite, opened, table


class Site(ApiSite):
    kind = "skyward"

    def settings(self, **more: Any) -> SkywardSettings:
        return SkywardSettings.model_validate({"base_url": f"{self.url}/skyward/d", **more})

    def http(self, settings: SkywardSettings, secret: str = GOOD) -> SisHttp:
        auth = SkywardLogin(f"{settings.base_url}/oauth/token", "client", secret)
        return SisHttp(settings.base_url, auth, self.beat, allow_private_addresses=True)

    def source(self, data_type: str = "students", spool_dir: Path | None = None, **more: Any) -> SkywardSource:
        settings = self.settings(**more)
        http = self.http(settings)
        return SkywardSource(http, Objects(http, settings), settings, data_type=data_type, spool_dir=spool_dir)

    async def check(self, http: SisHttp, settings: Any) -> dict[str, Any]:
        return await check(Objects(http, settings), http.host)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with opened(Site) as one:
        yield one


@pytest.mark.parametrize("nested", [False, True])
async def test_a_student_is_put_together_from_all_tables(site: Site, nested: bool) -> None:
    await site.make(nested=nested)
    found = await table(site.source())
    assert len({one["StudentNumber"] for one in found}) == len(found) == 20
    for one in found:
        assert one["Name.FirstName"]
        assert one["Name.BirthDate"][4] == "-"
        assert one["School.Code"] in people.SCHOOLS
        assert one["StartDate"] == "2026-08-10"  # not the one of the year before
        assert one["HomeAddress.Street"]
        assert one["MailingAddress.Zip"] == one["HomeAddress.Zip"]
        assert one["Phone1"]
        assert {one["Name.IsHispanic"], one["Name.IsWhite"]} <= {"0", "1"}
        assert one["EntryCode"] == "E1"
    assert found[6]["MailingAddress.Street"].startswith("PO Box")


async def test_guardians_come_by_rank_and_nobody_twice(site: Site) -> None:
    found = await table(site.source())
    assert all(one["1 - Contacts.FirstName"] and one["1 - Contacts.Custodial"] == "1" for one in found)
    both = found[7]  # the first guardian is called in an emergency as well
    names = [value for name, value in both.items() if name.endswith("Contacts.FirstName") and value]
    lasts = [value for name, value in both.items() if name.endswith("Contacts.LastName") and value]
    assert len(set(zip(names, lasts, strict=True))) == len(names)
    assert both["1 - Contacts.Emergency"] == "1"
    assert not any(one["1 - Contacts.Relationship"].isdigit() for one in found)
    assert not [name for name in (await table(site.source(contacts=False)))[0] if "Contacts" in name]


@pytest.mark.parametrize("paging", ["next", "repeats", "bare", "none"])
@pytest.mark.parametrize(("students", "page_cap", "page_size"), [(21, 5, 10), (20, 100, 10), (1, 100, 1)])
async def test_every_page_is_read_whatever_next_says(
    site: Site, paging: str, students: int, page_cap: int, page_size: int
) -> None:
    await site.make(students=students, page_cap=page_cap, paging=paging)
    found = await table(site.source(page_size=page_size, contacts=False))
    assert len({one["StudentID"] for one in found}) == len(found) == students
    assert all(one["Name.LastName"] for one in found)


async def test_who_has_left_is_left_out_unless_wanted(site: Site) -> None:
    await site.make(left_every=4)
    assert len(await table(site.source())) == 15
    gone = [one for one in await table(site.source(active_only=False)) if one["IsCurrentActive"] == "0"]
    assert len(gone) == 5
    assert all(one["School.Code"] and one["EndDate"] for one in gone)


async def test_a_token_that_ends_in_the_middle_of_a_walk_is_renewed_and_the_page_asked_again(site: Site) -> None:
    for expired in (403, 400):
        await site.make(students=30, token_calls=7, expired=expired)
        assert len(await table(site.source(page_size=4))) == 30


async def test_logins_come_by_basic_or_in_the_form(site: Site) -> None:
    for style in ("basic", "form"):
        await site.make(logins=[style])
        assert (await site.checked())["schools"] == len(people.SCHOOLS)


@pytest.mark.parametrize(
    ("spec", "secret", "code"),
    [
        ({}, "another", "sis.login_refused"),
        ({"forbidden": ["Demographics/Name.BirthDate"]}, GOOD, "skyward.no_field"),
        ({"forbidden": ["Enrollment/School"]}, GOOD, "skyward.no_access"),
    ],
)
async def test_the_connection_is_tested_in_plain_words(
    site: Site, spec: dict[str, Any], secret: str, code: str
) -> None:
    assert await site.checked() == {"schools": len(people.SCHOOLS)}
    await site.make(**spec)
    with pytest.raises(BadSettings) as caught:
        await site.checked(secret)
    assert (caught.value.code, bool(caught.value.fix)) == (code, True)


async def test_a_forbidden_field_is_named_and_can_be_left_out(site: Site) -> None:
    hidden = ["Demographics/Name.GenderCode", "Demographics/NameEmail.EmailAddress"]
    await site.make(forbidden=hidden)
    with pytest.raises(BadSettings) as caught:
        await table(site.source())
    assert (caught.value.code, "NameEmail.EmailAddress" in caught.value.message) == ("skyward.no_field", True)
    found = await table(site.source(without=["NameEmail", "Student.Name.GenderCode"]))
    assert len(found) == 20
    assert {(one["Name.GenderCode"], one["Email1"]) for one in found} == {("", "")}


async def test_schools_and_lists(site: Site) -> None:
    found = await table(site.source("schools"))
    assert all(one["Name"] == f"School {one['Code']}" for one in found)
    settings = site.settings()
    async with site.http(settings) as http:
        told = await lists(Objects(http, settings))
    assert [one.code for one in told.schools] == list(people.SCHOOLS)
    assert {one.code for one in told.codes["grade"]} == set(people.GRADES)
    assert told.missing == ()
    with pytest.raises(BadInput):
        await table(site.source("programs"))


async def test_lists_that_the_integration_may_not_read_are_named_and_the_others_there(site: Site) -> None:
    settings = site.settings()
    async with site.http(settings) as http:
        (custom, *_) = [one.name for one in (await lists(Objects(http, settings))).fields if one.custom]
    await site.make(forbidden=["Enrollment/GradeReference", "Demographics/Language", "Student/Student"])
    async with site.http(settings) as http:
        told = await lists(Objects(http, settings))
    assert set(told.missing) == {"grade", "language"}
    assert told.codes["phone type"]
    assert custom not in {one.name for one in told.fields}
    assert {"StudentNumber", "Name.FirstName"} <= {one.name for one in told.fields if one.read}


async def test_an_address_that_is_not_that_of_the_api_is_told(site: Site) -> None:
    settings = site.settings(base_url=f"{site.url}/skyward/d/")
    site.fault("/Student/Student", status=404)
    async with site.http(settings) as http:
        with pytest.raises(BadSettings) as caught:
            await site.check(http, settings)
    assert caught.value.code == "skyward.no_api"


async def test_more_fields_are_read_where_they_are_asked_for(site: Site) -> None:
    found = await table(site.source(extra_fields=["GradeNumeric", "Name.EthnicityAndRace"]))
    assert all(one["GradeNumeric"] for one in found)


@pytest.mark.parametrize("body", ["<html>maintenance</html>", '{"message": "no"}'])
async def test_nonsense_never_looks_like_an_empty_district(site: Site, body: str, tmp_path: Path) -> None:
    site.fault("/Student/Student/", body=body)
    with pytest.raises(Unavailable):
        await table(site.source(spool_dir=tmp_path / "spool"))
    assert list((tmp_path / "spool").iterdir()) == []


def test_related_objects_come_flat_or_nested() -> None:
    assert flat({"A": 1, "Name": {"FirstName": "Mara"}}) == flat({"A": 1, "Name.FirstName": "Mara"})
