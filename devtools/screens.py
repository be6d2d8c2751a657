"""The pictures of docs/screens.md: `python -m devtools.screens` lives through a day of a district, and takes them."""

import asyncio
import csv
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from devtools.district import EXPORTER, YEAR, District, ok
from devtools.parts import LocalParts, PartError
from devtools.parts.chromium import FLAGS, chromium
from devtools.sis_districts import PowerSchoolDistrict, enrolled
from devtools.stack import ROOT, Stack
from services.sandbox.district import student_mapping, write_district

FOLDER = ROOT / "docs" / "screens"
PAGE = ROOT / "docs" / "screens.md"
SPRING = "Spring"
SIZE = ViewportSize(width=1200, height=800)
OPERATOR = "Sync Service Operator"


@dataclass(frozen=True, slots=True)
class Screen:
    name: str
    title: str
    address: str


async def lived(district: District, folder: Path) -> list[Screen]:
    """What there is to see: a connection of files and one of a SIS, runs that went well, partly, and one that waits."""
    file, changed = folder / "students.csv", folder / "changed.csv"
    await asyncio.to_thread(write_district, file, 400)
    await asyncio.to_thread(write_district, changed, 400, changed=0.2)
    mapping = {one["target"]: one for one in student_mapping()["fields"]}
    mapping["students.gender"] = {**mapping["students.gender"], "codes": {"Male": "M", "Female": "F"}}
    limits = {"invalid_percent": 60}
    uploads = await district.ad_hoc("Roster uploads", {"fields": list(mapping.values())}, limits=limits)
    partly = (await district.watch((await district.upload(uploads, file))["id"]))["id"]
    await district.map_students(uploads)
    await district.watch((await district.upload(uploads, file))["id"])
    sis = PowerSchoolDistrict(district)
    await sis.make()
    connection = await sis.connect()
    await district.register((await enrolled(district, folder, 40, skip=500, nameless=2))[:40])
    exported = (await district.watch((await district.export(connection))["id"]))["id"]
    waiting = (await district.upload(uploads, changed, preview="true"))["id"]
    await district.watch(waiting, states=frozenset({"needs_approval"}))
    key = next(one["key"] for one in await district.records(partly, limit=200) if one["outcome"] == "Succeeded")
    return [
        Screen("enroll", "Where people come from: Enroll's page", f"{district.stack.url('sandbox')}/sync-service"),
        Screen("dashboard", "The dashboard", "/"),
        Screen("preview", "A preview that waits for approval", f"/runs/{waiting}"),
        Screen("partly", "A run of which some rows failed, grouped by cause", f"/runs/{partly}"),
        Screen("export", "An export into PowerSchool with a Partial Sync", f"/runs/{exported}"),
        Screen("logs", "Sync Logs", "/runs"),
        Screen("explain", "Explain: where every value comes from", f"/explain?key={key}"),
        Screen("charts", "Charts", "/charts"),
        Screen("audit", "The audit log", "/audit"),
        Screen("failed", "Failed messages, for operators", "/failed-messages"),
        Screen("help", "Help", "/help"),
        Screen("reference", "The page of the API", "/docs"),
        *connected(await district.sftp("Nightly"), connection, uploads),
        *await mapped(district, uploads, connection, file),
    ]


def connected(sftp: str, sis: str, uploads: str) -> list[Screen]:
    """Adding a connection, its own pages, and starting a run."""
    home = f"/connections/{sftp}"
    return [
        Screen("add", "Add Sync Connection", "/connections/new"),
        Screen("add-sftp", "Where it is, and how to sign in", "/connections/new/sftp?agree=1&name=Nightly+roster"),
        Screen("connection", "A connection of its own, with Test connection", home),
        Screen("settings", "Settings of a SIS", f"/connections/{sis}/settings"),
        Screen("export-rules", "Rules of the exports into a SIS", f"/connections/{sis}/export-rules"),
        Screen("credentials", "Credentials go in and never come out", f"{home}/credentials"),
        Screen("schedule", "A schedule", f"{home}/schedule"),
        Screen("limits", "Safety limits", f"{home}/limits"),
        Screen("schools", "Schools of a connection", f"/connections/{sis}/schools"),
        Screen("delete", "Delete, with what stays", f"{home}/delete"),
        Screen("run", "Run now", f"/connections/{uploads}/run"),
        Screen("run-sis", "Run now, from a SIS and into it", f"/connections/{sis}/run"),
    ]


async def mapped(district: District, uploads: str, sis: str, file: Path) -> list[Screen]:
    """The mapping screens, with examples to show values for."""
    rows = await asyncio.to_thread(read_rows, file)
    asked, path = {"search": "a", "school_year": YEAR}, f"/connections/{sis}/exports/students/registrations/search"
    students = [str(one["student"]) for one in ok(await district.api.post(path, json=asked)).json()[:2]]
    chosen = {"school_year": YEAR, "columns": rows[0], "rows": rows[1:4], "origin": file.name}
    for connection, direction, examples in (
        (uploads, "import", chosen),
        (sis, "export", {"school_year": YEAR, "students": students}),
    ):
        path = f"/connections/{connection}/drafts/{direction}/students/examples"
        ok(await district.api.put(path, json=examples))
    await overtaken(district, uploads)
    home, export = f"/connections/{uploads}/mappings/import/students", f"/connections/{sis}/mappings/export/students"
    return [
        Screen("mapping-configure", "Configure: examples for Mapped Value", f"{home}/configure"),
        Screen("mapping-fields", "Field Mapping of an import", f"{home}/fields"),
        Screen("mapping-row", "One row, with every option of its transformation", f"{home}/row?place=students.dob"),
        Screen("mapping-suggestions", "Suggestions, to accept one by one or all", f"{home}/suggestions"),
        Screen("mapping-versions", "Versions of a mapping", f"{home}/versions"),
        Screen("mapping-newer", "Somebody else has saved meanwhile", f"{home}/newer?mapping={SPRING}"),
        Screen("mapping-sis", "Field Mapping of an export into PowerSchool", f"{export}/fields"),
        Screen("mapping-code-tables", "Match codes: the tables of a connection", f"/connections/{sis}/mappings/codes"),
        Screen("mapping-codes", "A table of match codes", f"/connections/{sis}/mappings/codes/edit"),
    ]


async def overtaken(district: District, connection: str) -> None:
    """A draft of a mapping, of which two people have saved since."""
    fields = student_mapping()["fields"]
    renamed = [{**one, "source": "Given Name"} if one["target"] == "students.fname" else one for one in fields]
    for version in (fields, renamed):
        await district.map(connection, "students", {"name": SPRING, "fields": version})
    path = f"/connections/{connection}/drafts/import/students"
    mine = {"fields": [one for one in fields if one["target"] != "students.lname"], "base": 1}
    ok(await district.api.put(path, params={"name": SPRING}, json=mine))


def read_rows(file: Path) -> list[list[str]]:
    with file.open(encoding="utf-8", newline="") as content:
        return list(islice(csv.reader(content), 4))


async def signed_in(page: Page, district: District) -> None:
    await page.goto(district.stack.url("sandbox") + "/sign-in?next=/sync-service")
    await page.locator(f'input[value="{district.org}|{district.user}"]').check()
    await page.get_by_role("button", name="Sign in to Enroll").click()
    await page.get_by_role("link", name="Sync Service Login").click()
    await page.wait_for_url(district.stack.url("gateway") + "/")


async def take(browser: Browser, district: District, screens: Sequence[Screen]) -> None:
    page = await browser.new_page(base_url=district.stack.url("gateway"), viewport=SIZE)
    await signed_in(page, district)
    for screen in screens:
        await page.goto(screen.address)
        await page.screenshot(path=FOLDER / f"{screen.name}.png", type="png")


def write_page(screens: Sequence[Screen]) -> None:
    parts = [f"## {one.title}\n\n![{one.title}](screens/{one.name}.png)\n" for one in screens]
    head = "# Screens\n\nMade by `python -m devtools.screens`, with invented people.\n\n"
    PAGE.write_text(head + "\n".join(parts), encoding="utf-8")


async def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    try:
        async with LocalParts(durable=False) as parts, Stack(parts.addresses) as stack:
            with tempfile.TemporaryDirectory() as folder:
                async with District(stack, "cedar-ridge", permissions=(*EXPORTER, OPERATOR)) as district:
                    screens = await lived(district, Path(folder))
                    async with async_playwright() as driver:
                        browser = await driver.chromium.launch(executable_path=chromium(), args=list(FLAGS))
                        await take(browser, district, screens)
                        await browser.close()
        await asyncio.to_thread(write_page, screens)
    except PartError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
