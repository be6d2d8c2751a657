"""Real Chromium, and somebody who is signed in through Enroll's own pages."""

import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from weakref import WeakSet

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from devtools.district import District
from devtools.parts import chromium as program
from tests.e2e.pages.visitor import Visitor

Visiting = Callable[..., Any]
Accessible = Callable[[Page], Awaitable[None]]
PATIENCE_MS = 60_000
SCHEMES: dict[Literal["light", "dark"], dict[str, Any]] = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
}
"""The colors apart, a page is the same in both."""
_SCRIPTLESS: WeakSet[BrowserContext] = WeakSet()

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def chromium() -> Iterator[str]:
    """The address of one Chromium for all tests: each test has an event loop of its own, and connects anew."""
    with tempfile.TemporaryDirectory(prefix="sync-chromium-", ignore_cleanup_errors=True) as profile:
        command = [program.chromium(), "--headless", *program.FLAGS, f"--user-data-dir={profile}"]
        command += ["--remote-debugging-port=0", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield f"http://127.0.0.1:{_port(Path(profile) / 'DevToolsActivePort', process)}"
        finally:
            process.terminate()
            process.wait(20)


def _port(file: Path, process: "subprocess.Popen[bytes]") -> int:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists() and (text := file.read_text().splitlines()):
            return int(text[0])
        time.sleep(0.05)
    raise RuntimeError("Chromium did not start")


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        yield await driver.chromium.connect_over_cdp(chromium)


@pytest.fixture
def visiting(browser: Browser, district: District) -> Visiting:
    """`async with visiting(user, javascript=False) as page:` - somebody signed in, in a fresh context.

    Relative addresses are those of the dashboard.
    """

    @asynccontextmanager
    async def visit(user: str = "", *, javascript: bool = True, **options: Any) -> AsyncIterator[Page]:
        base = district.stack.url("gateway")
        context = await browser.new_context(base_url=base, java_script_enabled=javascript, **options)
        context.set_default_timeout(PATIENCE_MS)
        if not javascript:
            _SCRIPTLESS.add(context)
        try:
            page = await context.new_page()
            await signed_in(page, district, user or district.user)
            yield page
        finally:
            await context.close()

    return visit


@pytest.fixture
async def page(visiting: Visiting) -> AsyncIterator[Page]:
    """Signed in as the district's user."""
    async with visiting() as one:
        yield one


@pytest.fixture
async def plain(visiting: Visiting) -> AsyncIterator[Page]:
    """The same without JavaScript."""
    async with visiting(javascript=False) as one:
        yield one


@pytest.fixture
async def visitor(district: District) -> AsyncIterator[Visitor]:
    """The district's user, signed in, without a browser."""
    async with Visitor(district) as one:
        yield one


@pytest.fixture(name="accessible")
def _accessible() -> Accessible:
    return accessible


async def signed_in(page: Page, district: District, user: str | None = None) -> None:
    """From Enroll's page "Manage SIS Connections" to the dashboard."""
    await page.goto(district.stack.url("sandbox") + "/sign-in?next=/sync-service")
    await page.locator(f'input[value="{district.org}|{user or district.user}"]').check()
    await page.get_by_role("button", name="Sign in to Enroll").click()
    await page.get_by_role("link", name="Sync Service Login").click()
    if page.context in _SCRIPTLESS:
        await page.get_by_role("button", name="Go on to Sync Service").click()
    await page.wait_for_url(district.stack.url("gateway") + "/")


async def accessible(page: Page) -> None:
    """Axe finds nothing, in light and in dark, and on a small screen nothing has to be scrolled sideways.

    Axe is a script itself: without JavaScript it looks at nothing.
    """
    if page.context in _SCRIPTLESS:
        return
    for scheme, rules in SCHEMES.items():
        await page.emulate_media(color_scheme=scheme)
        found = await Axe().run(page, options=rules)
        assert not found.violations_count, found.generate_report()
    await page.emulate_media(color_scheme="light")
    size = page.viewport_size
    await page.set_viewport_size({"width": 320, "height": 640})
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 320, f"{page.url} is {wide} pixels wide on a screen of 320"
    if size:
        await page.set_viewport_size(size)
