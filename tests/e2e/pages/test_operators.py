"""Failed messages at the dashboard: an operator finds, inspects, replays and discards; nobody else sees them."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from devtools.district import FULL, District
from devtools.stack import Stack
from tests.e2e.broker import Tap
from tests.e2e.pages.conftest import Accessible
from tests.e2e.waiting import until

OPERATOR = "Sync Service Operator"


@pytest.fixture
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    async with District(stack, org, permissions=(*FULL, OPERATOR)) as one:
        yield one


async def buried(district: District, tap: Tap, count: int) -> str:
    """The type of messages of our own that nobody knows, once they are archived."""
    kind = f"enroll.unknown.{district.org}.v9"
    for number in range(count):
        event = {
            "specversion": "1.0",
            "id": f"{district.org}-{number}",
            "source": "/enroll",
            "type": kind,
            "time": "2026-02-01T09:00:00Z",
            "data": {"organization": district.org},
        }
        await tap.enroll_says(event, kind)

    async def archived() -> bool:
        found = (await district.api.get("/failed-messages", params={"type": kind})).json()
        return bool(found["total"] == count)

    await until(archived, "the messages are archived")
    return kind


async def test_one_is_inspected_and_several_are_put_aside(
    page: Page, district: District, tap: Tap, accessible: Accessible
) -> None:
    kind = await buried(district, tap, 3)
    await page.goto("/")
    await page.get_by_role("link", name="Failed messages").click()
    await page.get_by_label("Type").fill(kind)
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("3 of 3 messages")).to_be_visible()
    await accessible(page)
    await page.get_by_role("link", name=f"{district.org}-1").click()
    await expect(page.get_by_role("region", name="The message")).to_contain_text(kind)
    await accessible(page)
    await page.go_back()
    for number in (0, 2):
        await page.get_by_label(f"Choose {district.org}-{number}").check()
    await page.get_by_role("button", name="Discard …").click()
    await expect(page.get_by_role("heading", name="Discard: 2 messages")).to_be_visible()
    await accessible(page)
    await page.get_by_label("Why").fill("A trial of ours")
    await page.get_by_role("button", name="Discard", exact=True).click()
    await expect(page.get_by_text("Discarded. The archive keeps it.")).to_be_visible()
    left = (await district.api.get("/failed-messages", params={"type": kind})).json()
    assert [one["id"] for one in left["messages"]] == [f"{district.org}-1"]
    audit = (await district.api.get("/audit")).json()
    assert any("discard failed messages: 2 by id; A trial of ours" in one["subject"] for one in audit)


async def test_a_filtered_set_is_replayed_without_javascript(plain: Page, district: District, tap: Tap) -> None:
    kind = await buried(district, tap, 2)
    await plain.goto(f"/failed-messages?type={kind}")
    await plain.get_by_label("all 2 that fit the filter").check()
    await plain.get_by_role("button", name="Send again …").click()
    await expect(plain.get_by_role("heading", name="Send again: 2 messages")).to_be_visible()
    await plain.get_by_label("Why").fill("The new version is out")
    await plain.get_by_role("button", name="Send again", exact=True).click()
    await expect(plain.get_by_text("Sent again.")).to_be_visible()
    found = (await district.api.get("/failed-messages", params={"type": kind, "state": "any"})).json()
    assert [one["acts"][0]["why"] for one in found["messages"]] == ["The new version is out"] * 2


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
