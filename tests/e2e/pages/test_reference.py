"""The page of the API: for anybody, whole, and with nothing from elsewhere."""

import httpx
from playwright.async_api import Browser, Request

from devtools.stack import Stack
from shared.security.trust import trusted
from tests.e2e.pages.conftest import accessible


async def test_every_call_is_there_and_nothing_comes_from_elsewhere(browser: Browser, stack: Stack) -> None:
    base = stack.url("gateway")
    async with httpx.AsyncClient(base_url=base, trust_env=False, verify=trusted()) as client:
        described = (await client.get("/openapi.json")).raise_for_status().json()
    context = await browser.new_context(base_url=base)
    try:
        page = await context.new_page()
        asked: list[str] = []

        def note(request: Request) -> None:
            asked.append(request.url)

        page.on("request", note)
        await page.goto("/docs")
        assert all(one.startswith(base) for one in asked), asked
        shown = await page.locator("summary").all_text_contents()
        offered = [f"{method.upper()} {path}" for path, item in described["paths"].items() for method in item]
        assert sorted(shown) == sorted(offered)
        broken = await page.evaluate(
            "[...document.querySelectorAll('main a[href^=\"#\"]')].map(one => one.getAttribute('href').slice(1))"
            ".filter(id => !document.getElementById(id))"
        )
        assert broken == []
        await page.locator("details").evaluate_all("all => all.forEach(one => one.open = true)")
        await accessible(page)
    finally:
        await context.close()
