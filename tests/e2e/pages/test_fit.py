"""Nothing has to be scrolled sideways: on a laptop, on a small one, and on a phone or at a zoom of 400 %.

With the longest names and values, in every Mapping Type; and a table stays a table for who cannot see it.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from devtools.district import FULL, YEAR, District, ok
from services.sandbox.district import student_mapping
from tests.e2e.broker import Tap
from tests.e2e.enroll import turn
from tests.e2e.files import read, roster, write
from tests.e2e.pages.conftest import Accessible, Visiting
from tests.e2e.pages.test_operators import OPERATOR, buried

LARGE, LAPTOP, PHONE = 1280, 1024, 320
WIDTHS = (LARGE, LAPTOP, 815, PHONE)
WORD = "Student_Enrollment_Primary_Guardian_Household_Identifier_As_Exported_From_The_SIS"
NOTE = "Notes about the address that the office of the district has typed in over the years"
FAULTS = """
() => {
  const edge = document.documentElement.clientWidth, found = [];
  const name = (one) => `${one.tagName}.${one.className} "${one.textContent.trim().slice(0, 30)}"`;
  for (const one of document.querySelectorAll('body *')) {
    if (!one.checkVisibility({checkVisibilityCSS: true})) continue;
    if (one.closest('svg, .visually-hidden, .skip') || one.closest('thead')?.clientWidth === 1) continue;
    const {left, right, width} = one.getBoundingClientRect();
    if (width && (right > edge + 1 || left < -1)) found.push(`${name(one)} from ${left} to ${right} of ${edge}`);
    const scrolls = getComputedStyle(one).overflowX !== 'visible' && !one.matches('input, select, textarea');
    if (scrolls && one.scrollWidth > one.clientWidth + 1) found.push(`${name(one)} is scrolled sideways`);
    const holds = one.matches('td, tbody th') && /[a-z]{4}/i.test(one.innerText);
    if (holds && width < 60) found.push(`${name(one)} is thin`);
  }
  for (const one of document.querySelectorAll('.table')) {
    const wide = one.firstElementChild.getBoundingClientRect().width;
    if (wide > one.clientWidth + 1) found.push(`the table ${one.firstElementChild.ariaLabel} is ${wide} wide`);
  }
  return found;
}
"""


async def fits(page: Page, address: str) -> None:
    await page.goto(address)
    await fits_as_it_is(page)


async def fits_as_it_is(page: Page) -> None:
    await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        assert await page.evaluate(FAULTS) == [], f"{page.url} at {width}"
    await page.set_viewport_size({"width": LARGE, "height": 800})


def of_all_types() -> list[dict[str, Any]]:
    """A mapping with every Mapping Type, long columns, and one that the file does not have."""
    rows = {one["target"]: one for one in student_mapping()["fields"]}

    def row(target: str, **more: Any) -> None:
        rows[target] = {"type": "direct", "target": target, **more}

    row("students.mname", source=WORD)
    row("student_annual.address", source=NOTE)
    row("student_annual.city", source="Town or municipality of the household")
    row("student_annual.state", source={"value": "MA"})
    row("students.ssn", type="do_not_map")
    row("student_annual.address2", type="match_codes", source=WORD, codes={"a": "b"})
    joined = {"sources": [NOTE, {"transformation": "upper", "options": {"source": WORD}}], "delimiter": "/"}
    row("student_annual.zip", type="transformation", name="join", options=joined)
    return list(rows.values())


def odd_file(folder: Path) -> Path:
    rows = read(roster(folder / "plain.csv", 12))
    for one in rows:
        one |= {WORD: "Wolfeschlegelsteinhausenbergerdorff" * 2, NOTE: "Ring twice. " * 15}
    rows[1]["Birth Date"] = "the third of May, or the fourth, nobody at the office is sure of it any more"
    rows[2] |= {"First Name": "Wolfeschlegelsteinhausenbergerdorff" * 2, "Last Name": "Nguyễn-O'Brien " * 6}
    rows[3]["Student ID"] = "X" * 60
    return write(folder / f"{WORD}.csv", rows)


async def exemplified(district: District, connection: str, file: Path) -> None:
    rows = await asyncio.to_thread(read, file)
    shown = {"columns": list(rows[0]), "rows": [list(one.values()) for one in rows[:4]], "origin": file.name}
    path = f"/connections/{connection}/drafts/import/students/examples"
    ok(await district.api.put(path, json={"school_year": YEAR, **shown}))


async def drafted(district: District, connection: str, file: Path) -> None:
    """The mapping of all types as a draft, and the file as its examples."""
    await exemplified(district, connection, file)
    drafts = f"/connections/{connection}/drafts"
    ok(await district.api.put(f"{drafts}/import/students", json={"fields": of_all_types(), "base": 1}))
    columns_out = [{"header": WORD, "source": "students.lname"}, {"header": "x", "source": {"value": NOTE}}]
    files = {"files": [{"name": "roster_{YYYY}", "columns": columns_out}], "base": 0}
    ok(await district.api.put(f"{drafts}/export/students", json=files))


async def test_no_table_is_wider_than_its_screen(page: Page, district: District, tmp_path: Path, tap: Tap) -> None:
    await turn(district, users={district.user: [*FULL, OPERATOR]})
    await buried(district, tap, 2)
    connection, file = (
        await district.ad_hoc(f"Uploads {WORD}", limits={"invalid_percent": 100}),
        odd_file(tmp_path),
    )
    first = await district.watch((await district.upload(connection, file))["id"])
    assert first["counts"]["invalid"]
    await drafted(district, connection, file)
    await district.map_students(connection)
    mapping = f"/connections/{connection}/mappings"
    students = f"{mapping}/import/students"
    for address in (
        *(f"{students}/{tab}" for tab in ("fields", "configure", "versions", "newer")),
        *(f"{students}/row?place=students.gender", f"{mapping}/export/students/fields", f"{mapping}/codes/edit"),
        *(f"/runs/{first['id']}", "/runs", f"/explain?key={read(file)[2]['Student ID']}", "/help", "/charts", "/audit"),
        *(f"/failed-messages?org={district.org}", "/", f"/connections/{connection}"),
    ):
        await fits(page, address)


async def test_nothing_that_was_changed_meanwhile_is_wider_than_its_screen(
    page: Page, district: District, tmp_path: Path
) -> None:
    connection = await district.ad_hoc(f"Uploads {WORD}")
    await drafted(district, connection, odd_file(tmp_path))
    await page.goto(f"/connections/{connection}/mappings/import/students/fields")
    ok(await district.api.put(f"/connections/{connection}/drafts/import/students", json={"fields": [], "base": 1}))
    await page.get_by_label("From, for City").fill(f"{WORD} {WORD}")
    await page.get_by_role("button", name="Save").first.click()
    await expect(page.get_by_role("table", name="What you typed")).to_be_visible()
    await fits_as_it_is(page)

    await page.goto(f"/connections/{connection}/settings")
    ok(await district.api.patch(f"/connections/{connection}", json={"name": WORD + "_Of_1"}))
    await page.get_by_label("Name").fill(f"{WORD}_Mine")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("table", name="What was changed")).to_be_visible()
    await fits_as_it_is(page)


async def test_no_suggestion_is_wider_than_its_screen(page: Page, district: District, tmp_path: Path) -> None:
    mapping = f"/connections/{await district.ad_hoc()}/mappings/import/students"
    await page.goto(f"{mapping}/configure")
    await page.get_by_label("A CSV file").set_input_files(await asyncio.to_thread(odd_file, tmp_path))
    await page.get_by_role("button", name="Read the file").click()
    await page.goto(f"{mapping}/suggestions")
    await expect(page.get_by_role("table", name="Suggestions").get_by_role("row").nth(5)).to_be_visible()
    await fits(page, f"{mapping}/suggestions")


async def test_rows_that_are_blocks_are_rows_of_a_table(
    page: Page, district: District, tmp_path: Path, accessible: Accessible
) -> None:
    connection, file = await district.ad_hoc(), odd_file(tmp_path)
    await drafted(district, connection, file)
    await page.set_viewport_size({"width": PHONE, "height": 640})
    await page.goto(f"/connections/{connection}/mappings/import/students/fields")
    table = page.get_by_role("table", name="Students", exact=True)
    for name in ("From", "Mapping Type", "Configure", "To Enroll Field", "Mapped Value"):
        await expect(table.get_by_role("columnheader", name=name)).to_have_count(1)
    row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name="First Name", exact=False))
    await expect(row.get_by_role("cell")).to_have_count(4)
    value = page.locator("#row-students\\.fname td").last
    assert await value.evaluate("one => getComputedStyle(one, '::before').content") == '"Mapped Value" / ""'
    assert await value.evaluate("one => getComputedStyle(one).display") == "flow-root"
    await accessible(page)


async def test_all_columns_stand_beside_each_other_and_what_is_wrong_below(
    page: Page, district: District, tmp_path: Path
) -> None:
    connection, file = await district.ad_hoc(), odd_file(tmp_path)
    await drafted(district, connection, file)
    await page.set_viewport_size({"width": LARGE, "height": 800})
    await page.goto(f"/connections/{connection}/mappings/import/students/fields")
    why = page.locator("#why-student_annual\\.city")
    await expect(why).to_contain_text("Town or municipality of the household")
    for width in (LARGE, LAPTOP):
        await page.set_viewport_size({"width": width, "height": 800})
        value = page.locator("#row-student_annual\\.city td").last
        assert await value.evaluate("one => getComputedStyle(one).display") == "table-cell", width
    await page.set_viewport_size({"width": LARGE, "height": 800})
    height = "one => one.getBoundingClientRect().height"
    assert await why.evaluate(height) < 80
    assert await page.locator("#row-student_annual\\.city").evaluate(height) < 120
    await page.get_by_label("Filter").fill("birth")
    await expect(why).to_be_hidden()
    await page.get_by_label("Filter").fill("")
    await page.get_by_label("From, for City").fill("City")
    await expect(why).to_be_empty()


async def test_on_a_phone_the_first_row_is_on_the_first_screen(
    visiting: Visiting, district: District, tmp_path: Path
) -> None:
    connection = await district.ad_hoc()
    await exemplified(district, connection, roster(tmp_path / "district.csv", 3))
    for scripts in (True, False):
        async with visiting(javascript=scripts, viewport={"width": PHONE, "height": 640}) as page:
            await page.goto(f"/connections/{connection}/mappings/import/students/fields")
            box = await page.locator("tbody tr").first.bounding_box()
            assert box is not None
            assert box["y"] < 640


async def test_what_is_folded_on_a_phone_is_reached_by_keyboard(visiting: Visiting, district: District) -> None:
    connection = await district.ad_hoc()
    for scripts in (True, False):
        async with visiting(javascript=scripts, viewport={"width": PHONE, "height": 640}) as page:
            await page.goto(f"/connections/{connection}/mappings/import/students/fields")
            for button, inside, link in (("Menu", "Main", "Sync Logs"), ("Data types", "Data types", "Import Schools")):
                folded = page.get_by_role("navigation", name=inside)
                await expect(folded).to_be_hidden()
                await page.get_by_role("button", name=button).press("Enter")
                await expect(folded.get_by_role("link", name=link)).to_be_visible()
                await page.keyboard.press("Tab")
                await expect(folded.get_by_role("link").first).to_be_focused()
                assert await page.evaluate(FAULTS) == []
                await page.keyboard.press("Escape")
                await expect(folded).to_be_hidden()
            await page.get_by_role("button", name="Data types").press("Enter")
            await page.get_by_role("link", name="Import Schools").press("Enter")
            await page.wait_for_url("**/import/schools/**")


WORDS = """
() => [...document.querySelectorAll('.chart')].map((chart) => [...chart.querySelectorAll('text')]
  .filter((one) => one.checkVisibility())
  .map((one) => [one.getBoundingClientRect(), one.textContent])
  .map(([{left, right, top, bottom}, words]) => ({left, right, top, bottom, words})))
"""


@pytest.mark.parametrize("width", WIDTHS)
async def test_the_words_of_charts_are_as_large_on_every_screen(page: Page, district: District, width: int) -> None:
    """And none stands over another, nor beyond the edge."""
    await page.set_viewport_size({"width": width, "height": 800})
    await page.goto("/charts")
    charts = await page.evaluate(WORDS)
    assert [len(words) for words in charts] == [5 + (3 if width == PHONE else 6)] * 3
    for words in charts:
        for number, one in enumerate(words):
            assert one["bottom"] - one["top"] >= 12, one
            assert 0 <= one["left"] < one["right"] <= width, one
            for other in words[number + 1 :]:
                apart = one["right"] < other["left"] or one["bottom"] <= other["top"] or other["bottom"] <= one["top"]
                assert apart, (one, other)
