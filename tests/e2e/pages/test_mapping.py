"""The mapping screens in a real browser: with JavaScript and without, by keyboard, on a small screen."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, expect

from devtools.district import EXPORTER, District, ok
from devtools.sis_districts import PowerSchoolDistrict, enrolled
from devtools.stack import Stack
from tests.e2e.enroll import turn
from tests.e2e.files import read, roster
from tests.e2e.pages.conftest import Accessible, has_scripts, in_session, signed_in

LARGEST = 100_000
expect.set_options(timeout=20_000)


@in_session
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    """Its data manager may do everything."""
    async with District(stack, org, permissions=EXPORTER) as one:
        yield one


def home(connection: str, tab: str = "fields", what: str = "import/students") -> str:
    return f"/connections/{connection}/mappings/{what}/{tab}"


async def empty(district: District, name: str = "Uploads") -> str:
    made = ok(await district.api.post("/connections", json={"name": name, "kind": "ad_hoc"})).json()
    return str(made["id"])


async def versions(district: District, connection: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ok(await district.api.get(f"/connections/{connection}/mappings/students")).json()
    return found


async def draft(district: District, connection: str, what: str = "import") -> list[dict[str, Any]]:
    desk = ok(await district.api.get(f"/connections/{connection}/drafts/{what}/students")).json()
    found: list[dict[str, Any]] = desk["draft"]["fields"]
    return found


def row(page: Page, target: str) -> Any:
    return page.locator("tr", has=page.get_by_text(target, exact=True))


async def tab_to(page: Page, name: str) -> None:
    """By keyboard alone, to the control of this name."""
    for _ in range(200):
        await page.keyboard.press("Tab")
        said = await page.evaluate(
            "() => { const one = document.activeElement;"
            " return one.getAttribute('aria-label') || (one.labels && one.labels[0] ? one.labels[0].innerText : '')"
            " || one.innerText || '' }"
        )
        if " ".join(said.split()).startswith(name):
            return
    raise AssertionError(f"{name} cannot be reached by Tab")


async def test_a_mapping_begins_with_a_file_and_is_saved_when_asked(
    either: Page, district: District, tmp_path: Path
) -> None:
    one, connection, file = either, await empty(district), roster(tmp_path / "district.csv", 20)
    await one.goto(f"/connections/{connection}/mappings")
    await expect(one.get_by_text("Nothing is saved yet.")).to_be_visible()
    await one.get_by_role("link", name="Configure", exact=True).click()
    await one.get_by_label("A CSV file").set_input_files(file)
    await one.get_by_role("button", name="Read the file").click()

    await expect(one.get_by_text("Read. Mapped Value shows the first rows")).to_be_visible()
    offered = await one.locator("tbody tr").count()
    assert await draft(district, connection) == []
    await one.get_by_role("button", name="Accept First Name").click()
    await expect(one.locator("tbody tr")).to_have_count(offered - 1)
    assert [each["target"] for each in await draft(district, connection)] == ["students.fname"]
    await one.get_by_role("button", name="Dismiss Home Language").click()
    await one.get_by_role("button", name="Accept all").click()

    await expect(one.get_by_text("4 of 4 required fields mapped")).to_be_visible()
    await expect(row(one, "students.fname")).to_contain_text(read(file)[0]["First Name"])
    assert await versions(district, connection) == []
    await one.get_by_role("button", name="Save").first.click()
    await expect(one.get_by_text("Saved as a new version")).to_be_visible()
    (saved,) = await versions(district, connection)
    assert (saved["version"], len(saved["fields"])) == (1, offered - 1)
    run = await district.watch((await district.upload(connection, file))["id"])
    assert (run["state"], run["counts"]["created"]) == ("succeeded", 20)


async def test_a_nested_transformation_is_made_by_choosing(either: Page, district: District) -> None:
    """Upper of a Join of a column and a fixed value, from a row that was Direct."""
    one, connection = either, await district.ad_hoc()

    async def update() -> None:
        if not has_scripts(one):
            await one.get_by_role("button", name="Update and show values").click()

    async def choose(label: str, value: str, place: int = 0) -> None:
        await one.get_by_label(label, exact=True).nth(place).select_option(value)
        await update()

    await one.goto(home(connection))
    await one.get_by_role("button", name="Configure Middle Name").click()
    await choose("Mapping Type", "transformation")
    await choose("Transformation", "upper")
    await choose("Comes from", "transformation")
    await choose("Transformation", "join", 1)
    await one.get_by_role("button", name="+ Add to Sources").click()
    await one.get_by_label("Comes from", exact=True).nth(2).select_option("value")
    await update()
    await one.get_by_label("Value", exact=True).fill("(none)")
    await one.get_by_label("Delimiter").fill("/")
    await one.get_by_role("button", name="Done").first.click()

    await expect(row(one, "students.mname")).to_contain_text("Upper")
    made = next(each for each in await draft(district, connection) if each["target"] == "students.mname")
    join = {"transformation": "join", "options": {"sources": ["Middle Name", {"value": "(none)"}], "delimiter": "/"}}
    assert (made["type"], made["name"], made["options"]) == ("transformation", "upper", {"source": join})
    await one.get_by_role("button", name="Save").first.click()
    await expect(one.get_by_text("Saved as a new version")).to_be_visible()


async def test_values_follow_what_is_typed_and_nothing_is_lost(page: Page, district: District, tmp_path: Path) -> None:
    connection, file = await district.ad_hoc(), roster(tmp_path / "district.csv", 3)
    await page.goto(home(connection, "configure"))
    await page.get_by_label("A CSV file").set_input_files(file)
    await page.get_by_role("button", name="Read the file").click()
    first = read(file)[0]
    field = page.get_by_label("From, for First Name")
    await expect(row(page, "students.fname")).to_contain_text(first["First Name"])

    await field.fill("Last Name")
    await expect(row(page, "students.fname").locator(".mapped")).to_contain_text(first["Last Name"])
    await field.fill("No such column")
    await expect(page.locator("#why-students\\.fname")).to_contain_text("No such column")
    await expect(page.get_by_role("link", name="First Name")).to_have_attribute("href", "#row-students.fname")
    assert await field.input_value() == "No such column"
    await page.goto("/")
    await page.goto(home(connection))
    assert await page.get_by_label("From, for First Name").input_value() == "No such column"
    assert (await versions(district, connection))[0]["version"] == 1

    await page.get_by_label("From, for First Name").fill("")
    await page.get_by_role("button", name="Save").first.click()
    await expect(page.get_by_role("alert")).to_contain_text("where the value comes from")
    assert await page.get_by_label("From, for First Name").get_attribute("aria-invalid") == "true"
    assert len(await versions(district, connection)) == 1
    await page.get_by_role("button", name="Discard this draft").click()
    assert await page.get_by_label("From, for First Name").input_value() == "First Name"


async def test_a_sis_is_read_mapped_and_pulled(page: Page, district: District, accessible: Accessible) -> None:
    sis = PowerSchoolDistrict(district)
    await sis.make(students=12)
    connection = await sis.connect()
    await page.goto(home(connection, "configure"))
    await page.get_by_role("button", name="Read from the SIS").click()
    await page.get_by_role("button", name="Accept all").click()
    await expect(page.get_by_text("4 of 4 required fields mapped")).to_be_visible()
    await accessible(page)
    await page.get_by_role("button", name="Save").first.click()
    await expect(page.get_by_text("Saved as a new version")).to_be_visible()
    run = await district.watch((await district.pull(connection))["id"])
    assert (run["state"], run["counts"]["created"]) == ("succeeded", 12)

    await page.goto(f"/connections/{connection}/mappings/codes/edit")
    await page.get_by_role("button", name="Read from the SIS").click()
    sets = await page.locator("#sis_sets option").first.get_attribute("value")
    await page.get_by_label("Or from the SIS").fill(sets or "")
    await page.get_by_role("button", name="Read from the SIS").click()
    assert await page.get_by_label("Codes of the SIS").input_value()


async def test_another_window_and_another_person_are_told_of(
    page: Page, district: District, accessible: Accessible
) -> None:
    connection = await district.ad_hoc()
    await page.goto(home(connection))
    await page.get_by_label("From, for First Name").fill("Given Name")
    await expect(page.locator("#kept")).to_contain_text("Draft")
    await district.map_students(connection)
    await page.reload()
    await expect(page.get_by_text("Version 2 was saved by u-1 since you began")).to_be_visible()
    assert await page.get_by_label("From, for First Name").input_value() == "Given Name"
    await page.get_by_role("link", name="look at what they changed").click()
    await accessible(page)
    await page.get_by_role("button", name="Take over their changes").click()
    await expect(page.get_by_text("Their changes are in your draft now")).to_be_visible()
    assert await page.get_by_label("From, for First Name").input_value() == "Given Name"

    await page.goto(home(connection, "fields", "export/students"))
    await page.get_by_role("button", name="New File").click()
    await page.get_by_role("button", name="+ Add Field").click()
    other = await page.context.new_page()
    await other.goto(page.url)
    await other.get_by_role("button", name="Remove field 1").click()
    await expect(other.get_by_label("Header of field 2")).to_have_count(0)
    await page.get_by_role("button", name="Show values").click()
    await expect(page.get_by_role("alert")).to_contain_text("changed in another window")


async def test_a_window_goes_on_from_what_it_has_sent_and_another_is_stopped(
    page: Page, district: District, accessible: Accessible
) -> None:
    connection = await district.ad_hoc()
    await page.goto(home(connection))
    other = await page.context.new_page()
    await other.goto(page.url)
    for typed in ("Given", "Given Name"):
        await page.get_by_label("From, for First Name").fill(typed)
        await expect(page.locator("#kept")).to_contain_text("Kept for you as you go")
    await other.get_by_label("From, for Middle Name").fill("Second")
    await expect(other.locator("#kept")).to_contain_text("changed in another window: press Show values")
    await other.get_by_role("button", name="Save").first.click()
    await expect(other.get_by_role("alert")).to_contain_text("changed in another window")
    await accessible(other)
    await page.get_by_label("From, for First Name").press_sequentially(" 2", delay=300)
    await page.get_by_role("button", name="Save").first.click()
    await expect(page.get_by_text("Saved as a new version")).to_be_visible()
    assert await page.get_by_label("From, for First Name").input_value() == "Given Name 2"
    await other.get_by_role("button", name="Put mine on top, and save").click()
    await expect(other.get_by_role("alert")).to_contain_text("changed in another window")  # what was saved meanwhile
    await other.get_by_role("button", name="Put mine on top, and save").click()
    await expect(other.get_by_text("Saved as a new version")).to_be_visible()
    assert await other.get_by_label("From, for First Name").input_value() == "Given Name 2"
    assert await other.get_by_label("From, for Middle Name").input_value() == "Second"


async def test_it_is_all_done_by_keyboard(page: Page, district: District) -> None:
    connection = await district.ad_hoc()
    await page.goto(home(connection))
    await tab_to(page, "Filter")
    await page.keyboard.type("birth")
    await expect(row(page, "students.fname")).to_be_hidden()
    await tab_to(page, "Mapping Type, for Date of Birth")
    await tab_to(page, "Configure")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/row?*")
    await tab_to(page, "Where the value is blank")
    await page.keyboard.press("ArrowDown")
    await tab_to(page, "Done")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/fields#*")
    await tab_to(page, "Save")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("Saved as a new version")).to_be_visible()
    (newest, _) = await versions(district, connection)
    assert next(one for one in newest["fields"] if one["target"] == "students.dob")["blank"] == "clear"


async def test_files_are_made_field_by_field(either: Page, district: District, tmp_path: Path) -> None:
    one, students = either, await enrolled(district, tmp_path, 3)
    await district.register(students)
    connection = await empty(district, "Files")
    export = "export/students"
    await one.goto(home(connection, "configure", export))
    await one.get_by_label("Name of a student").fill(students[1])
    await one.get_by_role("button", name="Search").click()
    await one.wait_for_url("**/configure?search=*")
    assert students[1] not in one.url
    await one.reload()
    await one.locator("input[name=student]").check()
    await one.get_by_role("button", name="Use these examples").click()

    await one.goto(home(connection, "fields", export))
    await one.get_by_role("button", name="New File").click()
    await one.get_by_label("File Name").fill("roster_{YYYY}")
    await one.get_by_text("File Settings", exact=True).click()
    await one.get_by_label("Field Separator").select_option("tab")
    await one.get_by_label("From, for field 1").fill("students.student_district_id")
    await one.get_by_label("Header of field 1").fill("Student_Number")
    await one.get_by_role("button", name="+ Add Field").click()
    await one.get_by_label("From, for field 2").fill("students.lname")
    await one.get_by_label("Header of field 2").fill("Last")
    await one.get_by_role("button", name="Show values").click()
    await expect(one.locator("#row-1\\.1 .mapped")).to_contain_text(students[1])
    await one.get_by_role("button", name="Save").first.click()
    await expect(one.get_by_text("Saved as a new version")).to_be_visible()
    await one.get_by_role("button", name="Up field 2").click()
    assert await one.get_by_label("Header of field 1").input_value() == "Last"
    saved = ok(await district.api.get(f"/connections/{connection}/exports/students/mappings")).json()
    assert [each["header"] for each in saved[0]["files"][0]["columns"]] == ["Student_Number", "Last"]
    assert saved[0]["files"][0]["separator"] == "tab"
    await one.get_by_role("button", name="Preview the files").click()
    await expect(one.get_by_role("heading", name="Export of Students")).to_be_visible()


async def test_fields_of_a_sis_with_contacts_and_a_test_record(
    page: Page, district: District, tmp_path: Path, accessible: Accessible
) -> None:
    students = await enrolled(district, tmp_path, 2)
    await district.register(students)
    sis = PowerSchoolDistrict(district)
    await sis.make()
    connection = await sis.connect()
    export = "export/students"
    await page.goto(home(connection, "configure", export))
    await page.get_by_label("Name of a student").fill(students[0])
    await page.get_by_role("button", name="Search").click()
    await page.locator("input[name=student]").check()
    await page.get_by_role("button", name="Use these examples").click()
    await accessible(page)
    await page.goto(home(connection, "fields", export))
    await expect(row(page, "local_id").locator(".mapped")).to_contain_text(students[0])
    await expect(row(page, "local_id").get_by_role("cell").first).to_contain_text("District ID")
    await expect(page.get_by_role("heading", name="Contact 1", exact=True)).to_be_visible()
    await accessible(page)
    await page.goto(home(connection, "suggestions", export))
    await page.get_by_role("button", name="Suggest a mapping").click()
    await expect(page.locator("tbody tr").first).to_be_visible()
    await accessible(page)
    await page.goto(home(connection, "fields", export))

    await page.get_by_label("Student ID, of Enroll or the district").fill(students[1])
    await page.get_by_role("button", name="Send a test record").click()
    await expect(page.get_by_role("heading", name="Send this test record?")).to_be_visible()
    await accessible(page)
    await page.get_by_role("button", name="Send it to the SIS").click()

    await page.wait_for_url("**/runs/*")
    assert students[1] not in page.url
    run = await district.watch(page.url.partition("/runs/")[2].partition("?")[0])
    assert (run["state"], run["counts"]["created"]) == ("succeeded", 1)
    assert [one["student_id"] for one in await sis.people()] == [students[1]]


async def test_a_code_table_is_suggested_checked_and_used(
    either: Page, district: District, accessible: Accessible
) -> None:
    one, connection = either, await district.ad_hoc()
    await one.goto(f"/connections/{connection}/mappings/codes")
    await one.get_by_role("link", name="New code table").click()
    await one.get_by_label("Enroll's codes").select_option("race")
    await one.get_by_label("Codes of the SIS").fill('5,White\n2,Asian\n"9,8",Unknown')
    await one.get_by_role("button", name="Suggest pairs").click()
    assert await one.get_by_label("SIS code 2").input_value() == "2"
    assert await one.get_by_label("Enroll code 2").input_value() == "A"
    await expect(one.locator("p", has_text="SIS codes that nothing maps to")).to_contain_text("9,8 Unknown")
    await one.get_by_role("button", name="Save").click()
    await expect(one.get_by_role("alert")).to_contain_text("has no name")
    assert await one.get_by_label("Enroll code 2").input_value() == "A"
    await one.get_by_label("Name of the table").fill("Race")
    await one.get_by_label("SIS code 3").fill("9,8")
    await one.get_by_label("Enroll code 3").fill("I")
    if has_scripts(one):
        await accessible(one)
    await one.get_by_role("button", name="Save").click()
    await expect(one.get_by_text("Saved.", exact=True)).to_be_visible()
    (table,) = ok(await district.api.get(f"/connections/{connection}/code-tables")).json()
    assert [(each["sis"], each["enroll"]) for each in table["pairs"]] == [("5", "W"), ("2", "A"), ("9,8", "I")]

    await one.goto(home(connection))
    await one.get_by_role("button", name="Configure Race", exact=True).click()
    await one.get_by_label("Mapping Type").select_option("match_codes")
    if not has_scripts(one):
        await one.get_by_role("button", name="Update and show values").click()
    await one.get_by_label("Table", exact=True).fill("Race")
    await one.get_by_role("button", name="Done").first.click()
    await one.get_by_role("button", name="Save").first.click()
    await expect(one.get_by_text("Saved as a new version")).to_be_visible()
    saved = next(
        each for each in (await versions(district, connection))[0]["fields"] if each["target"].endswith("race")
    )
    assert saved["codes"] == {"5": "W", "2": "A", "9,8": "I"}


async def test_versions_are_compared_restored_and_taken_along(
    either: Page, district: District, tmp_path: Path, accessible: Accessible
) -> None:
    one, connection, other = either, await district.ad_hoc(), await empty(district, "Other")
    await one.goto(home(connection))
    await one.get_by_label("From, for First Name").fill("Given Name")
    await one.get_by_role("button", name="Save").first.click()
    await expect(one.get_by_text("Saved as a new version")).to_be_visible()
    await one.get_by_role("link", name="Versions").click()
    await one.get_by_role("button", name="Compare").click()
    await expect(one.locator("del")).to_have_count(1)
    await expect(one.locator("del")).to_contain_text("First Name")
    await expect(one.locator("ins")).to_contain_text("Given Name")
    if has_scripts(one):
        await accessible(one)
    await one.get_by_role("button", name="Restore").click()
    await expect(one.get_by_text("Restored as a new version")).to_be_visible()
    third, second, first = await versions(district, connection)
    assert (third["version"], third["fields"], second["version"]) == (3, first["fields"], 2)

    async with one.expect_download() as found:
        await one.get_by_role("link", name="JSON of “default”, version 2").click()
    path = tmp_path / "mapping.json"
    await (await found.value).save_as(path)
    assert json.loads(path.read_text())["data_type"] == "students"
    await one.goto(home(other, "versions"))
    await one.get_by_label("A mapping that was downloaded here").set_input_files(path)
    await one.get_by_role("button", name="Take it as my draft").click()
    await one.get_by_role("button", name="Save").first.click()
    await expect(one.get_by_text("Saved as a new version")).to_be_visible()
    assert (await versions(district, other))[0]["fields"] == second["fields"]


async def test_every_screen_is_accessible_and_fits_a_small_one(
    page: Page, district: District, tmp_path: Path, accessible: Accessible
) -> None:
    connection, file = await district.ad_hoc(), roster(tmp_path / "district.csv", 3)
    await page.goto(home(connection, "configure"))
    await page.get_by_label("A CSV file").set_input_files(file)
    await page.get_by_role("button", name="Read the file").click()
    codes = f"/connections/{connection}/mappings/codes"
    screens = [home(connection, tab) for tab in ("configure", "fields", "suggestions", "versions")]
    screens += [home(connection, "row?place=students.dob"), home(connection, "row?place=student_annual.grade")]
    screens += [codes, codes + "/edit", home(connection, "fields", "export/students")]
    for address in screens:
        await page.goto(address)
        await accessible(page)


async def test_three_hundred_fields_are_a_small_page(page: Page, district: District) -> None:
    sis = PowerSchoolDistrict(district)
    await sis.make()
    custom = [f"U_Enroll.Field_{number:03}" for number in range(300)]
    connection = await sis.connect(about={"extension_fields": custom})
    answer = await page.goto(home(connection, "fields", "export/students"))
    assert answer is not None
    body = await answer.body()
    assert len(body) < LARGEST, f"{len(body):,} bytes"
    await page.get_by_label("Filter").fill("Field_299")
    await expect(page.get_by_role("button", name="U_Enroll.Field_298", exact=True)).to_be_hidden()
    await page.get_by_role("button", name="Filter and show values").click()
    await page.get_by_role("button", name="U_Enroll.Field_299", exact=True).click()
    await expect(page.get_by_label("From, for U_Enroll.Field_299")).to_be_visible()


async def test_who_may_not_does_not_see_it_and_is_refused(browser: Browser, district: District, stack: Stack) -> None:
    connection = await district.ad_hoc()
    await turn(district, users={"u-1": list(EXPORTER), "u-2": ["Sync Service Limited Access"]})
    context = await browser.new_context(base_url=stack.url("gateway"))
    page = await context.new_page()
    await signed_in(page, district, "u-2")
    await page.goto(f"/connections/{connection}/mappings")
    side = page.get_by_role("navigation", name="Data types")
    await expect(side.get_by_role("link", name="Import Students")).to_be_visible()
    for name in ("Export Students", "Import Admin Users", "Import Seat Tracker Mapping"):
        await expect(side.get_by_role("link", name=name)).to_have_count(0)
    for what in ("export/students", "import/admin_users"):
        for tab in ("configure", "fields", "suggestions", "versions"):
            answer = await page.goto(home(connection, tab, what))
            assert answer is not None
            assert answer.status == 403, (what, tab)
    async with District(stack, f"{district.org}-2") as elsewhere:
        other = await elsewhere.ad_hoc()
    for address in (home(other), f"/connections/{other}/mappings", f"/connections/{other}/mappings/codes"):
        answer = await page.goto(address)
        assert answer is not None
        assert answer.status == 404, address
    told = ok(await district.api.get("/audit")).json()
    assert {one["subject"] for one in told if one["actor"] == "u-2" and not one["allowed"]} >= {home(other)}
    await context.close()
