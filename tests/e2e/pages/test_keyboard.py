"""Whoever has no mouse: every control of every screen is reached by Tab, shows that it is, and does its work."""

from pathlib import Path
from typing import Any

from playwright.async_api import Locator, Page, expect

from devtools.district import FULL, District, ok
from devtools.stack import Stack
from tests.e2e.broker import Tap
from tests.e2e.enroll import turn
from tests.e2e.pages.conftest import has_scripts
from tests.e2e.pages.test_dashboard import waiting_run
from tests.e2e.pages.test_operators import OPERATOR, buried, letters
from tests.faults.helpers import streets, students

WATCH = """
() => {
  const all = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const shown = (one) => one.checkVisibility({checkVisibilityCSS: true}) && !one.disabled;
  const group = (one) => one.type === 'radio' ? one.form?.id + '/' + one.name : '';
  const name = (one) => `${one.tagName} ${one.name || one.getAttribute('aria-label') || one.innerText}`.trim();
  const controls = [...document.querySelectorAll(all)].filter(shown);
  window.missed = new Map(controls.map((one) => [group(one) || one, name(one)]));
  window.unmarked = [];
  document.addEventListener('focusin', ({target}) => {
    window.missed.delete(group(target) || target);
    const style = getComputedStyle(target);
    if (style.outlineStyle === 'none' || !parseFloat(style.outlineWidth)) window.unmarked.push(name(target));
  });
  return controls.length;
}
"""
"""Choices of which one excludes the others are one stop."""


async def to(target: Locator) -> None:
    """Tab until it has the focus."""
    for _ in range(300):
        if await target.evaluate("one => one === document.activeElement"):
            return
        await target.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {target}")


async def press(target: Locator) -> None:
    await to(target)
    await target.page.keyboard.press("Enter")


async def reached(page: Page, address: str) -> None:
    """Every control of this page."""
    answer = await page.goto(address)
    assert answer is not None
    assert answer.status == 200, address
    count = await page.evaluate(WATCH)
    assert count > 5, address
    dates = await page.locator("input[type=date]").count()  # day, month, year and the calendar are stops of their own
    for _ in range(count + 3 + 3 * dates):
        await page.keyboard.press("Tab")
    assert await page.evaluate("[...window.missed.values()]") == [], address
    assert await page.evaluate("window.unmarked") == [], address


async def test_every_control_of_every_screen_is_reached_and_shows_it(
    page: Page, district: District, tmp_path: Path
) -> None:
    uploads, run = await waiting_run(district, tmp_path, 20)
    sftp = await district.sftp("Nightly")
    parts = ("", "/settings", "/credentials", "/schedule", "/limits", "/schools", "/delete", "/run")
    mapping = f"/connections/{uploads}/mappings"
    screens = ["/", "/runs", f"/runs/{run}", "/charts", "/explain", "/help", "/audit", "/connections/new"]
    screens += ["/connections/new/powerschool?agree=1&name=P", *(f"/connections/{sftp}{part}" for part in parts)]
    screens += [f"{mapping}/import/students/{tab}" for tab in ("configure", "fields", "suggestions", "versions")]
    screens += [f"{mapping}/import/students/row?place=students.dob", f"{mapping}/codes", f"{mapping}/codes/edit"]
    drafts = f"/connections/{uploads}/drafts/import/students"
    ok(await district.api.put(drafts, json=ok(await district.api.get(drafts)).json()["draft"]))
    await district.map_students(uploads)
    screens += [f"{mapping}/import/students/newer"]
    for address in screens:
        await reached(page, address)


async def test_signing_in_and_out(page: Page, district: District) -> None:
    await page.context.clear_cookies()
    await page.goto(district.stack.url("sandbox") + "/sign-in?next=/sync-service")
    chosen = page.locator(f'input[value="{district.org}|{district.user}"]')
    for _ in range(300):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.type === 'radio'"):
            break
    while not await chosen.is_checked():
        await page.keyboard.press("ArrowDown")
    await press(page.get_by_role("button", name="Sign in to Enroll"))
    await press(page.get_by_role("link", name="Sync Service Login"))
    await page.wait_for_url(district.stack.url("gateway") + "/")
    assert has_scripts(page)
    await press(page.get_by_role("button", name="Sign out"))
    await page.wait_for_url("**/signed-out")


async def test_a_run_is_undone_and_explained(page: Page, district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc("Uploads")
    await district.watch((await district.upload(connection, students(tmp_path, 20)))["id"])
    second = await district.upload(connection, students(tmp_path, 20, edition=1, changed=0.2))
    await district.watch(second["id"])
    changed = await streets(district, 20)
    await page.goto(f"/runs/{second['id']}")
    await press(page.get_by_role("button", name="Undo this run …"))
    await expect(page.get_by_role("heading", name="Why it stopped")).to_be_visible()
    await press(page.get_by_role("button", name="Approve and take back"))
    await expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible()
    assert sum(now != changed[one] for one, now in (await streets(district, 20)).items()) == 4
    (record, *_) = await district.records(second["id"])
    await page.goto(f"/runs/{second['id']}")
    await press(page.get_by_role("link", name=record["key"], exact=True))
    await expect(page.get_by_role("row").filter(has_text="student_annual.address")).to_be_visible()


async def test_a_schedule_is_set(page: Page, district: District) -> None:
    id = await district.sftp()
    await page.goto(f"/connections/{id}/schedule")
    imports = page.get_by_role("region", name="Import")
    await to(imports.get_by_label("Time of day"))
    await page.keyboard.type("0315AM")
    await to(imports.get_by_label("Time zone"))
    await page.keyboard.press("Control+A")
    await page.keyboard.type("Asia/Kathmandu")
    await press(imports.get_by_role("button", name="Save"))
    await expect(imports.get_by_role("heading", name="The next three times")).to_be_visible()
    planned: dict[str, Any] = ok(await district.api.get(f"/connections/{id}")).json()["schedule"]
    assert (planned["time"], planned["zone"]) == ("03:15", "Asia/Kathmandu")


async def test_a_failed_message_is_put_aside(page: Page, district: District, stack: Stack, tap: Tap) -> None:
    await turn(district, users={district.user: [*FULL, OPERATOR]})
    (first,) = await buried(district, tap, 1)
    await page.goto(f"/failed-messages?org={district.org}")
    await to(page.get_by_label(f"Choose {first}"))
    await page.keyboard.press("Space")
    await press(page.get_by_role("button", name="Discard …"))
    await to(page.get_by_label("Why"))
    await page.keyboard.type("A trial of ours")
    await press(page.get_by_role("button", name="Discard", exact=True))
    await expect(page.get_by_text("Discarded. The archive keeps it.")).to_be_visible()
    assert await letters(district, "waiting") == []
