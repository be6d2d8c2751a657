"""The dashboard in a real Chromium, by somebody who came from the simulated Enroll."""

import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from devtools.district import District

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
    *("--disable-extensions", "--disable-component-extensions-with-background-pages", "--disable-default-apps"),
    *("--disable-sync", "--disable-features=Translate,MediaRouter,OptimizationHints", "--disable-dev-shm-usage"),
)
_SCRIPTLESS: WeakSet[BrowserContext] = WeakSet()
Visiting = Callable[..., Any]


@pytest.fixture(scope="session")
def chromium() -> Iterator[str]:
    """The address of one Chromium for all tests: each test has an event loop of its own, and connects anew."""
    with tempfile.TemporaryDirectory(prefix="sync-chromium-", ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
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
    async with async_playwright() as playwright:
        yield await playwright.chromium.connect_over_cdp(chromium)


@pytest.fixture
def visiting(browser: Browser, district: District) -> Visiting:
    """`async with visiting(user, javascript=False) as page:` - somebody signed in, in a fresh context."""

    @asynccontextmanager
    async def visit(user: str = "", *, javascript: bool = True, **options: Any) -> AsyncIterator[Page]:
        context = await browser.new_context(java_script_enabled=javascript, **options)
        if not javascript:
            _SCRIPTLESS.add(context)
        try:
            page = await context.new_page()
            page.set_default_timeout(20_000)
            await sign_in(page, district, user or district.user, javascript=javascript)
            yield page
        finally:
            await context.close()

    return visit


@pytest.fixture
async def page(visiting: Visiting) -> AsyncIterator[Page]:
    """Signed in as the data manager of the district."""
    async with visiting() as one:
        yield one


async def sign_in(page: Page, district: District, user: str, *, javascript: bool = True) -> None:
    """Through the pages of the simulated Enroll, which sends its token by itself where it can."""
    dashboard = district.stack.url("gateway") + "/"
    await page.goto(district.stack.url("sandbox"))
    await page.locator(f'input[value="{district.org}|{user}"]').check()
    await page.get_by_role("button", name="Sign in to Enroll").click()
    await page.get_by_role("link", name="Sync Service Login").click()
    if not javascript:
        await page.get_by_role("button", name="Go on to Sync Service").click()
    await page.wait_for_url(dashboard)


async def accessible(page: Page) -> None:
    """Fails where axe finds anything. Axe is a script itself: without JavaScript it looks at nothing."""
    if page.context in _SCRIPTLESS:
        return
    results = await Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
