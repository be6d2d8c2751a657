"""Real Chromium, and somebody who is signed in through Enroll's own pages."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from devtools.district import District
from devtools.parts.chromium import FLAGS, chromium
from tests.e2e.pages.visitor import Visitor

Accessible = Callable[[Page], Awaitable[None]]


@pytest.fixture
async def visitor(district: District) -> AsyncIterator[Visitor]:
    """The district's user, signed in, without a browser."""
    async with Visitor(district) as one:
        yield one


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        started = await driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield started
        await started.close()


@pytest.fixture
async def context(browser: Browser, district: District) -> AsyncIterator[BrowserContext]:
    """Signed in as the district's user; relative addresses are those of the dashboard."""
    made = await browser.new_context(base_url=district.stack.url("gateway"))
    made.set_default_timeout(20_000)
    yield made
    await made.close()


@pytest.fixture
async def page(context: BrowserContext, district: District) -> Page:
    shown = await context.new_page()
    await signed_in(shown, district)
    return shown


@pytest.fixture
async def plain(browser: Browser, district: District) -> AsyncIterator[Page]:
    """The same without JavaScript."""
    made = await browser.new_context(base_url=district.stack.url("gateway"), java_script_enabled=False)
    made.set_default_timeout(20_000)
    shown = await made.new_page()
    await signed_in(shown, district)
    yield shown
    await made.close()


async def signed_in(page: Page, district: District, user: str | None = None) -> None:
    """From Enroll's page "Manage SIS Connections" to the dashboard."""
    await page.goto(district.stack.url("sandbox") + "/sign-in?next=/sync-service")
    await page.locator(f'input[value="{district.org}|{user or district.user}"]').check()
    await page.get_by_role("button", name="Sign in to Enroll").click()
    await page.get_by_role("link", name="Sync Service Login").click()
    if not page.url.startswith(district.stack.url("gateway")):
        await page.wait_for_load_state()
        go_on = page.get_by_role("button", name="Go on to Sync Service")
        if await go_on.count():
            await go_on.click()
    await page.wait_for_url(district.stack.url("gateway") + "/")


@pytest.fixture
def accessible() -> Accessible:
    """`await accessible(page)`: axe finds nothing, in light and in dark, and nothing has to be scrolled sideways."""

    async def check(page: Page) -> None:
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            found = await Axe().run(page)
            assert not found.violations_count, found.generate_report()
        await page.emulate_media(color_scheme="light")
        size = page.viewport_size
        await page.set_viewport_size({"width": 320, "height": 640})
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, f"{page.url} is {wide} pixels wide on a screen of 320"
        if size:
            await page.set_viewport_size(size)

    return check
