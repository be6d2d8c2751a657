"""A district with many connections: a page of cards at a time, found by name, and light."""

import html
import re
from datetime import UTC, datetime

from playwright.async_api import Page, expect

from devtools.district import District, ok
from services.gateway.pages.cards import CARDS
from tests.e2e.pages.conftest import Accessible
from tests.e2e.pages.test_weight import MOST_BYTES
from tests.e2e.pages.visitor import Visitor
from tests.faults.helpers import database

NAMES = [f"School {number:03d} & <sync>" for number in range(64)]


async def given(district: District) -> None:
    about = {"org": district.org, "kind": "powerschool", "created_at": datetime.now(UTC), "created_by": "u-1"}
    sis = {"base_url": "https://ps.example.org"}
    async with database(district.stack) as db:
        await db["connections"].insert_many(
            {"_id": f"con_{district.org}_{at}", "name": name, "powerschool": sis, **about}
            for at, name in enumerate(NAMES)
        )


def names(page: str) -> list[str]:
    return [html.unescape(one) for one in re.findall(r'<h2 id="card-\d+"><a href="[^"]+">([^<]+)<', page)]


async def test_every_card_is_on_one_of_the_pages_and_each_is_light(visitor: Visitor, district: District) -> None:
    await given(district)
    seen, pages, path = list[str](), 0, "/"
    while path:
        answer = await visitor.get(path)
        assert len(answer.content) < MOST_BYTES // 2
        seen, pages = seen + names(answer.text), pages + 1
        following = re.search(r'href="([^"]+)">Next connections', answer.text)
        path = html.unescape(following[1]) if following else ""
    assert (seen, pages) == (NAMES, -(-len(NAMES) // CARDS))


async def test_the_api_pages_and_searches_alike(district: District) -> None:
    await given(district)
    seen, after = list[str](), ""
    while page := ok(await district.api.get("/connections", params={"limit": 30, "after": after})).json():
        seen, after = seen + [one["name"] for one in page], page[-1]["name"]
    assert seen == NAMES
    found = ok(await district.api.get("/connections", params={"search": " 06"})).json()
    assert [one["name"] for one in found] == [one for one in NAMES if "06" in one]
    for none in (".*", "school (", "\\"):
        assert ok(await district.api.get("/connections", params={"search": none})).json() == []
    for wrong in ({"limit": 0}, {"search": "a\0"}, {"after": "a\0"}, {"search": "a" * 101}):
        assert (await district.api.get("/connections", params=wrong)).status_code == 422
    assert len(ok(await district.api.get("/connections")).json()) == 50


async def test_a_connection_is_found_by_its_name_and_switched(
    either: Page, district: District, accessible: Accessible
) -> None:
    await given(district)
    await either.goto("/")
    await expect(either.get_by_role("link", name="Next connections")).to_be_visible()
    await either.get_by_role("search").get_by_label("Name").fill("SCHOOL 06")
    await either.get_by_role("button", name="Search").click()
    cards = either.locator("ul.cards > li")
    await expect(cards).to_have_count(4)
    await accessible(either)
    await either.get_by_role("button", name=f"Enable Import: off for {NAMES[63]}").click()
    await expect(either.get_by_role("button", name=f"Enable Import: on for {NAMES[63]}")).to_be_visible()
    await expect(cards).to_have_count(4)
    await either.get_by_role("search").get_by_label("Name").fill("nowhere")
    await either.get_by_role("button", name="Search").click()
    await expect(either.get_by_text("No connection has “nowhere” in its name.")).to_be_visible()
    await either.get_by_role("link", name="All connections").click()
    await expect(cards).to_have_count(CARDS)
