"""A form that is sent when its session has ended: nothing is done, that is said, and what was typed is not lost."""

import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from playwright.async_api import Page, expect

from devtools.district import FULL, District, ok
from devtools.stack import Stack
from services.gateway.pages import routes
from services.gateway.pages.visits import COOKIE
from tests.e2e.enroll import turn
from tests.e2e.pages.conftest import Accessible, let_in
from tests.e2e.pages.visitor import Visitor
from tests.faults.helpers import database, students

OUT = "You were signed out, so this was NOT done."
ANEW = "You have signed in anew since this form was opened, so this was NOT done."
PASSWORD = "kx-92-orchard"


class Form(HTMLParser):
    """The form of the page that says what was not done: where it goes, and what it would send."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.files: list[str] = []
        self.words: dict[str, str] = {}
        self._text = self._choice = ""
        self.feed(text.partition("<main")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given["action"]
        elif tag == "input" and given.get("type") == "file":
            self.files.append(given["name"])
        elif tag == "input":
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "textarea":
            self._text = given["name"]
        elif tag == "select":
            self._choice = given["name"]
        elif tag == "option":
            self.fields[self._choice] = given["value"]

    def handle_endtag(self, tag: str) -> None:
        self._text = "" if tag == "textarea" else self._text
        self._choice = "" if tag == "select" else self._choice

    def handle_data(self, data: str) -> None:
        if self._choice:
            self.words[self._choice] = data
        if self._text:
            self.fields[self._text] = data.removeprefix("\n")


async def leave(visitor: Visitor) -> str:
    """The mark of a form that was open then."""
    mark = await visitor.csrf()
    assert (await visitor.post("/logout")).status_code == 303
    visitor.cookie = ""
    return mark


async def sent(visitor: Visitor, form: Form, **more: str) -> httpx.Response:
    fields = {**form.fields, **more}
    return await visitor.post(form.action, csrf=fields.pop("csrf"), **fields)


def test_every_form_says_what_it_is_for() -> None:
    posts = {
        route.path: route.summary
        for router in routes.routers()
        for route in router.routes
        if isinstance(route, APIRoute) and "POST" in (route.methods or ())
    }
    assert len(posts) > 30
    assert [path for path, words in posts.items() if not words] == ["/login"]


async def test_it_says_so_and_is_sent_again_by_two_clicks_once_they_are_signed_in(
    visitor: Visitor, district: District
) -> None:
    id = await district.ad_hoc("Roster")
    path = f"/connections/{id}/settings"
    mark = await leave(visitor)
    typed = {"name": "Nightly <b>&amp; roster", "roster": "some", "time_zone": "America/Denver"}
    told = await visitor.post(path, csrf=mark, **typed)
    assert (told.status_code, OUT in told.text) == (401, True)
    assert "Settings of a connection" in told.text
    assert "<b>" not in told.text.partition("<main")[2]
    assert 'href="/login" target="_blank"' in told.text
    form = Form(told.text)
    assert (form.action, form.fields) == (path, {"csrf": mark, **typed})
    assert form.words == {"roster": "only some of the students"}

    still_out = await sent(visitor, form)
    assert (still_out.status_code, OUT in still_out.text) == (401, True)
    await visitor.sign_in()
    asked = await sent(visitor, form)
    assert (asked.status_code, ANEW in asked.text, ">Send again<" in asked.text) == (403, True, True)
    again = Form(asked.text)
    assert again.fields == {"csrf": await visitor.csrf(), **typed}
    assert ok(await district.api.get(f"/connections/{id}")).json()["name"] == "Roster"

    assert (await sent(visitor, again)).status_code == 303
    assert ok(await district.api.get(f"/connections/{id}")).json()["name"] == typed["name"]


@pytest.mark.parametrize("ended", ["seen_at", "gone_at"], ids=["idle", "at the longest"])
async def test_the_same_once_time_has_run_out(visitor: Visitor, district: District, ended: str) -> None:
    id = await district.ad_hoc()
    mark = await visitor.csrf()
    async with database(district.stack) as db:
        past = datetime.now(UTC) - timedelta(days=1)
        await db["sessions"].update_many({"org": district.org}, {"$set": {ended: past}})
    told = await visitor.post(f"/connections/{id}/switch", csrf=mark, direction="import", on="1")
    assert (told.status_code, OUT in told.text) == (401, True)
    assert Form(told.text).fields == {"csrf": mark, "direction": "import", "on": "1"}
    assert not ok(await district.api.get(f"/connections/{id}")).json()["enable_import"]


async def test_who_signed_in_anew_is_asked_before_an_old_form_does_anything(
    visitor: Visitor, district: District
) -> None:
    id = await district.ad_hoc()
    mark = await leave(visitor)
    await visitor.sign_in()
    told = await visitor.post(f"/connections/{id}/delete", csrf=mark, sure="1")
    assert (told.status_code, ANEW in told.text) == (403, True)
    assert (await sent(visitor, Form(told.text))).headers["location"] == "/?said=deleted"


async def test_nobody_sends_what_somebody_else_has_typed(district: District, stack: Stack) -> None:
    id = await district.ad_hoc("Roster")
    await turn(district, users={district.user: list(FULL), "u-2": list(FULL)})
    async with (
        District(stack, f"{district.org}-2") as neighbour,
        Visitor(district) as mara,
        Visitor(district, "u-2") as colleague,
        Visitor(neighbour) as namesake,
    ):
        mark = await leave(mara)
        for other in (colleague, namesake):
            told = await other.post(f"/connections/{id}/settings", csrf=mark, name="Of Mara")
            assert told.status_code == 403
            assert "Of Mara" not in told.text
            assert await other.csrf() not in told.text.partition("<main")[2]
    assert ok(await district.api.get(f"/connections/{id}")).json()["name"] == "Roster"


async def test_nothing_is_repeated_that_no_page_of_ours_has_sent(visitor: Visitor, district: District) -> None:
    path = f"/connections/{await district.ad_hoc()}/settings"
    mark = await leave(visitor)
    for csrf, site in (("", "same-origin"), ("made.up.mark", "same-origin"), (mark, "cross-site"), (mark, "same-site")):
        told = await visitor.http.post(
            path, data={"csrf": csrf, "name": "Call 555-0100"}, headers={"Sec-Fetch-Site": site}
        )
        assert (told.status_code, OUT in told.text) == (401, True)
        assert "555-0100" not in told.text
        assert "/login?next=" in told.text


async def test_credentials_are_never_repeated_and_asked_for_again(visitor: Visitor, district: District) -> None:
    id = await district.sftp("Nightly")
    path = f"/connections/{id}/credentials"
    mark = await leave(visitor)
    told = await visitor.post(path, csrf=mark, **{"secrets.password": PASSWORD, "secrets.passphrase": ""})
    await visitor.sign_in()
    asked = await sent(visitor, Form(told.text))
    again = Form(asked.text)
    for page in (told, asked):
        assert PASSWORD not in page.text
        assert "Credentials are never shown" in page.text
    assert again.fields["secrets.password"] == ""
    done = await sent(visitor, again, **{"secrets.password": "another-92-orchard"})
    assert done.headers["location"] == f"/connections/{id}?said=credentials"


async def test_a_file_has_to_be_chosen_again(visitor: Visitor, district: District, tmp_path: Any) -> None:
    id = await district.ad_hoc()
    path, place = f"/connections/{id}/run/upload", f"/connections/{id}/run"
    content = students(tmp_path, 5).read_bytes()
    mark = await leave(visitor)
    fields = {"csrf": mark, "data_type": "students", "school_year": "2026", "preview": "1"}
    came_from = {"Referer": str(visitor.http.base_url.join(place))}
    for size in (1, 5000):
        files = {"file": ("students.csv", content * size)}
        told = await visitor.http.post(path, data=fields, files=files, headers=came_from)
        assert (told.status_code, OUT in told.text) == (401, True)
        assert "Import a file" in told.text
        assert "choose it again" in told.text
        assert f'href="/login?next={place.replace("/", "%2F")}"' in told.text

    await visitor.sign_in()
    cookie = {"Cookie": f"{COOKIE}={visitor.cookie}"}
    asked = await visitor.http.post(path, data=fields, files={"file": ("students.csv", content)}, headers=cookie)
    again = Form(asked.text)
    assert (asked.status_code, again.files) == (403, ["file"])
    assert ok(await district.api.get("/runs")).json() == []
    begun = await visitor.http.post(again.action, data=again.fields, files={"file": ("s.csv", content)}, headers=cookie)
    assert re.fullmatch(r"/runs/run_\w+\?said=started", begun.headers["location"])


async def test_signing_out_twice_is_no_mistake(visitor: Visitor) -> None:
    mark = await leave(visitor)
    again = await visitor.post("/logout", csrf=mark)
    assert (again.status_code, again.headers["location"]) == (303, "/signed-out")
    assert "set-cookie" not in again.headers


async def test_a_script_is_told_and_not_led_to_enroll(visitor: Visitor) -> None:
    await leave(visitor)
    for method, path in (("GET", "/runs/run_1/events"), ("HEAD", "/")):
        answer = await visitor.http.request(method, path, headers={"Sec-Fetch-Mode": "cors"})
        assert answer.status_code == 401
    led = await visitor.http.get("/runs", headers={"Sec-Fetch-Mode": "navigate"})
    assert led.headers["location"] == "/login?next=%2Fruns"


async def test_in_a_browser(either: Page, district: District, accessible: Accessible) -> None:
    id, page = await district.ad_hoc("Roster"), either
    await page.goto(f"/connections/{id}/settings")
    await page.get_by_label("Name").fill("Typed with care")
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("alert")).to_contain_text(OUT)
    await expect(page.get_by_label("Name", exact=True)).to_have_value("Typed with care")
    await accessible(page)
    async with Visitor(district) as other:
        base = district.stack.url("gateway").replace("http:", "https:")
        await page.context.add_cookies([{"name": COOKIE, "value": other.cookie, "url": base, "httpOnly": True}])
    await page.get_by_role("button", name="I am signed in again").click()
    await expect(page.get_by_role("alert")).to_contain_text(ANEW)
    await accessible(page)
    await page.get_by_role("button", name="Send again").click()
    await expect(page.get_by_role("heading", name="Typed with care")).to_be_visible()


async def test_a_page_that_looks_after_itself_says_that_its_session_has_ended(
    page: Page, district: District, accessible: Accessible, tmp_path: Any
) -> None:
    id = await district.ad_hoc("Roster")
    await page.goto(f"/connections/{id}/mappings/import/students/fields")
    await page.context.clear_cookies()
    await page.get_by_label("From, for First Name").fill("Given Name")
    alert = page.get_by_role("alert").filter(has_text="You were signed out.")
    await expect(alert.get_by_role("link", name="Sign in again")).to_be_visible()
    await expect(page.get_by_label("From, for First Name")).to_have_value("Given Name")
    await accessible(page)

    run = (await district.upload(id, students(tmp_path, 20), preview="true"))["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))
    await let_in(page, district, district.user)
    async with database(district.stack) as db:
        await db["runs"].update_one({"_id": run}, {"$set": {"state": "comparing"}})
        await page.goto(f"/runs/{run}")
        await expect(page.get_by_text("Comparing").first).to_be_visible()
        await db["sessions"].delete_many({"org": district.org})
        await expect(alert).to_be_visible()
        await db["runs"].update_one({"_id": run}, {"$set": {"state": "needs_approval"}})
