"""Adding a connection, and its own page, as a data manager does it in a browser."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from devtools.district import EXPORTER, YEAR, District, ok
from devtools.sis_districts import SISS, PowerSchoolDistrict, SisDistrict
from devtools.stack import Stack
from tests.e2e.enroll import turn
from tests.e2e.files import roster
from tests.e2e.pages.conftest import Visiting, accessible, in_session
from tests.faults.helpers import database

LIMITED = ["Sync Service Limited Access"]
BOTH_WAYS = pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no-javascript"])


async def begin(page: Page, district: District, kind: str, name: str, *, sandbox: bool = False) -> None:
    """The first step, from the dashboard."""
    await page.goto(district.stack.url("gateway"))
    await page.get_by_role("link", name="Add Sync Connection").first.click()
    await page.get_by_label("I agree").check()
    await page.get_by_role("radio", name=kind).check()
    await page.get_by_label("Name").fill(name)
    if sandbox:
        await page.get_by_role("radio", name="Sandbox").check()
    await page.get_by_role("button", name="Next").click()


async def held(district: District) -> dict[str, Any]:
    """The only connection of the district."""
    (one,) = ok(await district.api.get("/connections")).json()
    return dict(one)


async def part(page: Page, words: str) -> None:
    await page.get_by_role("navigation", name="Parts of the connection").get_by_role("link", name=words).click()


async def saved(page: Page) -> None:
    await expect(page.get_by_role("status").filter(has_text="Saved.")).to_be_visible()


async def status_of(page: Page, button: str) -> int:
    """What the server answers when a button is pressed."""
    async with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
        await page.get_by_role("button", name=button).first.click()
    return (await answer.value).status


@BOTH_WAYS
async def test_nothing_is_asked_twice_and_nothing_typed_is_lost(
    visiting: Visiting, district: District, javascript: bool
) -> None:
    async with visiting(javascript=javascript) as page:
        await page.goto(district.stack.url("gateway") + "/connections/new")
        await page.get_by_label("Name").fill("Roster uploads")
        assert await status_of(page, "Next") == 422
        await expect(page.get_by_role("alert")).to_contain_text("tick I agree")
        assert await page.get_by_label("Name").input_value() == "Roster uploads"
        await accessible(page)

        await page.get_by_role("link", name="I agree").click()
        await expect(page.get_by_label("I agree")).to_be_focused()
        await page.get_by_label("I agree").check()
        await page.get_by_role("radio", name="Ad Hoc CSV").check()
        await page.get_by_role("button", name="Next").click()

        await expect(page.get_by_role("heading", level=1)).to_have_text("Roster uploads")
        await expect(page.get_by_role("status")).to_contain_text("was added")
        await accessible(page)
        one = await held(district)
        assert (one["kind"], one["instance"], one["roster"]) == ("ad_hoc", "production", "some")

        await page.goto(district.stack.url("gateway") + "/connections/new")
        await page.get_by_label("I agree").check()
        await page.get_by_role("radio", name="Ad Hoc CSV").check()
        await page.get_by_label("Name").fill("Roster uploads")
        assert await status_of(page, "Next") == 422
        await expect(page.locator("#f-name-wrong")).to_contain_text("There is a connection of this name already")
        assert len(ok(await district.api.get("/connections")).json()) == 1


@BOTH_WAYS
async def test_an_sftp_server_is_added_approved_and_tested(
    visiting: Visiting, district: District, rehearsal: District, javascript: bool
) -> None:
    place = district.stack.sftp
    (place.folder / district.org).mkdir()
    (place.folder / district.org / "students.csv").write_text("Student ID\n1\n")
    async with visiting(javascript=javascript) as page:
        await begin(page, district, "SFTP", "Nightly", sandbox=True)
        await expect(page.locator(".sandbox")).to_be_visible()
        await page.get_by_label("Port", exact=True).fill("many")
        await page.get_by_label("Password").fill("s3cret-that-is-lost")
        assert await status_of(page, "Add the connection") == 422
        await expect(page.locator("#f-sftp-port-wrong")).to_have_text("Use a whole number.")
        await expect(page.locator("#f-sftp-host-wrong")).to_have_text("Fill this in.")
        assert await page.get_by_label("Port", exact=True).get_attribute("aria-invalid") == "true"
        assert await page.get_by_label("Port", exact=True).input_value() == "many"
        assert "s3cret-that-is-lost" not in await page.content()
        await accessible(page)

        await page.get_by_label("Host").fill(place.host)
        await page.get_by_label("Port", exact=True).fill(str(place.port))
        await page.get_by_label("User").fill(place.user)
        await page.get_by_label("Password").fill("wrong")
        await page.get_by_label("Import folder").fill(district.org)
        await page.get_by_role("button", name="Add the connection").click()
        await expect(page.get_by_text("What is left to do")).to_be_visible()

        await page.get_by_role("button", name="Test connection").click()
        await expect(page.get_by_role("alert")).to_contain_text("host key")
        await page.get_by_role("button", name="Ask the server").click()
        fingerprint = await page.get_by_role("alert").locator(".fingerprint").inner_text()
        assert re.fullmatch(r"SHA256:\S{43}", fingerprint)
        await accessible(page)
        await page.get_by_role("button", name="It is the same: approve").click()
        await expect(page.get_by_role("status")).to_contain_text("approved")
        await expect(page.locator("#host-key ~ .fingerprint")).to_have_text(fingerprint)

        await page.get_by_role("button", name="Test connection").click()
        await expect(page.get_by_role("alert")).to_contain_text("refused")
        await part(page, "Credentials")
        await accessible(page)
        assert await page.get_by_label("Password").input_value() == ""
        await page.get_by_label("Password").fill(place.password)
        await page.get_by_role("button", name="Save").click()
        await page.get_by_role("button", name="Test connection").click()
        await expect(page.get_by_role("alert")).to_contain_text("It works. 1 file that would be taken")
        assert place.password not in await page.content()

    one = await held(district)
    assert (one["instance"], one["sftp"]["user"]) == ("sandbox", place.user)
    assert one["sftp"]["host_key"]


@pytest.mark.parametrize("kind", [*sorted(SISS), "oneroster"])
async def test_each_sis_is_added_and_tested(kind: str, page: Page, district: District) -> None:
    url = f"{district.stack.url('sandbox')}/{kind}/{district.org}"
    login = SISS[kind].login if kind in SISS else {"client_id": "client", "client_secret": "kx-92-orchard"}
    spec: dict[str, Any] = {**login, "students": 3}
    ok(await district.enroll.put(f"/sandbox/{kind}/{district.org}", json=spec))
    names = {"powerschool": "PowerSchool", "aeries": "Aeries", "skyward": "Skyward Qmlativ", "oneroster": "OneRoster"}

    await begin(page, district, names[kind], "SIS")
    await accessible(page)
    await page.get_by_label("Address", exact=True).fill("ftp://nowhere" if kind == "aeries" else url)
    if kind == "oneroster":
        await page.get_by_label("Address", exact=True).fill(f"{url}/ims/oneroster/v1p1")
        await page.get_by_label("Token address").fill(f"{url}/token")
    for name, value in login.items():
        label = {"certificate": "Certificate", "client_id": "Client ID"}.get(name, "Client Secret")
        await page.get_by_label(label).fill(str(value))
    if kind == "aeries":
        assert await status_of(page, "Add the connection") == 422
        await expect(page.locator("#f-aeries-base-url-wrong")).to_contain_text("Use a web address")
        await page.get_by_label("Address", exact=True).fill(url)
        await page.get_by_label("Certificate").fill(str(login["certificate"]))
        await page.get_by_label("Year").fill(str(YEAR))
        await page.get_by_role("radio", name="is a correction").check()
    await page.get_by_role("button", name="Add the connection").click()
    await page.get_by_role("button", name="Test connection").click()

    await expect(page.get_by_role("alert")).to_contain_text("It works.")
    await accessible(page)
    if kind == "aeries":
        about = (await held(district))["aeries"]
        assert (about["database_year"], about["address_change"]) == (YEAR, "correction")
    await part(page, "Settings")
    await accessible(page)


async def test_powerschool_gives_its_login_only_once_the_plugin_is_there(page: Page, district: District) -> None:
    sis = PowerSchoolDistrict(district)
    await sis.make()
    await begin(page, district, "PowerSchool", "SIS")
    await page.get_by_label("Address", exact=True).fill(sis.url)
    await page.get_by_role("button", name="Add the connection").click()

    await expect(page.get_by_role("link", name="Enter the credentials")).to_be_visible()
    async with page.expect_download() as downloading:
        await page.get_by_role("link", name="ps_plugin.xml").click()
    assert b"<plugin" in (await (await downloading.value).path()).read_bytes()
    await page.get_by_role("link", name="Enter the credentials").click()
    await page.get_by_label("Client ID").fill(sis.login["client_id"])
    assert await status_of(page, "Save") == 422
    await expect(page.locator("#f-secrets-client-secret-wrong")).to_have_text("Fill this in.")
    await page.get_by_label("Client ID").fill(sis.login["client_id"])
    await page.get_by_label("Client Secret").fill(sis.login["client_secret"])
    await page.get_by_role("button", name="Save").click()

    await page.get_by_role("button", name="Test connection").click()
    await expect(page.get_by_role("alert")).to_contain_text("It works.")


@in_session
async def sis(district: District) -> SisDistrict:
    await turn(district, users={district.user: list(EXPORTER)})
    one = PowerSchoolDistrict(district)
    await one.make(students=3)
    return one


async def test_settings_limits_and_rules_are_edited(page: Page, district: District, sis: SisDistrict) -> None:
    id = await sis.connect()
    await district.open_schools(_100="Mesa Elementary")
    await page.goto(f"{district.stack.url('gateway')}/connections/{id}")

    await part(page, "Settings")
    await page.get_by_label("Name").fill("PowerSchool of the district")
    await page.get_by_label("Time zone").fill("America/Denver")
    await page.get_by_text("More settings").click()
    await page.get_by_label("Custom fields").fill("U_STUDENTS.Bus\nnonsense")
    assert await status_of(page, "Save") == 422
    await expect(page.locator("#f-powerschool-extension-fields-wrong")).to_contain_text("table.field")
    assert await page.get_by_label("Custom fields").input_value() == "U_STUDENTS.Bus\nnonsense"
    await page.get_by_label("Custom fields").fill("U_STUDENTS.Bus")
    await page.get_by_label("Graduated").check()
    await page.get_by_role("button", name="Save").click()
    await saved(page)

    await part(page, "Safety limits")
    await accessible(page)
    await page.get_by_label("Missing, in percent").fill("101")
    await page.get_by_label("Invalid, in percent").fill("")
    assert await status_of(page, "Save") == 422
    await expect(page.locator("#f-limits-missing-percent-wrong")).to_contain_text("Use 100 or less")
    await expect(page.locator("#f-limits-invalid-percent-wrong")).to_have_text("Fill this in.")
    await page.get_by_label("Missing, in percent").fill("2.5")
    await page.get_by_label("Invalid, in percent").fill("5")
    await page.get_by_role("button", name="Save").click()
    await saved(page)

    await part(page, "Export rules")
    await accessible(page)
    await page.get_by_label("then by", exact=True).select_option("student_id")
    await page.get_by_label("Schools that start on another day").fill("100 12/08/2026")
    assert await status_of(page, "Save") == 422
    await expect(page.locator("#f-match-2-wrong")).to_contain_text("there already")
    await page.get_by_label("then by", exact=True).select_option("")
    await page.get_by_label("Schools that start on another day").fill("100 2026-08-12")
    await page.get_by_label("First day of school").fill("2026-08-10")
    await page.get_by_label("Last day of school").fill("2026-05-28")
    assert await status_of(page, "Save") == 422
    await expect(page.locator("#f-exports-end-date-wrong")).to_contain_text("after the first, which is 2026-08-12")
    await page.get_by_label("Last day of school").fill("2027-05-28")
    await page.get_by_label("Schools that start on another day").fill("1O0 2026-08-12")
    assert await status_of(page, "Save") == 422
    await expect(page.locator("#f-exports-school-starts-wrong")).to_contain_text("no school with the code 1O0.")
    await page.get_by_label("Schools that start on another day").fill("100 2026-08-12")
    await page.get_by_role("radio", name="pre-enrolled").check()
    await page.get_by_role("button", name="Save").click()
    await saved(page)

    one = await held(district)
    assert (one["name"], one["time_zone"]) == ("PowerSchool of the district", "America/Denver")
    assert one["powerschool"]["extension_fields"] == ["U_STUDENTS.Bus"]
    assert (one["powerschool"]["statuses"], one["powerschool"]["page_size"]) == (["A", "P", "G"], 500)
    assert (one["limits"]["missing_percent"], one["limits"]["changed_percent"]) == (2.5, 50)
    rules = one["exports"]
    assert (rules["match"], rules["new_students"]) == (["student_id", "name_and_birth_date"], "pre_enrolled")
    assert (rules["start_date"], rules["school_starts"]) == ("2026-08-10", [{"school": "100", "date": "2026-08-12"}])
    assert rules["end_date"] == "2027-05-28"


@BOTH_WAYS
async def test_schools_are_ticked_from_the_list_of_enroll(
    visiting: Visiting, district: District, javascript: bool
) -> None:
    id = await district.ad_hoc()
    await district.open_schools(_100="Mesa Elementary", _101="Alder High")
    async with visiting(javascript=javascript) as page:
        await page.goto(f"{district.stack.url('gateway')}/connections/{id}/schools")
        await accessible(page)
        for name in ("Mesa Elementary (100)", "Alder High (101)"):
            await page.get_by_role("checkbox", name=name).check()
        await page.get_by_role("radio", name="Only these").check()
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator("dl.facts").first).to_contain_text("101, 100")

        await part(page, "Schools")
        await expect(page.get_by_role("checkbox", name="Mesa Elementary (100)")).to_be_checked()
        for name in ("Mesa Elementary (100)", "Alder High (101)"):
            await page.get_by_role("checkbox", name=name).uncheck()
        assert await status_of(page, "Save") == 422
        await page.get_by_role("radio", name="All schools").check()
        await page.get_by_role("button", name="Save").click()
        await saved(page)
    assert (await held(district))["schools"] == []


@BOTH_WAYS
async def test_a_schedule_shows_its_next_times_before_and_after_it_is_saved(
    visiting: Visiting, district: District, javascript: bool
) -> None:
    await turn(district, users={district.user: list(EXPORTER)})
    id = await district.sftp()
    async with visiting(javascript=javascript) as page:
        await page.goto(f"{district.stack.url('gateway')}/connections/{id}/schedule")
        imports = page.get_by_role("region", name="Import")
        assert await page.locator("datalist option").first.get_attribute("value") == "America/New_York"
        await imports.get_by_label("Time zone").fill("Denver")
        assert await status_of(page, "Save") == 422
        await expect(page.locator("#f-import-zone-wrong")).to_contain_text("There is no time zone of this name.")
        await accessible(page)
        await imports.get_by_label("Time zone").fill("Asia/Kathmandu")
        await imports.get_by_label("Time of day").fill("03:15")
        if not javascript:  # else they come as one types
            await imports.get_by_role("button", name="Show the next three times").click()
        times = page.locator("#times-import").get_by_role("listitem")
        await expect(times).to_have_text([re.compile(r", 03:15 \+0545$")] * 3)
        shown = await times.all_inner_texts()
        assert (await held(district))["schedule"] is None
        await accessible(page)

        await imports.get_by_role("button", name="Save").click()
        await expect(imports.get_by_role("heading", name="The next three times")).to_be_visible()
        assert await imports.get_by_role("listitem").all_inner_texts() == shown
        await expect(imports).to_contain_text("It does not run while Enable Import is off")
        await accessible(page)
        exports = page.get_by_role("region", name="Export", exact=True)
        await exports.get_by_label("Time zone").fill("America/Phoenix")
        await exports.get_by_role("button", name="Save").click()
        await expect(exports).to_contain_text("America/Phoenix")
        await imports.get_by_role("button", name="Remove this schedule").click()
        await expect(page.get_by_role("status")).to_contain_text("removed")

    one = await held(district)
    assert (one["schedule"], one["export_schedule"]["school_year"]) == (None, YEAR)


async def test_what_came_of_a_schedule_is_told(page: Page, district: District, stack: Stack) -> None:
    id = await district.sftp()
    body = {"school_year": YEAR, "time": "00:00", "zone": "UTC"}
    ok(await district.api.put(f"/connections/{id}/schedule", json=body))
    async with database(stack) as db:  # as if it had been saved long ago, so that today's time has come
        long_ago = {"schedule.enabled_at": datetime(2020, 1, 1, tzinfo=UTC)}
        await db["connections"].update_one({"_id": id}, {"$set": long_ago})

    address = f"{district.stack.url('gateway')}/connections/{id}/schedule"
    await page.goto(address)
    told = page.get_by_role("table", name="What came of the schedule")
    off = told.get_by_text("Enable Import is off for this connection.")
    while not await off.count():  # it is claimed first, and told of as being started meanwhile
        await page.goto(address)
    await expect(off).to_be_visible()
    await accessible(page)


async def test_without_a_year_that_is_on_no_import_can_be_scheduled(page: Page, district: District) -> None:
    id = await district.sftp()
    await turn(district, sync_import_years=[])

    await page.goto(f"{district.stack.url('gateway')}/connections/{id}/schedule")

    imports = page.get_by_role("region", name="Import")
    await expect(imports).to_contain_text("Enable Sync Import is off for every school year")
    assert await imports.get_by_role("button", name="Save").count() == 0


@BOTH_WAYS
async def test_a_connection_is_deleted_and_its_run_can_still_be_read(
    visiting: Visiting, district: District, tmp_path: Path, javascript: bool
) -> None:
    id = await district.ad_hoc("Uploads")
    waiting = await district.upload(id, roster(tmp_path / "students.csv", 5), preview="true")
    await district.watch(waiting["id"], states=frozenset({"needs_approval"}))
    async with visiting(javascript=javascript) as page:
        await page.goto(f"{district.stack.url('gateway')}/connections/{id}")
        await part(page, "Delete")
        await accessible(page)
        assert await status_of(page, "Delete the connection") == 422
        await page.get_by_label("I want to delete this connection").check()
        assert await status_of(page, "Delete the connection") == 422
        await expect(page.get_by_role("alert")).to_contain_text("A run of this connection is not over yet.")
        ok(await district.api.post(f"/runs/{waiting['id']}/reject"))
        await page.get_by_label("I want to delete this connection").check()
        await page.get_by_role("button", name="Delete the connection").click()

        await expect(page.get_by_role("status")).to_have_text("Deleted.")
        assert ok(await district.api.get("/connections")).json() == []
        await page.get_by_role("link", name="Sync Logs").click()
        await expect(page.get_by_role("cell", name="Uploads")).to_be_visible()
        await page.get_by_role("table").get_by_role("link").first.click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("Uploads")


async def test_a_connection_is_added_by_keyboard_alone(page: Page, district: District) -> None:
    await page.goto(district.stack.url("gateway") + "/connections/new")

    async def to(target: Any) -> None:
        for _ in range(60):
            if await target.evaluate("one => one === document.activeElement"):
                return
            await page.keyboard.press("Tab")
        raise AssertionError("the keyboard does not get there")

    await to(page.get_by_label("I agree"))
    await page.keyboard.press("Space")
    await to(page.get_by_role("radio", name="Ad Hoc CSV"))
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("radio", name="SFTP")).to_be_checked()
    await to(page.get_by_label("Name"))
    await page.keyboard.type("By keyboard")
    await page.keyboard.press("Enter")
    await page.wait_for_url(re.compile("/connections/new/sftp"))
    for label, text in (("Host", "sftp.example.org"), ("User", "district"), ("Password", "x")):
        await to(page.get_by_label(label, exact=label == "Host"))
        await page.keyboard.type(text)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("By keyboard")
    assert (await held(district))["sftp"]["host"] == "sftp.example.org"


async def test_limited_access_sees_it_and_changes_nothing(visiting: Visiting, district: District) -> None:
    id = await district.sftp("Nightly")
    await turn(district, users={district.user: list(EXPORTER), "u-2": LIMITED})
    address = f"{district.stack.url('gateway')}/connections/{id}"
    async with visiting("u-2") as page:
        await page.goto(address)
        await expect(page.get_by_role("heading", level=1)).to_have_text("Nightly")
        assert await page.get_by_role("navigation", name="Parts of the connection").count() == 0
        for name in ("Test connection", "Ask the server", "Enable Import"):
            assert await page.get_by_role("button", name=name).count() == 0
        await accessible(page)
        for tail in ("settings", "credentials", "schedule", "limits", "schools", "delete"):
            answer = await page.goto(f"{address}/{tail}")
            assert answer is not None
            assert answer.status == 403, tail
        csrf = "document.querySelector('[name=csrf]').value"
        for tail in ("test", "host-key/ask", "host-key", "delete", "schedule/import", "schedule/import/remove"):
            send = f"""async (tail) => (await fetch(`{address}/${{tail}}`, {{method: 'POST', redirect: 'manual',
                body: new URLSearchParams({{csrf: {csrf}, sure: '1', host_key: 'x'}})}})).status"""
            assert await page.evaluate(send, tail) == 403, tail
        answer = await page.goto(district.stack.url("gateway") + "/connections/new")
        assert answer is not None
        assert answer.status == 403
    assert (await held(district))["sftp"]["host_key"] != "x"


async def test_another_organizations_connection_is_not_found_and_the_try_is_audited(
    page: Page, district: District, stack: Stack
) -> None:
    async with District(stack, f"{district.org}-neighbour") as neighbour:
        id = await neighbour.ad_hoc()
    for tail in ("", "/settings", "/schedule", "/limits", "/delete", "/run", "/ps_plugin.xml"):
        answer = await page.goto(f"{stack.url('gateway')}/connections/{id}{tail}")
        assert answer is not None
        assert answer.status == 404, tail
    told = [one for one in ok(await district.api.get("/audit")).json() if id in one["subject"]]
    assert [one["allowed"] for one in told] == [False] * 7


@pytest.mark.parametrize("width", [320, 1280])
async def test_it_fits_a_phone_and_both_colours(width: int, visiting: Visiting, district: District) -> None:
    id = await district.sftp()
    scheme = "dark" if width == 320 else "light"
    async with visiting(viewport={"width": width, "height": 800}, color_scheme=scheme) as page:
        for path in ("new", id, f"{id}/settings", f"{id}/schedule", f"{id}/limits", f"{id}/run"):
            await page.goto(f"{district.stack.url('gateway')}/connections/{path}")
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
            await accessible(page)
