"""Forms that are sent with what no form offers, or too late: what is said, and where it leads."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from devtools.district import YEAR, District, ok
from devtools.stack import Stack
from services.gateway.pages.visits import COOKIE
from tests.e2e.enroll import Faults
from tests.e2e.pages.conftest import Visiting
from tests.e2e.pages.test_dashboard import waiting_run
from tests.e2e.pages.visitor import Visitor
from tests.faults.helpers import students


@pytest.mark.parametrize("deed", ["approve", "reject", "cancel", "undo", "retry"])
async def test_a_decision_that_came_too_late_leads_to_its_run(
    visitor: Visitor, district: District, tmp_path: Path, deed: str
) -> None:
    _, run = await waiting_run(district, tmp_path, 5)
    ok(await district.api.post(f"/runs/{run}/reject"))
    told = await visitor.post(f"/runs/{run}/{deed}")
    assert told.status_code == 409
    assert f'href="/runs/{run}">Back to the run<' in told.text


async def test_nobody_agrees_by_an_empty_field(visitor: Visitor, district: District) -> None:
    fields = {"kind": "ad_hoc", "name": "N", "instance": "production"}
    for agree in ({"agree": ""}, {"agree": "0"}, {}):
        told = await visitor.post("/connections/new", **fields, **agree)
        assert (told.status_code, "tick I agree" in told.text) == (422, True)
    assert ok(await district.api.get("/connections")).json() == []


async def test_what_no_form_offers_is_refused(visitor: Visitor, district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc()
    file = {"file": ("students.csv", students(tmp_path, 3).read_bytes())}
    cookie = {"Cookie": f"{COOKIE}={visitor.cookie}"}
    fields = {"csrf": await visitor.csrf(), "data_type": "students", "school_year": str(YEAR)}
    for wrong in ({"roster": "zzz"}, {"preview": "zzz"}):
        sent = {**fields, **wrong}
        told = await visitor.http.post(f"/connections/{connection}/run/upload", data=sent, files=file, headers=cookie)
        assert (told.status_code, "Choose one of these." in told.text) == (422, True)
    assert ok(await district.api.get("/runs")).json() == []
    told = await visitor.post(f"/connections/{connection}/settings", name="N", roster="zzz", time_zone="")
    assert (told.status_code, "Choose one of these." in told.text) == (422, True)


async def test_a_host_that_is_none_is_refused_beside_its_field(visitor: Visitor, district: District) -> None:
    fields = {
        "name": "N",
        "instance": "production",
        "agree": "1",
        "sftp.port": "22",
        "sftp.user": "u",
        "sftp.pattern": "*",
    }
    told = await visitor.post("/connections/new/sftp", **fields, **{"sftp.host": "a b;rm", "secrets.password": "kx-92"})
    assert told.status_code == 422
    assert re.search(r'id="f-sftp-host-wrong">Use a host name such as sftp.district.org', told.text)
    sftp = {"host": "a b;rm", "user": "u"}
    refused = await district.api.post("/connections", json={"name": "N", "kind": "sftp", "sftp": sftp})
    assert (refused.status_code, "sftp.host: Use a host name" in refused.text) == (422, True)
    id = await district.sftp("Nightly")
    assert (await district.api.patch(f"/connections/{id}", json={"sftp": sftp})).status_code == 422


async def test_the_school_year_of_the_examples_is_chosen_from_a_list(visitor: Visitor, district: District) -> None:
    path = f"/connections/{await district.ad_hoc()}/mappings/import/students/configure"
    chosen = f'<option value="{YEAR}" selected>{YEAR}-{(YEAR + 1) % 100:02d}</option>'
    assert chosen in (await visitor.get(path)).text
    assert (await visitor.post(path, school_year=str(YEAR + 1))).status_code == 303
    assert f'<option value="{YEAR + 1}" selected>' in (await visitor.get(path)).text
    assert (await visitor.post(path, school_year="soon")).status_code == 422


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=other"])
async def test_a_form_that_does_not_arrive_whole(visitor: Visitor, district: District, kind: str) -> None:
    connection = await district.ad_hoc()
    body = b'--b\r\nContent-Disposition: form-data; name="csrf"\r\n\r\nx'
    headers = {"Cookie": f"{COOKIE}={visitor.cookie}", "Content-Type": kind}
    page = await visitor.http.post(f"/connections/{connection}/run/upload", content=body, headers=headers)
    path, asked = f"/connections/{connection}/imports/students", {"school_year": YEAR}
    called = await district.api.post(path, params=asked, content=body, headers={"Content-Type": kind})
    for answer in (page, called):
        assert (answer.status_code, "What was sent could not be read." in answer.text) == (400, True), answer.text


async def test_the_focus_is_on_what_is_wrong(either: Page, district: District) -> None:
    id = await district.ad_hoc()
    await either.goto(f"/connections/{id}/settings")
    await either.get_by_label("Name").fill("")
    await either.get_by_role("button", name="Save").click()
    await expect(either.get_by_role("alert")).to_be_focused()
    await either.keyboard.press("Tab")
    await either.keyboard.press("Enter")
    await expect(either.get_by_label("Name")).to_be_focused()


async def test_a_small_screen_is_not_all_head(visiting: Visiting) -> None:
    async with visiting(viewport={"width": 320, "height": 640}) as page:
        await page.goto("/help")
        box = await page.locator("header.top").bounding_box()
        assert box is not None
        assert box["height"] <= 80
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        await page.get_by_role("button", name="Menu").click()
        for link in await page.locator("header.top :is(nav a, button)").all():
            size = await link.bounding_box()
            assert size is not None
            assert size["height"] >= 24, await link.inner_text()


async def test_a_form_of_another_organization_says_for_which_one_is_signed_in(
    visitor: Visitor, district: District, stack: Stack
) -> None:
    theirs = await district.ad_hoc("Theirs")
    mark = await visitor.csrf()
    async with District(stack, f"{district.org}-2") as other, Visitor(other) as namesake:
        told = await namesake.post(f"/connections/{theirs}/settings", csrf=mark, name="Mine now")
        main = told.text.partition("<main")[2].partition("</main>")[0]
        assert (told.status_code, f"You are signed in for {other.org} now" in main) == (403, True)
        assert "Nothing was changed" in main
        assert re.findall(r'href="([^"]+)"', main) == ["/"]
        assert "Mine now" not in main
        stale = await namesake.post(f"/connections/{await other.ad_hoc()}/settings", csrf="made-up", name="N")
        assert "This form is out of date." in stale.text
        assert "Back to the connection" in stale.text
    assert ok(await district.api.get(f"/connections/{theirs}")).json()["name"] == "Theirs"


async def test_an_address_that_leads_nowhere_has_the_frame_or_the_way_in(visitor: Visitor, district: District) -> None:
    for path in ("/nothing", "/connections/con_0/nothing/at/all", "/runs/run_00aa", "/connections/con_00aa?said=saved"):
        told = await visitor.get(path)
        head, _, main = told.text.partition("<main")
        assert told.status_code == 404
        assert district.org in head
        for there in ("/runs", "/connections/new", "/help"):
            assert f'href="{there}"' in head
        assert ('href="/">To the dashboard' in main, "Saved." in main) == (True, False)
    for cookie in ("", f"{COOKIE}=made-up"):
        told = await visitor.http.get("/nothing", headers={"Cookie": cookie})
        assert (told.status_code, "Main" in told.text.partition("<main")[0]) == (404, False)
        assert 'href="/login">Sign in through Enroll' in told.text


async def test_an_error_page_needs_nothing_that_may_be_away(
    visitor: Visitor, district: District, faults: Faults
) -> None:
    await faults({"org": district.org, "status": 503})
    told = await visitor.get("/nothing")
    assert (told.status_code, district.org in told.text) == (404, True)
