"""Failed messages at the dashboard: an operator finds, inspects, replays and discards; nobody else sees them."""

import re
from collections.abc import AsyncIterator
from html import escape
from itertools import permutations
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.async_api import Page, expect

from devtools.district import FULL, District
from devtools.stack import Stack
from services.gateway.pages.message_words import ADVICE, REASONS, TYPES
from services.gateway.pages.words import MESSAGES, NONE_CHOSEN
from shared.model.error_texts import every_text
from tests.e2e.broker import Tap
from tests.e2e.enroll import turn
from tests.e2e.pages.conftest import Accessible, in_session
from tests.e2e.pages.visitor import Visitor
from tests.e2e.waiting import until

OPERATOR = "Sync Service Operator"
KIND = "enroll.sync.requested.v99"


@in_session
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    async with District(stack, org, permissions=(*FULL, OPERATOR)) as one:
        yield one


async def buried(district: District, tap: Tap, count: int) -> list[str]:
    """The ids of messages of a version that nobody knows, once they are archived."""
    for number in range(count):
        event = {
            "specversion": "1.0",
            "id": f"{district.org}-{number}",
            "source": "/enroll",
            "type": KIND,
            "time": "2026-02-01T09:00:00Z",
            "data": {"organization": district.org},
        }
        await tap.enroll_says(event, KIND)

    async def archived() -> list[str]:
        found = await letters(district)
        return [one["id"] for one in found] if len(found) == count else []

    return await until(archived, "the messages are archived")


async def letters(district: District, state: str = "waiting") -> list[dict[str, Any]]:
    asked = {"org": district.org, "state": state}
    found: list[dict[str, Any]] = (await district.api.get("/failed-messages", params=asked)).json()["messages"]
    return found


async def test_one_is_inspected_and_several_are_put_aside(
    page: Page, district: District, tap: Tap, accessible: Accessible
) -> None:
    first, second, third = await buried(district, tap, 3)
    await page.goto("/")
    await page.get_by_role("link", name="Failed messages").click()
    await page.get_by_label("Organization").fill(district.org)
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("3 of 3 messages")).to_be_visible()
    await accessible(page)
    await page.get_by_role("link", name=second).click()
    await expect(page.get_by_role("region", name="The message")).to_contain_text(KIND)
    await accessible(page)
    await page.goto(f"/failed-messages?org={district.org}")
    for id in (first, third):
        await page.get_by_label(f"Choose {id}").check()
    await page.get_by_role("button", name="Discard …").click()
    await expect(page.get_by_role("heading", name="Discard: 2 messages")).to_be_visible()
    await accessible(page)
    await page.get_by_label("Why").fill("A trial of ours")
    await page.get_by_role("button", name="Discard", exact=True).click()
    await expect(page.get_by_text("Discarded. The archive keeps it.")).to_be_visible()
    assert [one["id"] for one in await letters(district)] == [second]
    audit = (await district.api.get("/audit")).json()
    either = {
        f"discard failed messages: {one}, {other}; A trial of ours" for one, other in permutations((first, third))
    }
    assert either & {one["subject"] for one in audit}


async def test_a_filtered_set_is_replayed_without_javascript(plain: Page, district: District, tap: Tap) -> None:
    await buried(district, tap, 2)
    await plain.goto(f"/failed-messages?org={district.org}")
    await plain.get_by_label("all 2 that fit the filter").check()
    await plain.get_by_role("button", name="Send again …").click()
    await expect(plain.get_by_role("heading", name="Send again: 2 messages")).to_be_visible()
    await plain.get_by_label("Why").fill("The new version is out")
    await plain.get_by_role("button", name="Send again", exact=True).click()
    await expect(plain.get_by_text("Sent again.")).to_be_visible()
    found = await letters(district, "any")
    assert [one["acts"][0]["why"] for one in found] == ["The new version is out"] * 2


@pytest.mark.parametrize("of_its_own", [True, False])
async def test_one_that_fails_again_is_the_same_one_and_says_so(
    visitor: Visitor, district: District, tap: Tap, of_its_own: bool
) -> None:
    """Also where it came without an id of its own, or the broker was told none."""
    event = {"specversion": "1.0", "type": KIND, "data": {"organization": district.org}}
    await tap.enroll_says(event | ({"id": f"{district.org}-1"} if of_its_own else {}), KIND, bare=True)
    (first,) = await until(lambda: letters(district), "the message is archived")
    sent = await visitor.post("/failed-messages/decide", id=first["id"], deed="replay", why="A new version", org="")
    assert sent.status_code == 303

    async def back() -> list[dict[str, Any]]:
        return [one for one in await letters(district) if one.get("deaths")]

    (again,) = await until(back, "it has failed again")
    assert again["id"] == first["id"]
    assert [one["state"] for one in await letters(district, "any")] == ["waiting"]
    shown = (await visitor.get(f"/failed-messages/{first['id']}")).text
    assert re.search(r"Sent again by .*, A new version</li><li>.*: Failed again</li>", shown)


@pytest.mark.parametrize("path", ["", "/x", "/decide"])
async def test_nobody_else_sees_or_touches_them(stack: Stack, org: str, path: str) -> None:
    async with District(stack, f"{org}-3") as other:
        method = "POST" if path == "/decide" else "GET"
        body = {"deed": "discard", "everything": True, "why": "mine now"} if path == "/decide" else None
        assert (await other.api.request(method, f"/failed-messages{path}", json=body)).status_code == 403


async def test_nothing_chosen_is_not_everything(district: District) -> None:
    answer = await district.api.post("/failed-messages/decide", json={"deed": "discard", "why": "x"})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "failed.none_chosen"


async def test_whoever_comes_second_is_told_that_it_was_done_already(
    visitor: Visitor, district: District, tap: Tap
) -> None:
    first, second = await buried(district, tap, 2)
    fields: dict[str, Any] = {"id": [first, second], "why": "Mended", "org": district.org}

    async def said(deed: str) -> str:
        answer = await visitor.post("/failed-messages/decide", **fields, deed=deed)
        return answer.headers["location"].rpartition("said=")[2]

    asked = {"deed": "discard", "ids": [first], "why": "A colleague"}
    await district.api.post("/failed-messages/decide", json=asked)
    told = (await visitor.post("/failed-messages/confirm", **fields, deed="discard")).text
    assert ("Discard: 1 message" in told, f"{first}</span> was discarded already." in told) == (True, True)
    assert await said("discard") == "discarded-some"
    assert await said("discard") == "none-left"
    assert await said("replay") == "none-left"
    assert "none of these messages waits any more" in MESSAGES["none-left"]
    answer = await district.api.post("/failed-messages/decide", json=asked)
    assert answer.json() == [{"id": first, "type": KIND, "done": False, "why_not": "was discarded already."}]


async def test_nothing_ticked_leads_back_to_the_list_and_its_filter(visitor: Visitor, district: District) -> None:
    fields = {"org": district.org, "code": "a b", "type": "", "deed": "replay"}
    told = await visitor.post("/failed-messages/confirm", **fields)
    address = f"/failed-messages?code=a+b&org={district.org}"
    assert (told.status_code, told.headers["location"]) == (303, f"{address}&said={NONE_CHOSEN}")
    assert MESSAGES[NONE_CHOSEN] in (await visitor.get(told.headers["location"])).text
    chosen = await visitor.post("/failed-messages/confirm", id="none-such", **fields)
    assert f'href="{address.replace("&", "&amp;")}">Back<' in chosen.text


async def test_without_a_reason_nothing_is_done_and_what_was_chosen_still_is(
    visitor: Visitor, district: District, tap: Tap
) -> None:
    first, second, third = await buried(district, tap, 3)
    asked = {"org": district.org, "type": KIND, "deed": "discard", "why": " "}
    back = f"/failed-messages?{urlencode({'type': KIND, 'org': district.org})}"
    told = await visitor.post("/failed-messages/decide", id=[first, third], **asked)
    assert (told.status_code, every_text()["failed.no_reason"].message in told.text) == (422, True)
    assert "<h1>Discard: 2 messages</h1>" in told.text
    hidden = r'type="hidden" name="{}" value="([^"]*)"'
    fields = {name: re.findall(hidden.format(name), told.text) for name in ("id", "org", "type", "all")}
    assert fields == {"id": [first, third], "org": [district.org], "type": [KIND], "all": []}
    assert f'href="{escape(back)}">Back<' in told.text

    told = await visitor.post("/failed-messages/decide", all="1", id=[second], **asked)
    assert ("<h1>Discard: 3 messages</h1>" in told.text, 'name="all" value="1"' in told.text) == (True, True)
    assert len(await letters(district)) == 3

    done = await visitor.post("/failed-messages/decide", id=[first, third], **(asked | {"why": "A trial"}))
    assert (done.status_code, done.headers["location"]) == (303, f"{back}&said=discarded")
    assert [one["id"] for one in await letters(district)] == [second]


async def test_pages_have_words_for_types_and_reasons_with_the_terms_of_logs_beside(
    visitor: Visitor, district: District, tap: Tap
) -> None:
    (id,) = await buried(district, tap, 1)
    words = f"{TYPES['enroll.sync.requested.v1']}, in a version that is not known here"
    term = "enroll.<wbr>sync.<wbr>requested.<wbr>v99"
    listed = await visitor.get(f"/failed-messages?org={district.org}")
    one = await visitor.get(f"/failed-messages/{id}")
    chosen = await visitor.post("/failed-messages/confirm", id=id, deed="discard")
    for page in (listed, one, chosen):
        assert (page.text.count(words), page.text.count(term)) == (1, 1)
    for page in (listed, one):
        assert REASONS["unknown type or version"] in page.text
        assert ">Waiting<" in page.text
    assert '<option value="delivery_limit">' in listed.text


async def test_help_tells_an_operator_what_each_reason_means_and_nobody_else(
    page: Page, visitor: Visitor, district: District, accessible: Accessible
) -> None:
    await page.goto("/failed-messages")
    await page.get_by_role("link", name="When to send again, and when to discard").click()
    await expect(page.get_by_role("heading", name="A message has failed")).to_be_in_viewport()
    for reason, advice in ADVICE.items():
        await expect(page.get_by_role("term").filter(has_text=REASONS[reason])).to_be_visible()
        await expect(page.get_by_text(advice.do)).to_be_visible()
    await accessible(page)
    await turn(district, users={district.user: list(FULL)})
    assert "A message has failed" not in (await visitor.get("/help")).text
