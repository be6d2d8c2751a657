"""OneRoster over REST against a simulated server: every page, every manner, every refusal in plain words."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from shared.adapters import sis_http
from shared.adapters.oneroster import OneRoster, OneRosterSource
from shared.adapters.sis_http import ClientCredentials, SisHttp
from shared.model.errors import BadInput, BadSettings, Permanent, Refused, Throttled, Unavailable
from shared.model.kind_settings import OneRosterSettings
from tests.integration.api_site import GOOD, ApiSite, opened, table
from tests.integration.store_site import store

__all__ = ["store"]

PLAIN = {"content_type": "application/json"}
VERSIONS = {"1.1": "v1p1", "1.2": "rostering/v1p2"}


class Site(ApiSite):
    kind = "oneroster"

    def settings(self, version: str = "1.1", **more: Any) -> OneRosterSettings:
        base = f"{self.url}/oneroster/d"
        given = {"base_url": f"{base}/ims/oneroster/{VERSIONS[version]}", "token_url": f"{base}/token"}
        return OneRosterSettings.model_validate({**given, "version": version, **more})

    def http(self, settings: OneRosterSettings, secret: str = GOOD) -> SisHttp:
        auth = ClientCredentials(settings.token_url, "client", secret, settings.scopes)
        return SisHttp(settings.base_url, auth, self.beat, allow_private_addresses=True)

    def source(
        self, version: str = "1.1", data_type: str = "students", since: str = "", **more: Any
    ) -> OneRosterSource:
        settings = self.settings(version, **more)
        return OneRosterSource(self.http(settings), settings, data_type=data_type, since=since)

    async def check(self, http: SisHttp, settings: Any) -> dict[str, Any]:
        return await OneRoster(http, settings).check()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with opened(Site) as one:
        yield one


@pytest.mark.parametrize("version", VERSIONS)
async def test_students_come_with_birth_date_school_and_guardians(site: Site, version: str) -> None:
    found = await table(site.source(version))
    assert len(found) == 20
    assert all(one["birthDate"] and one["school.identifier"] and one["1 - Contacts.FirstName"] for one in found)
    assert {one["sex"] for one in found} <= {"male", "female", "" if version == "1.1" else "other"}
    first = found[0]
    assert first["school.name"] == f"School {first['school.identifier']}"
    assert first["identifier"].isdigit()


@pytest.mark.parametrize("version", VERSIONS)
async def test_only_who_has_changed_since_or_whose_guardian_has_is_read(site: Site, version: str) -> None:
    async with site.source(version) as source:
        cursor = str(source.info.receipt["cursor"])
    every = {one["sourcedId"]: one for one in await table(site.source(version))}
    assert await table(site.source(version, since=cursor)) == []
    one, other = list(every)[3], list(every)[8]
    await site.patch(f"/users/{one}", familyName="Quintanilla")
    await site.patch("/users/g8-1", phone="4805550190")
    found = {row["sourcedId"]: row for row in await table(site.source(version, since=cursor))}
    assert set(found) == {one, other}
    assert found[one]["familyName"] == "Quintanilla"
    assert found[one]["birthDate"] == every[one]["birthDate"]
    assert "4805550190" in found[other].values()


async def test_both_versions_say_the_same(site: Site) -> None:
    old, new = await table(site.source("1.1")), await table(site.source("1.2"))
    shared = set(old[0]) & set(new[0]) - {"role", "sex"}
    assert [{name: one[name] for name in shared} for one in old] == [
        {name: one[name] for name in shared} for one in new
    ]


@pytest.mark.parametrize(
    "manners",
    [
        {},
        {"total": False},
        {"links": False},
        {"total": False, "links": False},
        {"page_cap": 7},
        {"page_cap": 7, "total": False},
        {"page_cap": 7, "links": False},
        {"page_cap": 7, "total": False, "links": False},
        {"page_cap": 1, "total": False, "links": False, "students": 3},
    ],
    ids=str,
)
async def test_every_page_is_read_whatever_the_server_says_of_it(site: Site, manners: dict[str, Any]) -> None:
    await site.make(**manners)
    found = await table(site.source(page_size=10))
    assert len({one["sourcedId"] for one in found}) == len(found) == manners.get("students", 20)
    assert all(one["birthDate"] for one in found)


async def test_schools(site: Site) -> None:
    found = await table(site.source(data_type="schools"))
    assert {one["type"] for one in found} == {"school"}
    assert {one["parent.name"] for one in found} == {"Mesa Verde Unified"}
    with pytest.raises(BadInput) as caught:
        await table(site.source(data_type="programs"))
    assert caught.value.code == "roster.other_type"


async def test_a_server_without_anybody(site: Site) -> None:
    await site.make(students=0)
    with pytest.raises(BadInput) as caught:
        await table(site.source())
    assert caught.value.code == "roster.no_file"


async def test_a_server_that_ignores_the_offset_is_told(site: Site) -> None:
    body = '{"orgs": [{"sourcedId": "s1", "name": "A", "type": "school"}]}'
    site.fault("/orgs", body=body, content_type="application/json")
    with pytest.raises(BadSettings) as caught:
        await table(site.source(page_size=1))
    assert caught.value.code == "oneroster.pages_repeat"


@pytest.mark.parametrize("size", [10, 1000])
async def test_a_server_that_knows_no_pages_is_read_once(site: Site, size: int) -> None:
    await site.make(pages=False, total=False, links=False)
    found = await table(site.source(page_size=size))
    assert len({one["sourcedId"] for one in found}) == len(found) == 20


async def test_the_connection_is_tested_in_plain_words(site: Site) -> None:
    assert await site.checked() == {"schools": True, "people": True}
    with pytest.raises(BadSettings) as wrong:
        await site.checked("not-the-secret")
    assert wrong.value.code == "sis.login_refused"
    assert "not-the-secret" not in str(wrong.value)
    with pytest.raises(BadSettings) as elsewhere:
        await site.checked(base_url=f"{site.url}/oneroster/d/ims/oneroster/v9")
    assert elsewhere.value.code == "oneroster.no_collection"
    await site.make(scopes=["roster-core.readonly"])
    with pytest.raises(BadSettings) as lacking:
        await site.checked()
    assert lacking.value.code == "oneroster.no_scope"
    assert "demographics" in lacking.value.message


async def test_a_token_is_renewed_once_and_its_life_may_be_a_text(site: Site) -> None:
    for life in ("3600", 3600, "61.5"):
        await site.make(expires_in=life, students=3)
        assert len(await table(site.source())) == 3
    site.fault("/orgs", status=401, times=1)
    assert len(await table(site.source())) == 3
    site.fault("/orgs", status=401)
    with pytest.raises(BadSettings):
        await table(site.source())


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ({"status": 200, "body": "<html>Down for maintenance</html>"}, Unavailable, "sis.not_json"),
        ({"status": 500}, Unavailable, "sis.unavailable"),
        ({"close": True}, Unavailable, "host.cut"),
        ({"status": 403}, Refused, "sis.forbidden"),
        ({"status": 302, "body": "moved"}, BadSettings, "sis.moved"),
        ({"status": 422}, Permanent, "sis.refused"),
        (
            {"body": '{"orgs": {"sourcedId": "s1"}}', "content_type": "application/json"},
            Unavailable,
            "oneroster.not_understood",
        ),
        ({"body": "[]", "content_type": "application/json"}, Unavailable, "oneroster.not_understood"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
async def test_what_goes_wrong_is_told(site: Site, fault: dict[str, Any], error: type[Exception], code: str) -> None:
    site.fault("/orgs", **fault)
    with pytest.raises(error) as caught:
        await table(site.source())
    assert getattr(caught.value, "code", "") == code
    assert getattr(caught.value, "fix", "")


async def test_a_passing_fault_is_tried_again(site: Site) -> None:
    site.fault("/users", status=503, times=2)
    assert len(await table(site.source())) == 20


async def test_a_short_wait_is_waited_and_a_long_one_given_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.fault("/users", status=429, retry_after=7, times=2)
    assert len(await table(site.source())) == 20
    assert site.beat.pauses == [7, 7]
    monkeypatch.setattr(sis_http, "PATIENCE_SECONDS", 10)
    site.fault("/users", status=429, retry_after=7)
    with pytest.raises(Throttled) as caught:
        await table(site.source())
    assert caught.value.retry_after == 7


async def test_private_addresses_are_refused_unless_they_are_allowed(site: Site) -> None:
    settings = site.settings()
    auth = ClientCredentials(settings.token_url, "client", "secret", settings.scopes)
    with pytest.raises(BadSettings) as caught:
        async with SisHttp(settings.base_url, auth, site.beat) as http:
            await http.get("/orgs")
    assert caught.value.code == "address.private"


async def test_nothing_stays_on_the_disk(site: Site, tmp_path: Path) -> None:
    settings = site.settings()
    source = OneRosterSource(site.http(settings), settings, spool_dir=tmp_path / "spool")
    async with source:
        await anext(source.batches())
    assert list((tmp_path / "spool").iterdir()) == []
