"""What belongs to Enroll's sandbox says so, and says what it reaches that is real."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from devtools.district import EXPORTER, YEAR, District, ok
from devtools.sis_districts import SISS, PowerSchoolDistrict
from devtools.stack import Stack
from tests.e2e.enroll import turn
from tests.e2e.files import read, roster
from tests.e2e.pages.conftest import in_session
from tests.e2e.pages.visitor import Visitor

SANDBOX: dict[str, Any] = {"instance": "sandbox"}


@in_session
async def visitor(district: District, rehearsal: District) -> Any:
    await turn(district, users={district.user: list(EXPORTER), "u-2": ["Sync Service Limited Access"]})
    async with Visitor(district) as one:
        yield one


def banner(text: str) -> str:
    return unescape(text.partition('<aside class="sandbox" aria-label="Sandbox">')[2].partition("</aside>")[0])


@pytest.mark.parametrize("kind", sorted(SISS))
async def test_every_page_of_a_sandbox_connection_says_that_its_sis_is_real(
    kind: str, visitor: Visitor, district: District
) -> None:
    id = await SISS[kind](district).connect(**SANDBOX)
    host = district.stack.url("sandbox").partition("//")[2]
    for place in ("", "/run", "/settings", "/mappings/import/students/fields"):
        page = await visitor.get(f"/connections/{id}{place}")
        said = banner(page.text)
        assert said == f"Sandbox of Enroll, but {host} is read for real, and exports write to it for real", place


async def test_what_an_sftp_server_and_uploads_reach(visitor: Visitor, district: District) -> None:
    sftp, uploads = await district.sftp(), await district.ad_hoc(**SANDBOX)
    assert banner((await visitor.get(f"/connections/{sftp}")).text) == ""
    assert banner((await visitor.get(f"/connections/{uploads}")).text) == "Sandbox: this reaches Enroll's sandbox only"
    place = {"host": "sftp.example.org", "user": "d"}
    body = {"name": "Try", "kind": "sftp", "sftp": place, "secrets": {"password": "p"}, **SANDBOX}
    id = ok(await district.api.post("/connections", json=body)).json()["id"]
    said = banner((await visitor.get(f"/connections/{id}")).text)
    assert "files are taken from sftp.example.org for real, and exports are put there for real" in said
    first = await visitor.get("/connections/new/sftp", params={"agree": "1", "instance": "sandbox"})
    assert "what you name here is read, and written to, for real" in banner(first.text)


async def test_exports_of_the_sandbox_are_allowed_by_a_person_who_ticks_that_they_are_meant(
    visitor: Visitor, district: District
) -> None:
    sis = PowerSchoolDistrict(district)
    await sis.make()
    id = await sis.connect(**SANDBOX)
    place = f"/connections/{id}"

    page = await visitor.get(place)
    assert "Say whether exports from Enroll&#39;s sandbox are meant" in page.text
    assert "Only a preview can be started" in (await visitor.get(f"{place}/run")).text
    asked = {"school_year": str(YEAR), "which": "all"}
    refused = await visitor.post(f"{place}/run/export", **asked, preview="0")
    assert (refused.status_code, "nobody has said that this is meant" in refused.text) == (422, True)
    assert (await visitor.post(f"{place}/switch", direction="export", on="1")).status_code == 422

    unticked = await visitor.post(f"{place}/sandbox-exports", into=sis.url)
    assert (unticked.status_code, "Tick this if it is so." in unticked.text) == (422, True)
    other = await visitor.post(f"{place}/sandbox-exports", into="https://ps.example.org", meant="1")
    assert (other.status_code, "do not go there" in other.text) == (422, True)
    async with Visitor(district, "u-2") as limited:
        assert "Allow exports" not in (await limited.get(place)).text
        assert (await limited.post(f"{place}/sandbox-exports", into=sis.url, meant="1")).status_code == 403
    assert not ok(await district.api.get(f"/connections/{id}")).json()["sandbox_exports_into"]

    page = await visitor.led(f"{place}/sandbox-exports", into=sis.url, meant="1")
    assert "somebody has allowed it" in page.text
    assert "Only a preview can be started" not in (await visitor.get(f"{place}/run")).text
    assert (await visitor.post(f"{place}/switch", direction="export", on="1")).status_code == 303
    page = await visitor.led(f"{place}/sandbox-exports", into="")
    assert "Allow exports" in page.text


async def test_a_run_says_what_it_reaches(visitor: Visitor, district: District, stack: Stack) -> None:
    sis = PowerSchoolDistrict(district)
    await sis.make(students=3)
    id = await sis.connect(**SANDBOX)
    await district.map_students(id)
    host = stack.url("sandbox").partition("//")[2]
    pulled = ok(
        await district.api.post(f"/connections/{id}/imports/students/pull", params={"school_year": YEAR})
    ).json()
    exported = await district.export(id, preview="true")
    read = banner((await visitor.get(f"/runs/{pulled['id']}")).text)
    written = banner((await visitor.get(f"/runs/{exported['id']}")).text)
    assert (read, written) == (
        f"Sandbox of Enroll, but {host} is read for real",
        f"Sandbox of Enroll, but {host} is written to for real",
    )
    for run in (pulled, exported):
        await district.watch(run["id"])


def counted(page: str) -> str:
    """The charts as a table: how many runs succeeded today, and how many records they changed."""
    body = page.partition('aria-label="Days"')[2].partition("<tbody")[2]
    today = re.findall(r'<td class="num"[^>]*>([\d,]+)<', body.partition("</tr>")[0])
    return f"{today[0]} runs, {today[4]} records"


async def test_what_was_tried_out_is_marked_and_not_counted_with_what_was_moved(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    tried, real = await district.ad_hoc("Rehearsal", **SANDBOX), await district.ad_hoc("Roster")
    assert "Enroll</label>" in (await visitor.get("/charts")).text
    for connection, rows in ((tried, 20), (real, 30)):
        await district.watch((await district.upload(connection, roster(tmp_path / "a.csv", rows)))["id"])

    logs = (await visitor.get("/runs")).text
    assert re.search(r'Rehearsal <span class="tag warn">Sandbox</span></td>', logs)
    assert re.search(r"Roster</td>", logs)
    key = read(tmp_path / "a.csv")[0]["Student ID"]
    explained = (await visitor.get("/explain", params={"key": key})).text
    assert re.search(r'Rehearsal <span class="tag warn">Sandbox</span></h2>', explained)
    assert re.search(r"Roster</h2>", explained)
    charts = {
        query: counted((await visitor.get(f"/charts?{query}")).text)
        for query in ("", "instance=production", "instance=sandbox", f"connection={tried}", f"connection={real}")
    }
    of_real, of_tried = "1 runs, 30 records", "1 runs, 20 records"
    assert list(charts.values()) == [of_real, of_real, of_tried, of_tried, of_real]

    ok(await district.api.delete(f"/connections/{tried}"))
    assert counted((await visitor.get("/charts")).text) == of_real
