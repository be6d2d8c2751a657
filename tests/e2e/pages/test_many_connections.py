"""A district with many connections: a page of cards at a time, found by name, and light."""

import html
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from playwright.async_api import Page, expect

from devtools.district import District, ok
from services.gateway.pages.cards import CARDS
from tests.e2e.pages.conftest import Accessible
from tests.e2e.pages.test_weight import MOST_BYTES
from tests.e2e.pages.visitor import Visitor
from tests.faults.helpers import database, students

NAMES = [f"School {number:03d} & <sync>" for number in range(64)]


MANY = [f"School {number:04d} of the district" for number in range(1000)]


async def given(district: District, called: Sequence[str] = NAMES) -> None:
    about = {"org": district.org, "kind": "powerschool", "created_at": datetime.now(UTC), "created_by": "u-1"}
    sis = {"base_url": "https://ps.example.org"}
    async with database(district.stack) as db:
        await db["connections"].insert_many(
            {"_id": f"con_{district.org}_{at}", "name": name, "powerschool": sis, **about}
            for at, name in enumerate(called)
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
    await expect(either.get_by_text("4 connections with “SCHOOL 06” in the name.")).to_be_visible()
    await accessible(either)
    await either.get_by_role("button", name=f"Enable Import: off for {NAMES[63]}").click()
    await expect(either.get_by_role("button", name=f"Enable Import: on for {NAMES[63]}")).to_be_visible()
    await expect(cards).to_have_count(4)
    await either.get_by_role("search").get_by_label("Name").fill("nowhere")
    await either.get_by_role("button", name="Search").click()
    await expect(either.get_by_text("No connection has “nowhere” in its name.")).to_be_visible()
    await either.get_by_role("link", name="All connections").click()
    await expect(cards).to_have_count(CARDS)


async def test_a_search_says_how_many_there_are(visitor: Visitor, district: District) -> None:
    await given(district)
    assert "64 connections with “school” in the name." in (await visitor.get("/?search=school")).text
    assert "1 connection with “063” in the name." in (await visitor.get("/?search=063")).text
    assert "in the name." not in (await visitor.get("/")).text


async def test_logs_and_charts_of_a_thousand_are_light_and_lead_to_each(visitor: Visitor, district: District) -> None:
    await given(district, MANY)
    for path in ("/runs", "/charts"):
        page = await visitor.get(path)
        assert (page.status_code, len(page.content) < MOST_BYTES, MANY[0] in page.text) == (200, True, True)

        one = await visitor.get(f"{path}?name=0999+OF")
        assert f'value="{MANY[999]}"' in one.text
        assert f'name="connection" value="con_{district.org}_999"' in one.text
        several = await visitor.get(f"{path}?name=school+099")
        listed = re.findall(rf'<li><a href="{path}\?connection=([^"]+)">([^<]+)</a></li>', several.text)
        assert listed == [(f"con_{district.org}_{at}", MANY[at]) for at in range(990, 1000)]
        too_many = await visitor.get(f"{path}?name=school")
        assert "These are the first 20. Type more of the name for others." in too_many.text
        assert len(too_many.content) < MOST_BYTES
        nobody = await visitor.get(f"{path}?name=%3Cnowhere%3E")
        assert "No connection has “&lt;nowhere&gt;” in its name." in nobody.text
    kept = await visitor.get("/runs?name=school+0999&state=failed&direction=export")
    assert "No run fits." in kept.text
    kept = await visitor.get("/runs?name=school+099&state=failed&direction=export")
    assert f'href="/runs?state=failed&amp;direction=export&amp;connection=con_{district.org}_990"' in kept.text


async def test_another_name_in_the_box_counts_and_a_deleted_connection_is_still_found(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    gone, stays = await district.ad_hoc("Gone"), await district.ad_hoc("Stays")
    run = await district.watch((await district.upload(gone, students(tmp_path, 3)))["id"])
    ok(await district.api.delete(f"/connections/{gone}"))
    link = f'<a href="/runs/{run["id"]}">'
    for query, there in (
        ("", True),
        ("name=", True),
        ("name=gon", True),
        (f"connection={gone}", True),
        (f"connection={gone}&name=Gone", True),
        (f"connection={gone}&name=", True),
        (f"connection={gone}&name=stay", False),
        (f"connection={stays}", False),
        (f"connection={stays}&name=Stays", False),
    ):
        page = await visitor.get(f"/runs?{query}")
        assert (page.status_code, link in page.text) == (200, there), query
    assert (await visitor.get("/runs?connection=con_none")).status_code == 404


async def test_a_connection_is_chosen_by_its_name(either: Page, district: District, accessible: Accessible) -> None:
    await given(district)
    for path in ("/runs", "/charts"):
        await either.goto(path)
        await either.get_by_label("Connection", exact=True).fill("school 06")
        await either.get_by_role("button", name="Show").click()
        await accessible(either)
        await either.get_by_role("link", name=NAMES[62]).click()
        await expect(either.get_by_label("Connection", exact=True)).to_have_value(NAMES[62])
