"""Real Chromium, and somebody who is signed in.

The tests of this folder and their fixtures share an event loop: so the driver of the browser is started once for all.
"""

import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from weakref import WeakSet

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from devtools.district import District
from devtools.parts import chromium as program
from devtools.stack import REHEARSAL, Stack
from services.gateway.pages.visits import COOKIE
from tests.e2e.broker import Tap
from tests.e2e.enroll import Faults, switched
from tests.e2e.pages.visitor import Visitor

Visiting = Callable[..., Any]
Accessible = Callable[[Page], Awaitable[None]]
PATIENCE_MS = 60_000
SCHEMES: dict[Literal["light", "dark"], dict[str, Any]] = {
    "light": {"resultTypes": ["violations"]},
    "dark": {"resultTypes": ["violations"], "runOnly": ["color-contrast"]},
}
"""The colors apart, a page is the same in both."""
in_session = pytest_asyncio.fixture(loop_scope="session")
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    shared = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(shared, append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as driver:
        yield await driver.chromium.connect_over_cdp(chromium)


@in_session
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    """An organization nobody else uses, and its data manager, who holds Full Access."""
    async with District(stack, org) as one:
        yield one


@in_session
async def rehearsal(stack: Stack, district: District) -> AsyncIterator[District]:
    async with District(stack, district.org, enroll=REHEARSAL) as one:
        one.api.headers = district.api.headers
        yield one


@in_session
async def faults(stack: Stack) -> AsyncIterator[Faults]:
    async with switched(stack.url("sandbox")) as switch:
        yield switch


@in_session
async def tap(stack: Stack) -> AsyncIterator[Tap]:
    async with Tap(stack) as one:
        yield one


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
            await let_in(page, district, user or district.user)
            yield page
        finally:
            await context.close()

    return visit


@in_session
async def page(visiting: Visiting) -> AsyncIterator[Page]:
    """Signed in as the district's user."""
    async with visiting() as one:
        yield one


@in_session
async def plain(visiting: Visiting) -> AsyncIterator[Page]:
    """The same without JavaScript."""
    async with visiting(javascript=False) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="session", params=[True, False], ids=["scripts", "no scripts"])
async def either(request: pytest.FixtureRequest, visiting: Visiting) -> AsyncIterator[Page]:
    """The one, then the other."""
    async with visiting(javascript=request.param) as one:
        yield one


def has_scripts(page: Page) -> bool:
    return page.context not in _SCRIPTLESS


@in_session
async def visitor(district: District) -> AsyncIterator[Visitor]:
    """The district's user, signed in, without a browser."""
    async with Visitor(district) as one:
        yield one


@pytest.fixture(name="accessible")
def _accessible() -> Accessible:
    return accessible


async def let_in(page: Page, district: District, user: str) -> None:
    """At the dashboard, signed in: the way there has tests of its own."""
    async with Visitor(district, user) as visitor:
        base = district.stack.url("gateway")
        secure = base.replace("http:", "https:")  # a browser holds this machine's own address to be so, but not here
        await page.context.add_cookies([{"name": COOKIE, "value": visitor.cookie, "url": secure, "httpOnly": True}])
    await page.goto(base + "/")


async def signed_in(page: Page, district: District, user: str | None = None) -> None:
    """From Enroll's page "Manage SIS Connections" to the dashboard."""
    await page.goto(district.stack.url("sandbox") + "/sign-in?next=/sync-service")
    await page.locator(f'input[value="{district.org}|{user or district.user}"]').check()
    await page.get_by_role("button", name="Sign in to Enroll").click()
    await page.get_by_role("link", name="Sync Service Login").click()
    if not has_scripts(page):
        await page.get_by_role("button", name="Go on to Sync Service").click()
    await page.wait_for_url(district.stack.url("gateway") + "/")


async def accessible(page: Page) -> None:
    """Axe finds nothing, in light and in dark, and on a small screen nothing has to be scrolled sideways.

    Axe is a script itself: without JavaScript it looks at nothing.
    """
    if not has_scripts(page):
        return
    await page.wait_for_load_state()
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
