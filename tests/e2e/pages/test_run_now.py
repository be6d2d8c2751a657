"""Run now, as a data manager does it in a browser; and what does not get in that way."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from devtools.district import EXPORTER, FULL, YEAR, District, ok
from devtools.sis_districts import PowerSchoolDistrict, SisDistrict, enrolled
from devtools.stack import Stack
from services.sandbox.district import student_export
from tests.e2e.enroll import Faults, students, turn
from tests.e2e.files import roster
from tests.e2e.pages.conftest import Visiting, accessible, in_session
from tests.e2e.pages.visitor import Visitor
from tests.faults.helpers import database

LIMITED = ["Sync Service Limited Access"]
BOTH_WAYS = pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no-javascript"])
ROWS = 10


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return roster(tmp_path / "students.csv", ROWS)


def address(district: District, connection: str) -> str:
    return f"{district.stack.url('gateway')}/connections/{connection}/run"


async def press(page: Page, button: str) -> dict[str, Any] | None:
    """The id of the run at whose page it ends; None where it ends at the form again."""
    async with page.expect_navigation():
        await page.get_by_role("button", name=button, exact=True).first.click()
    found = re.search(r"/runs/(run_\w+)", page.url)
    return {"id": found[1]} if found else None


async def runs(district: District) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ok(await district.api.get("/runs")).json()
    return found


@BOTH_WAYS
async def test_a_file_is_uploaded_previewed_and_approved(
    visiting: Visiting, district: District, file: Path, javascript: bool
) -> None:
    id = await district.ad_hoc("Uploads")
    async with visiting(javascript=javascript) as page:
        await page.get_by_role("link", name=re.compile("Run now")).click()
        await expect(page.get_by_role("radio", name="Preview: write nothing yet")).to_be_checked()
        await expect(page.get_by_label("School year")).to_have_value(str(YEAR))
        await accessible(page)
        assert await press(page, "Upload") is None
        await expect(page.locator("#f-upload-file-wrong")).to_have_text("Choose a file.")
        await accessible(page)

        await page.get_by_label("File", exact=True).set_input_files(file)
        run = await press(page, "Upload")
        assert run is not None
        found = await district.watch(run["id"], states=frozenset({"needs_approval"}))
        assert (found["preview"], found["source"]["name"], found["roster"]) == (True, file.name, "some")
        assert await students(district) == {}
        if not javascript:  # else the page follows the run by itself
            await page.goto(page.url)
        await page.get_by_role("button", name="Approve and send").click()
        await district.watch(run["id"])
    assert (len(await students(district)), (await district.run(run["id"]))["connection"]) == (ROWS, id)


async def test_a_file_is_written_at_once_where_that_is_chosen(page: Page, district: District, file: Path) -> None:
    id = await district.ad_hoc("Uploads")
    await district.map(
        id, "schools", {"fields": [{"type": "direct", "target": "schools.school_code", "source": "Code"}]}
    )
    await page.goto(address(district, id))
    await expect(page.get_by_text("Not mapped yet")).to_contain_text("Programs")
    assert await page.get_by_label("What").locator("option").all_inner_texts() == ["Schools", "Students"]
    await page.get_by_label("What").select_option("students")
    await page.get_by_label("The file holds").select_option("full")
    await page.get_by_role("radio", name="Write at once").check()
    await page.get_by_label("File", exact=True).set_input_files(file)

    run = await press(page, "Upload")

    assert run is not None
    found = await district.watch(run["id"])
    assert (found["state"], found["roster"], found["data_type"]) == ("succeeded", "full", "students")


async def test_an_upload_by_keyboard(page: Page, district: District, file: Path) -> None:
    id = await district.ad_hoc("Uploads")
    await page.goto(address(district, id))
    await page.get_by_label("File", exact=True).set_input_files(file)
    await page.get_by_label("File", exact=True).focus()
    for _ in range(20):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.innerText") == "Upload":
            break
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert "/runs/run_" in page.url


@BOTH_WAYS
async def test_sftp_is_fetched_from(visiting: Visiting, district: District, javascript: bool) -> None:
    folder = district.stack.sftp.folder / district.org / "import"
    folder.mkdir(parents=True)
    roster(folder / "students.csv", ROWS)
    id = await district.sftp(import_folder=f"{district.org}/import", archive_folder=f"{district.org}/archive")
    async with visiting(javascript=javascript) as page:
        await page.goto(address(district, id))
        run = await press(page, "Fetch")
    assert run is not None
    found = await district.watch(run["id"], states=frozenset({"needs_approval"}))
    assert (found["source"]["kind"], found["counts"]["create"], found["roster"]) == ("sftp", ROWS, "full")


@in_session
async def sis(district: District) -> SisDistrict:
    await turn(district, users={district.user: list(EXPORTER)})
    one = PowerSchoolDistrict(district)
    await one.make(students=3)
    return one


async def test_of_a_sis_only_what_has_changed(page: Page, district: District, sis: SisDistrict) -> None:
    id = await sis.connect()
    read = ok(await district.api.post(f"/connections/{id}/mappings/students/read")).json()
    await district.map(id, "students", {"fields": [one["row"] for one in read["proposals"]]})
    await page.goto(address(district, id))
    await accessible(page)
    await page.get_by_role("checkbox", name="Only what has changed").check()

    run = await press(page, "Fetch")

    assert run is not None
    found = await district.watch(run["id"], states=frozenset({"needs_approval"}))
    assert (found["source"]["kind"], found["source"]["changes"], found["roster"]) == ("api", True, "some")


@pytest.mark.parametrize(
    ("radio", "field", "text", "selection"),
    [
        ("All approved", "", "", {}),
        ("Only those that are not", "", "", {"pending": True}),
        ("Those of one school", "School", "100", {"schools": ["100"]}),
        ("That of one student", "Student", "S-1", {"student": "S-1"}),
        ("A test record", "", "", {"test": True}),
    ],
    ids=["all", "pending", "school", "student", "test"],
)
async def test_each_choice_of_an_export_into_a_sis(
    radio: str, field: str, text: str, selection: dict[str, Any], page: Page, district: District, sis: SisDistrict
) -> None:
    await district.open_schools(_100="Mesa Elementary")
    id = await sis.connect()
    await page.goto(address(district, id))
    await page.get_by_role("radio", name=radio).check()
    if field:
        assert await press(page, "Export") is None
        told = "Say which school" if field == "School" else "Enter the"
        await expect(page.get_by_role("alert")).to_contain_text(told)
        await expect(page.get_by_role("radio", name=radio)).to_be_checked()
    if field == "School":
        await page.get_by_role("combobox", name="School", exact=False).last.select_option("100")
    elif field:
        await page.get_by_role("textbox", name=field).fill(text)

    run = await press(page, "Export")

    assert run is not None
    found = await district.run(run["id"])
    nothing = {"registrations": [], "student": "", "schools": [], "pending": False, "test": False}
    assert (found["selection"], found["preview"], found["direction"]) == ({**nothing, **selection}, True, "export")


async def test_a_school_that_enroll_does_not_know_is_no_run(
    visitor: Visitor, district: District, sis: SisDistrict, faults: Faults
) -> None:
    id = await sis.connect()
    about = {"which": "school", "school": "1O0", "preview": "1", "school_year": str(YEAR)}
    assert '<input id="f-export-school"' in (await visitor.get(f"/connections/{id}/run")).text, "it has none yet"
    await district.open_schools(_100="Mesa Elementary")
    assert '<option value="100">Mesa Elementary (100)</option>' in (await visitor.get(f"/connections/{id}/run")).text

    refused = await visitor.post(f"/connections/{id}/run/export", **about)

    assert refused.status_code == 422
    assert "Enroll knows no school with the code 1O0. Correct the code" in refused.text
    assert await runs(district) == []
    await faults({"path": "field-codes", "org": district.org, "status": 500})
    assert '<input id="f-export-school"' in (await visitor.get(f"/connections/{id}/run")).text
    page = await visitor.led(f"/connections/{id}/run/export", **about)
    assert "Started, but the code of the school was not compared with Enroll" in page.text
    assert [one["selection"]["schools"] for one in await runs(district)] == [["1O0"]]


@pytest.mark.parametrize("which", ["all", "pending", "school"])
async def test_a_student_who_would_be_left_out_of_account_is_asked_about(
    which: str, visitor: Visitor, district: District, sis: SisDistrict
) -> None:
    id = await sis.connect()
    about = {"which": which, "student": "S-1", "school": "100" if which == "school" else "", "preview": "0"}
    answer = await visitor.post(f"/connections/{id}/run/export", school_year=str(YEAR), **about)
    assert (answer.status_code, "Choose “That of one student”" in answer.text) == (422, True)
    assert await runs(district) == []


@pytest.mark.parametrize("ticked", [True, False])
async def test_all_are_looked_at_where_somebody_asks_for_it(
    ticked: bool, visitor: Visitor, district: District, sis: SisDistrict
) -> None:
    id = await sis.connect()
    about = {"which": "all", "preview": "1", **({"afresh": "1"} if ticked else {})}
    await visitor.post(f"/connections/{id}/run/export", school_year=str(YEAR), **about)
    (run,) = await runs(district)
    assert run["afresh"] is ticked
    await district.watch(run["id"])
    told = "those too who had not changed since they were sent"
    assert (told in (await visitor.get(f"/runs/{run['id']}")).text) is ticked


async def test_whoever_finds_nobody_that_is_not_exported_yet_is_told_where_the_others_are(
    visitor: Visitor, district: District, sis: SisDistrict
) -> None:
    told = "choose “All approved registrations”"
    id = await sis.connect()
    await visitor.post(f"/connections/{id}/run/export", school_year=str(YEAR), which="pending", preview="0")
    (run,) = await runs(district)
    assert (await district.watch(run["id"]))["state"] == "succeeded"
    assert told in (await visitor.get(f"/runs/{run['id']}")).text


@BOTH_WAYS
async def test_a_test_record_arrives_in_the_sis(
    visiting: Visiting, district: District, sis: SisDistrict, tmp_path: Path, javascript: bool
) -> None:
    await sis.make()
    students = await enrolled(district, tmp_path, 2)
    await district.register(students)
    id = await sis.connect()
    async with visiting(javascript=javascript) as page:
        await page.goto(address(district, id))
        await page.get_by_role("radio", name="A test record").check()
        await page.get_by_role("radio", name="Write at once").check()
        assert await press(page, "Export") is None
        await expect(page.get_by_role("alert")).to_contain_text("whose registration is to be written")
        await page.get_by_role("textbox", name="Student").fill(students[1])
        run = await press(page, "Export")
    assert run is not None
    assert (await district.watch(run["id"]))["counts"]["created"] == 1
    assert [one["student_id"] for one in await sis.people()] == [students[1]]


async def test_a_preview_that_waits_is_named_before_the_next_run_takes_its_place(
    page: Page, district: District, tmp_path: Path
) -> None:
    id = await district.ad_hoc("Uploads")
    waits = (await district.upload(id, roster(tmp_path / "a.csv", ROWS), preview=True))["id"]
    await district.watch(waits, states=frozenset({"needs_approval"}))
    await page.goto(address(district, id))
    await expect(page.get_by_text("waits for approval")).to_be_visible()
    await page.get_by_role("link", name="Import of Students").click()
    assert page.url.endswith(f"/runs/{waits}")
    newer = (await district.upload(id, roster(tmp_path / "b.csv", ROWS + 1), preview=True))["id"]
    await district.watch(newer, states=frozenset({"needs_approval"}))

    await page.reload()

    await expect(page.get_by_role("table", name="Records").get_by_text("Cancelled")).to_have_count(ROWS)
    await accessible(page)
    await page.get_by_role("link", name="The run that took its place").click()
    assert page.url.endswith(f"/runs/{newer}")


async def test_files_are_exported(page: Page, district: District, tmp_path: Path) -> None:
    await turn(district, users={district.user: list(EXPORTER)})
    await district.register(await enrolled(district, tmp_path, 2))
    id = await district.ad_hoc("Files")
    await page.goto(address(district, id))
    exports = page.get_by_role("region", name="Export files")
    await expect(exports).to_contain_text("Not mapped yet")
    assert await exports.get_by_role("button").count() == 0
    await district.map_export(id, student_export())
    await page.goto(address(district, id))
    assert await exports.get_by_role("radio", name="That of one student").count() == 0
    await exports.get_by_role("radio", name="Write at once").check()

    run = await press(page, "Export")

    assert run is not None
    found = await district.watch(run["id"])
    assert (found["state"], len(found["files"])) == ("succeeded", 1)


async def test_only_years_that_are_on_are_offered(page: Page, district: District, file: Path) -> None:
    id = await district.ad_hoc()
    await turn(district, sync_import_years=[YEAR + 1, YEAR - 1], current_school_year=YEAR + 1)
    await page.goto(address(district, id))
    offered = await page.get_by_label("School year").locator("option").all_inner_texts()
    assert offered == [f"{YEAR + 1}-{YEAR + 2 - 2000}", f"{YEAR - 1}-{YEAR - 2000}"]
    await expect(page.get_by_label("School year")).to_have_value(str(YEAR + 1))

    await turn(district, sync_import_years=[])
    await page.goto(address(district, id))
    await expect(page.get_by_text("Enable Sync Import is off for every school year")).to_be_visible()
    assert await page.get_by_role("button", name="Upload").count() == 0
    await accessible(page)


async def test_the_years_of_a_sandbox_connection_are_the_sandboxs(
    page: Page, district: District, rehearsal: District
) -> None:
    id = await district.ad_hoc(instance="sandbox")
    await turn(rehearsal, sync_import_years=[YEAR + 4])
    await page.goto(address(district, id))
    await expect(page.locator(".sandbox")).to_be_visible()
    assert await page.get_by_label("School year").locator("option").count() == 1
    assert await page.get_by_label("School year").locator("option").get_attribute("value") == str(YEAR + 4)


async def test_data_types_are_those_the_permission_covers(visiting: Visiting, district: District) -> None:
    id = await district.ad_hoc()
    await district.map_export(id, student_export())
    await turn(district, users={district.user: list(FULL), "u-2": LIMITED, "u-3": ["View Registrations"]})
    async with visiting("u-2") as page:
        await page.goto(address(district, id))
        await expect(page.get_by_text("Not mapped yet")).to_contain_text("Programs")
        assert "Admin Users" not in await page.locator("main").inner_text()
        assert await page.get_by_role("region", name=re.compile("Export")).count() == 0
        await accessible(page)


async def send(page: Page, path: str, fields: dict[str, str], file: str = "", times: int = 1) -> int:
    """The status of a form that was made by hand, sent from a page of ours."""
    script = """async ([path, fields, file, times]) => {
        const body = new FormData();
        for (const [name, value] of Object.entries(fields)) body.append(name, value);
        if (file) body.append('file', new Blob([file.repeat(times)]), 'students.csv');
        return (await fetch(path, {method: 'POST', body, redirect: 'manual'})).status;
    }"""
    return int(await page.evaluate(script, [path, fields, file, times]))


@pytest.mark.parametrize("forged", ["no-csrf", "other-csrf", "permission", "year"])
async def test_an_upload_that_is_refused_is_not_stored(
    forged: str, visiting: Visiting, district: District, stack: Stack
) -> None:
    id = await district.ad_hoc()
    user = "u-2" if forged == "permission" else district.user
    await turn(district, users={district.user: list(FULL), "u-2": LIMITED})
    async with visiting(user) as page:
        csrf = await page.locator("[name=csrf]").first.get_attribute("value") or ""
        fields = {"csrf": csrf, "data_type": "students", "school_year": str(YEAR)}
        if forged == "permission":
            fields["data_type"] = "admin_users"
        if forged == "year":
            fields["school_year"] = str(YEAR + 7)
        if forged.endswith("csrf"):
            fields["csrf"] = "" if forged == "no-csrf" else "0" * 32
        assert await send(page, f"/connections/{id}/run/upload", fields, "Student ID\n1\n") == 403

    assert await runs(district) == []
    async with database(stack) as db:
        assert await db["artifacts"].count_documents({"org": district.org}) == 0
    if not forged.endswith("csrf"):
        refused = [one for one in ok(await district.api.get("/audit")).json() if not one["allowed"]]
        assert [(one["actor"], one["deed"]) for one in refused] == [(user, "import")]


async def test_an_export_that_is_not_offered_is_refused_and_audited(visiting: Visiting, district: District) -> None:
    id = await district.ad_hoc()
    await district.map_export(id, student_export())
    await turn(district, users={district.user: list(FULL), "u-2": LIMITED})
    async with visiting("u-2") as page:
        csrf = await page.locator("[name=csrf]").first.get_attribute("value") or ""
        fields = {"csrf": csrf, "school_year": str(YEAR), "which": "all"}
        assert await send(page, f"/connections/{id}/run/export", fields) == 403
    assert await runs(district) == []


async def test_a_large_file_gets_through_and_a_larger_one_is_refused(page: Page, district: District) -> None:
    """The stack takes 16 MiB; other forms take 4."""
    id = await district.ad_hoc()
    await page.goto(address(district, id))
    csrf = await page.locator("[name=csrf]").first.get_attribute("value") or ""
    fields = {"csrf": csrf, "data_type": "students", "school_year": str(YEAR)}
    lines = "Student ID\n" + "12345\n" * 1000
    assert (
        await send(page, f"/connections/{id}/run/upload", fields, lines, 1000) == 0
    )  # on to the run, which fetch does not follow
    assert len(await runs(district)) == 1
    assert await send(page, f"/connections/{id}/run/upload", fields, lines, 3000) == 413
    assert await send(page, f"/connections/{id}/run/fetch", fields, lines, 1000) == 413
    assert len(await runs(district)) == 1
