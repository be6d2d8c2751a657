"""The cards, the runs and what a person decides about them, in Chromium."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from devtools.district import EXPORTER, District
from devtools.stack import Stack
from services.sandbox.district import student_mapping
from tests.e2e.pages.conftest import Accessible, Visiting, signed_in
from tests.faults.helpers import streets, students


async def waiting_run(district: District, folder: Path, rows: int = 120) -> tuple[str, str]:
    """A connection, and a preview of an upload that waits for a decision."""
    connection = await district.ad_hoc("Roster uploads")
    run = (await district.upload(connection, students(folder, rows), preview="true"))["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))
    return connection, str(run)


async def test_an_empty_dashboard_teaches(page: Page, accessible: Accessible) -> None:
    await expect(page.get_by_role("heading", name="There are no connections yet")).to_be_visible()
    await accessible(page)


async def test_a_preview_is_looked_at_and_approved(
    page: Page, district: District, tmp_path: Path, accessible: Accessible
) -> None:
    await waiting_run(district, tmp_path)
    await page.goto("/")
    await accessible(page)
    card = page.get_by_role("listitem").filter(has_text="Roster uploads")
    await expect(card.get_by_text("Needs approval")).to_be_visible()
    await card.get_by_role("link", name="UTC").click()
    await expect(page.get_by_role("heading", name="Why it stopped")).to_be_visible()
    await expect(page.get_by_text("This is a preview: nothing was written.")).to_be_visible()
    await expect(page.get_by_role("row").filter(has_text="First Name:").first).to_be_visible()
    await accessible(page)
    await page.get_by_role("button", name="Approve and send").click()
    await expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible()
    assert (await district.stats())["students"] == 120


async def test_the_same_without_javascript(plain: Page, district: District, tmp_path: Path) -> None:
    _, run = await waiting_run(district, tmp_path, 20)
    await plain.goto(f"/runs/{run}")
    await plain.get_by_role("button", name="Reject").click()
    await expect(plain.get_by_text("Rejected. Nothing was written.", exact=True)).to_be_visible()
    await expect(plain.get_by_role("status").get_by_text("Cancelled", exact=True)).to_be_visible()
    assert (await district.stats())["students"] == 0


async def test_by_keyboard_alone(page: Page, district: District, tmp_path: Path) -> None:
    _, run = await waiting_run(district, tmp_path, 20)
    await page.goto(f"/runs/{run}")
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="To the content")
    await expect(skip).to_be_focused()
    await page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Approve and send")
    for _ in range(30):
        if await button.evaluate("one => one === document.activeElement"):
            break
        await page.keyboard.press("Tab")
    await expect(button).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible()


async def test_only_the_failures_are_retried_once_the_mapping_is_mended(
    page: Page, district: District, tmp_path: Path, accessible: Accessible
) -> None:
    mapping = student_mapping()
    rows = {one["target"]: one for one in mapping["fields"]}
    rows["students.gender"] = {**rows["students.gender"], "codes": {"Male": "M"}}
    connection = await district.ad_hoc("Uploads", {"fields": list(rows.values())}, limits={"invalid_percent": 100})
    run = await district.watch((await district.upload(connection, students(tmp_path, 20)))["id"])
    assert 0 < run["counts"]["invalid"] < 20
    await district.map_students(connection)
    await page.goto(f"/runs/{run['id']}")
    await accessible(page)
    causes = page.get_by_role("table", name="Causes")
    await expect(causes.get_by_role("row").filter(has_text="students.gender")).to_contain_text(
        str(run["counts"]["invalid"])
    )
    await page.get_by_role("button", name="See first what a retry would change").click()
    await expect(page.get_by_role("heading", name="Why it stopped")).to_be_visible()
    await accessible(page)
    await page.get_by_role("button", name="Reject").click()
    assert (await district.stats())["students"] < 20
    await page.goto(f"/runs/{run['id']}")
    await page.get_by_role("button", name="Retry only the failures").click()
    await expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible()
    assert (await district.stats())["students"] == 20


async def test_a_run_is_undone_after_a_look_at_what_that_takes_back(
    page: Page, district: District, tmp_path: Path, accessible: Accessible
) -> None:
    connection = await district.ad_hoc("Uploads")
    await district.watch((await district.upload(connection, students(tmp_path, 20)))["id"])
    second = await district.upload(connection, students(tmp_path, 20, edition=1, changed=0.2))
    assert (await district.watch(second["id"]))["counts"]["updated"] == 4
    changed = await streets(district, 20)
    await page.goto(f"/runs/{second['id']}")
    await page.get_by_role("button", name="Undo this run …").click()
    await expect(page.get_by_role("heading", name="Why it stopped")).to_be_visible()
    await expect(page.get_by_role("row").filter(has_text="Address:")).to_have_count(4)
    await accessible(page)
    assert await streets(district, 20) == changed
    await page.get_by_role("button", name="Approve and take back").click()
    await expect(page.get_by_role("status").filter(has_text="Succeeded")).to_be_visible()
    back = await streets(district, 20)
    assert sum(back[one] != changed[one] for one in back) == 4


async def test_switches(page: Page, district: District) -> None:
    connection = await district.ad_hoc("Uploads")
    await page.goto("/")
    await page.get_by_role("button", name="Enable Import: off for Uploads").click()
    await expect(page.get_by_role("button", name="Enable Import: on for Uploads")).to_be_visible()
    assert (await district.api.get(f"/connections/{connection}")).json()["enable_import"]


@pytest.mark.parametrize("path", ["/runs", "/charts", "/explain", "/help"])
async def test_every_screen_is_accessible(
    page: Page, district: District, tmp_path: Path, accessible: Accessible, path: str
) -> None:
    connection = await district.ad_hoc("Uploads")
    await district.watch((await district.upload(connection, students(tmp_path, 20)))["id"])
    await page.goto(path)
    await accessible(page)


async def test_where_a_value_comes_from(page: Page, district: District, tmp_path: Path, accessible: Accessible) -> None:
    connection = await district.ad_hoc("Uploads")
    file = students(tmp_path, 20)
    run = await district.watch((await district.upload(connection, file))["id"])
    (record, *_) = await district.records(run["id"])
    await page.goto(f"/runs/{run['id']}")
    await page.get_by_role("link", name=record["key"], exact=True).click()
    row = page.get_by_role("row").filter(has_text="students.fname")
    await expect(row).to_contain_text(record["changes"]["students.fname"][1])
    await expect(row).to_contain_text(f"{file.name}, row {record['row']}")
    await expect(row).to_contain_text("mapping “default”, version 1")
    await accessible(page)


async def test_limited_access_sees_nothing_that_is_not_for_them(stack: Stack, org: str, page: Page) -> None:
    """Of another organization, whose only user has Limited Access."""
    async with District(stack, f"{org}-2", permissions=EXPORTER) as district:
        await district.ad_hoc("Uploads")
        users = {district.user: ["Sync Service Limited Access"]}
        await district.enroll.patch(f"/sandbox/organizations/{district.org}", json={"users": users})
        await page.context.clear_cookies()
        await signed_in(page, district)
        await expect(page.get_by_role("heading", name="Uploads")).to_be_visible()
        for name in ("Enable Import", "Enable Export", "Add Sync Connection", "Failed messages"):
            await expect(page.get_by_text(name)).to_have_count(0)
        connections = (await district.api.get("/connections")).json()
        refused = await district.api.patch(f"/connections/{connections[0]['id']}", json={"enable_import": True})
        assert refused.status_code == 403


async def test_sync_logs_are_chosen_by_state_and_direction(
    visiting: Visiting, district: District, tmp_path: Path
) -> None:
    connection = await district.ad_hoc("Uploads of " + "a very long name " * 5)
    await district.watch((await district.upload(connection, students(tmp_path, 20)))["id"])
    (tmp_path / "none.csv").write_text("")
    await district.watch((await district.upload(connection, tmp_path / "none.csv"))["id"])
    async with visiting(viewport={"width": 320, "height": 800}) as page:
        await page.goto("/runs")
        rows = page.get_by_role("table", name="Runs").locator("tbody").get_by_role("row")
        await expect(rows).to_have_count(2)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 320
        await page.get_by_label("State").select_option("Failed")
        await page.get_by_role("button", name="Show").click()
        await expect(rows).to_have_count(1)
        await expect(rows).to_contain_text("Failed")
        await page.get_by_label("What").select_option("Exports")
        await page.get_by_role("button", name="Show").click()
        await expect(page.get_by_text("No run fits.")).to_be_visible()
        assert await page.get_by_label("State").input_value() == "failed"
