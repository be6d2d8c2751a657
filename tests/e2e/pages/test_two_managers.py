"""Two people on the settings of one connection: whoever saves last takes nothing back without having seen it."""

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import httpx
from playwright.async_api import Page, expect

from devtools.district import EXPORTER, FULL, YEAR, District, ok
from devtools.sis_districts import PowerSchoolDistrict
from tests.e2e.enroll import turn
from tests.e2e.pages.conftest import Accessible, in_session
from tests.e2e.pages.visitor import Visitor
from tests.sent import Sent

STALE = "Nothing is saved yet: somebody else, or you in another window, has saved this"


@in_session
async def colleague(district: District) -> AsyncIterator[Visitor]:
    await turn(district, users={"u-1": list(FULL), "u-2": list(FULL)})
    async with Visitor(district, "u-2") as one:
        yield one


async def opened(visitor: Visitor, address: str) -> dict[str, str]:
    page = await visitor.get(address)
    assert page.status_code == 200, page.text
    return Sent(page.text).form


async def held(district: District, connection: str) -> dict[str, Any]:
    found: dict[str, Any] = ok(await district.api.get(f"/connections/{connection}")).json()
    return found


async def saved(visitor: Visitor, address: str, form: dict[str, Any]) -> None:
    assert "Saved." in (await visitor.led(address, **form)).text


async def stopped(visitor: Visitor, address: str, form: dict[str, Any]) -> httpx.Response:
    answer = await visitor.post(address, **form)
    assert (answer.status_code, STALE in answer.text) == (409, True)
    return answer


def ticked(page: httpx.Response) -> set[str]:
    return set(re.findall(r'name="schools" value="([^"]*)" checked', page.text))


async def test_settings_that_a_colleague_has_saved_meanwhile_are_put_together(
    visitor: Visitor, colleague: Visitor, district: District
) -> None:
    connection = await district.ad_hoc("Uploads", time_zone="America/Denver")
    address = f"/connections/{connection}/settings"
    mine, theirs = await opened(visitor, address), await opened(colleague, address)
    await saved(colleague, address, {**theirs, "time_zone": "America/Phoenix", "name": "Theirs"})

    page = await stopped(visitor, address, {**mine, "name": "Mine", "roster": "full"})

    assert "<del>America/Denver</del>" in page.text
    assert "<ins>America/Phoenix</ins>" in page.text
    assert "You changed it as well:</strong> Mine" in page.text
    assert (await held(district, connection))["name"] == "Theirs"
    both = Sent(page.text).form
    assert (both["name"], both["time_zone"]) == ("Mine", "America/Phoenix")
    assert 'name="roster" value="full" checked' in page.text
    await saved(visitor, address, {**both, "roster": "full"})
    now = await held(district, connection)
    assert (now["name"], now["time_zone"], now["roster"]) == ("Mine", "America/Phoenix", "full")


async def test_what_is_changed_elsewhere_stops_nobody(visitor: Visitor, colleague: Visitor, district: District) -> None:
    connection = await district.ad_hoc("Uploads")
    address = f"/connections/{connection}"
    settings, limits = await opened(visitor, f"{address}/settings"), await opened(visitor, f"{address}/limits")
    theirs = await opened(colleague, f"{address}/limits")
    await saved(colleague, f"{address}/limits", {**theirs, "limits.few": "7"})
    await saved(visitor, f"{address}/settings", {**settings, "name": "Mine"})
    page = await stopped(visitor, f"{address}/limits", {**limits, "limits.missing_percent": "3"})
    await saved(visitor, f"{address}/limits", Sent(page.text).form)
    now = (await held(district, connection))["limits"]
    assert (now["few"], now["missing_percent"]) == (7, 3)
    same = {**theirs, "limits.missing_percent": "3", "limits.few": "7"}
    await saved(colleague, f"{address}/limits", same)  # older, and says what is saved already


async def test_export_rules_and_schools(visitor: Visitor, colleague: Visitor, district: District) -> None:
    sis = PowerSchoolDistrict(district)
    await sis.make()
    await district.open_schools(_100="Mesa Elementary", _101="Alder High")
    connection = await sis.connect()
    await turn(district, users={"u-1": list(FULL), "u-2": list(FULL)})
    rules, schools = (f"/connections/{connection}/{part}" for part in ("export-rules", "schools"))
    mine, theirs = await opened(visitor, rules), await opened(colleague, rules)
    await saved(colleague, rules, {**theirs, "exports.start_date": "2026-08-10"})
    page = await stopped(visitor, rules, {**mine, "exports.school_starts": "100 2026-08-12"})
    await saved(visitor, rules, Sent(page.text).form | {"exports.school_starts": "100 2026-08-12"})
    found = (await held(district, connection))["exports"]
    assert (found["start_date"], found["school_starts"][0]["school"]) == ("2026-08-10", "100")

    was = (await opened(visitor, schools))["was"]
    await saved(colleague, schools, {"was": was, "which": "some", "schools": "100"})
    told = await stopped(visitor, schools, {"was": was, "which": "some", "schools": "101"})
    assert "You changed it as well:</strong> 101" in told.text
    assert (await held(district, connection))["schools"] == ["100"]
    await saved(visitor, schools, {"was": Sent(told.text).form["was"], "which": "some", "schools": "101"})
    assert (await held(district, connection))["schools"] == ["101"]


async def test_schools_that_come_back_with_an_error_still_know_when_they_were_opened(
    visitor: Visitor, colleague: Visitor, district: District
) -> None:
    await district.open_schools(_100="Mesa Elementary", _101="Alder High", _102="Birch Middle")
    connection = await district.ad_hoc("Uploads")
    address = f"/connections/{connection}/schools"
    mine, theirs = await opened(visitor, address), await opened(colleague, address)

    none = await visitor.post(address, was=mine["was"], which="some")
    assert (none.status_code, "Choose at least one school" in none.text) == (422, True)
    nothing_chosen = Sent(none.text).form["was"]
    await saved(colleague, address, {"was": theirs["was"], "which": "some", "schools": ["100", "101"]})
    await stopped(visitor, address, {"was": nothing_chosen, "which": "some", "schools": "102"})
    told = await stopped(visitor, address, {"was": mine["was"], "which": "some"})
    assert {"100", "101"} <= ticked(told), "what they have chosen stands there"
    strange = await visitor.post(address, was=mine["was"], schools="102")
    assert strange.status_code == 422
    await stopped(visitor, address, {"was": Sent(strange.text).form["was"], "which": "some", "schools": "102"})
    assert (await held(district, connection))["schools"] == ["100", "101"]


SCHEDULE = {"data_type": "students", "school_year": str(YEAR), "time": "02:00", "zone": "America/Denver"}


def was(page: str, direction: str) -> str:
    """What the form of this direction was opened with; each has its own."""
    (form,) = [one for one in page.split("<form")[1:] if f'id="plan-{direction}"' in one]
    found = re.search(r'name="was" value="([^"]*)"', form)
    assert found
    return unescape(found[1])


async def test_a_schedule(visitor: Visitor, colleague: Visitor, district: District) -> None:
    await turn(district, users={user: list(EXPORTER) for user in ("u-1", "u-2")})
    connection = await district.sftp()
    place = f"/connections/{connection}/schedule"

    async def seen(by: Visitor) -> str:
        return was((await by.get(place)).text, "import")

    mine = await seen(visitor)
    await saved(colleague, f"{place}/import", SCHEDULE | {"was": await seen(colleague), "time": "03:00"})
    await saved(colleague, f"{place}/export", SCHEDULE | {"was": was((await colleague.get(place)).text, "export")})
    first = await stopped(visitor, f"{place}/import", SCHEDULE | {"was": mine, "time": "04:00"})
    assert "<del>nothing</del>" in first.text
    assert "<ins>03:00</ins>" in first.text
    assert (await held(district, connection))["schedule"]["time"] == "03:00"
    await saved(visitor, f"{place}/import", SCHEDULE | {"was": was(first.text, "import"), "time": "04:00"})

    mine, theirs = await seen(visitor), await seen(colleague)
    await saved(colleague, f"{place}/import", SCHEDULE | {"was": theirs, "time": "05:00"})
    wrong = await visitor.post(f"{place}/import", **SCHEDULE | {"was": mine, "time": "06:00", "do": "show"})
    assert (wrong.status_code, "It would run at" in wrong.text) == (200, True)
    assert was(wrong.text, "import") == mine
    told = await stopped(visitor, f"{place}/import", SCHEDULE | {"was": mine, "time": "04:00", "zone": "Asia/Tokyo"})
    assert 'value="05:00"' in told.text, "what was left alone is theirs"
    assert 'value="Asia/Tokyo"' in told.text
    await saved(visitor, f"{place}/import", SCHEDULE | {"was": was(told.text, "import"), "time": "05:00"})

    mine = await seen(visitor)
    assert "removed" in (await colleague.led(f"{place}/import/remove")).text
    gone = await stopped(visitor, f"{place}/import", SCHEDULE | {"was": mine, "time": "05:00", "zone": "Asia/Tokyo"})
    assert 'value="05:00"' in gone.text, "it can be saved anew as it was"
    await saved(visitor, f"{place}/import", SCHEDULE | {"was": was(gone.text, "import"), "time": "05:00"})
    found = await held(district, connection)
    assert (found["schedule"]["time"], found["export_schedule"]["time"]) == ("05:00", "02:00")


async def test_in_a_browser(either: Page, district: District, accessible: Accessible) -> None:
    connection = await district.ad_hoc("Uploads")
    await either.goto(f"/connections/{connection}/settings")
    ok(await district.api.patch(f"/connections/{connection}", json={"time_zone": "America/Phoenix"}))
    await either.get_by_label("Name").fill("Mine")
    await either.get_by_role("button", name="Save").click()
    await expect(either.get_by_role("alert")).to_contain_text(STALE)
    await accessible(either)
    await either.get_by_role("button", name="Save").click()
    await expect(either.get_by_role("status").filter(has_text="Saved.")).to_be_visible()
    now = await held(district, connection)
    assert (now["name"], now["time_zone"]) == ("Mine", "America/Phoenix")
