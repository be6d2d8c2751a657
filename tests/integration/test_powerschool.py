"""PowerSchool over its API against a simulated server: every page, every shape, every refusal in plain words."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.sandbox import people
from services.sandbox.powerschool_writing import ContactBook
from shared.adapters.powerschool.server import PowerSchool
from shared.adapters.powerschool.source import CUT_SHORT, PowerSchoolSource
from shared.adapters.sis_http import ClientCredentials, SisHttp
from shared.model.errors import BadInput, BadSettings, SyncError, Unavailable
from shared.model.kind_settings import PowerSchoolSettings
from tests.integration.api_site import GOOD, ApiSite, opened, table


class Site(ApiSite):
    kind = "powerschool"

    def settings(self, **more: Any) -> PowerSchoolSettings:
        return PowerSchoolSettings.model_validate({"base_url": f"{self.url}/powerschool/d", **more})

    def http(self, settings: PowerSchoolSettings, secret: str = GOOD) -> SisHttp:
        auth = ClientCredentials(f"{settings.base_url}/oauth/access_token", "client", secret)
        return SisHttp(settings.base_url, auth, self.beat, allow_private_addresses=True)

    def source(self, data_type: str = "students", spool_dir: Path | None = None, **more: Any) -> PowerSchoolSource:
        settings = self.settings(**more)
        http = self.http(settings)
        return PowerSchoolSource(http, PowerSchool(http, settings), settings, data_type=data_type, spool_dir=spool_dir)

    async def check(self, http: SisHttp, settings: Any) -> dict[str, Any]:
        return await PowerSchool(http, settings).check()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with opened(Site) as one:
        yield one


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"body": '{"token_type": "Bearer"}', "content_type": "application/json"}, "sis.no_token"),
        ({"body": '{"access_token": null}', "content_type": "application/json"}, "sis.no_token"),
        ({"body": "[]", "content_type": "application/json"}, "sis.no_token"),
        ({"status": 403}, "sis.login_refused"),
        ({"body": "<html>Sign in</html>"}, "sis.not_json"),
    ],
)
async def test_a_login_that_brings_no_token_is_told_of_and_shows_no_secret(
    site: Site, fault: dict[str, Any], code: str
) -> None:
    site.fault("/oauth/access_token", **fault)
    with pytest.raises(SyncError) as caught:
        await table(site.source())
    assert caught.value.code == code
    assert GOOD not in f"{caught.value} {caught.value.as_dict()}"


@pytest.mark.parametrize("expires", ['"soon"', "null", "-5", '"2591999"'])
async def test_a_token_without_a_life_that_can_be_read_still_serves(site: Site, expires: str) -> None:
    http = site.http(site.settings())
    told = '{"access_token": "%s", "token_type": "Bearer", "expires_in": %s}'
    token = (await http._auth.headers(http))["Authorization"].removeprefix("Bearer ")
    site.fault("/oauth/access_token", body=told % (token, expires), content_type="application/json")
    assert len(await table(site.source())) == 20


async def test_students_come_with_all_that_the_expansions_say(site: Site) -> None:
    found = await table(site.source())
    assert len(found) == 20
    assert all(one["name.first_name"] and one["demographics.birth_date"] and one["local_id"] for one in found)
    assert all(len(one["addresses.physical.postal_code"]) == 5 for one in found)
    assert "02134" in {one["addresses.physical.postal_code"] for one in found}
    assert {one["school_enrollment.enroll_status"] for one in found} == {"A"}


@pytest.mark.parametrize(
    ("students", "page_max", "page_size"), [(1, 100, 100), (101, 100, 100), (21, 10, 500), (20, 10, 7), (0, 5, 5)]
)
async def test_every_page_is_read_also_one_with_a_single_student(
    site: Site, students: int, page_max: int, page_size: int
) -> None:
    await site.make(students=students, page_max=page_max)
    found = await table(site.source(page_size=page_size))
    assert len({one["dcid"] for one in found}) == len(found) == students


async def test_only_the_statuses_that_are_wanted(site: Site) -> None:
    await site.make(students=30, statuses=["A", "P", "T"])
    assert {one["school_enrollment.enroll_status"] for one in await table(site.source())} == {"A", "P"}
    gone = await table(site.source(statuses=["T"]))
    assert (len(gone), {one["school_enrollment.enroll_status"] for one in gone}) == (10, {"T"})


async def test_custom_fields_are_columns_also_where_the_first_students_have_none(site: Site) -> None:
    await site.make(page_max=5)
    fields = ["u_enroll_ext.homeroom", "u_enroll_ext.never_filled"]
    found = await table(site.source(extension_fields=fields))
    assert all(one["u_enroll_ext.homeroom"] for one in found)
    assert {one["u_enroll_ext.never_filled"] for one in found} == {""}
    assert [one["u_enroll_ext.bus"] for one in found].count("7") == 2
    assert "u_enroll_ext.homeroom" not in (await table(site.source()))[0]


async def test_contacts_are_read_where_they_are_wanted(site: Site) -> None:
    found = await table(site.source(contacts=True))
    assert all(one["1 - Contacts.FirstName"] and one["1 - Contacts.Phones1"] for one in found)
    assert {one["1 - Contacts.Custodial"] for one in found} == {"1"}
    assert not [name for name in (await table(site.source()))[0] if "Contacts" in name]


async def test_schools(site: Site) -> None:
    found = await table(site.source("schools"))
    assert all(one["name"] == f"School {one['school_number']}" for one in found)
    with pytest.raises(BadInput) as caught:
        await table(site.source("programs"))
    assert caught.value.code == "sis.other_type"


async def test_fewer_students_than_the_count_says_is_a_sign_of_a_cut(site: Site) -> None:
    site.fault("/student/count", body='{"count": 500}', content_type="application/json")
    async with site.source() as source:
        assert len([row async for batch in source.batches() for row in batch.rows]) == 20
        assert source.warnings == [CUT_SHORT]


@pytest.mark.parametrize(
    ("spec", "secret", "code"),
    [
        ({}, "another", "sis.login_refused"),
        ({"plugin": False}, GOOD, "powerschool.no_plugin"),
        ({"forbidden": ["student/count"]}, GOOD, "powerschool.no_access"),
    ],
)
async def test_the_connection_is_tested_in_plain_words(
    site: Site, spec: dict[str, Any], secret: str, code: str
) -> None:
    assert await site.checked() == {"version": "25.8.0.0", "schools": len(people.SCHOOLS), "students": 20}
    await site.make(**spec)
    with pytest.raises(BadSettings) as caught:
        await site.checked(secret)
    assert (caught.value.code, bool(caught.value.fix)) == (code, True)


async def test_an_expired_token_is_renewed_once(site: Site) -> None:
    site.fault("/district/student$", status=401, times=1)
    assert len(await table(site.source())) == 20
    site.fault("/district/student$", status=401)
    with pytest.raises(BadSettings) as caught:
        await table(site.source())
    assert caught.value.code == "sis.login_refused"


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ({"body": "<html>PowerSchool is being maintained</html>"}, "sis.not_json"),
        ({"body": '{"message": "no"}', "content_type": "application/json"}, "sis.not_understood"),
        ({"status": 500}, "sis.unavailable"),
    ],
)
async def test_a_maintenance_page_and_other_nonsense_never_look_like_an_empty_district(
    site: Site, fault: dict[str, Any], code: str, tmp_path: Path
) -> None:
    site.fault("/district/student$", **fault)
    with pytest.raises(Unavailable) as caught:
        await table(site.source(spool_dir=tmp_path / "spool"))
    assert caught.value.code == code
    assert list((tmp_path / "spool").iterdir()) == []


async def test_of_a_parent_of_several_children_the_link_to_the_student_counts(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = [
        {"dcid": dcid, "sequence": at, "studentDetails": [{"relationship": kin, "active": True}]}
        for dcid, at, kin in ((4999, 2, "Aunt"), (4000, 1, "Mother"))
    ]
    contact = {"contactId": 1, "lastName": "Roe", "contactStudents": links}
    monkeypatch.setattr(ContactBook, "of", lambda *_: [contact])
    await site.make(students=1)
    (found,) = await table(site.source(contacts=True))
    assert (found["1 - Contacts.Relationship"], found["1 - Contacts.Priority"]) == ("Mother", "1")


async def test_a_server_that_knows_no_pages_is_read_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.sandbox.powerschool.paged", lambda _server, _request, rows: rows)
    assert len(await table(site.source())) == 20
