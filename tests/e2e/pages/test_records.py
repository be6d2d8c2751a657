"""The records of a run on its page, and Explain: people are found by name, and stand in no address."""

import re
from pathlib import Path

import httpx

from devtools.district import EXPORTER, District
from devtools.sis_districts import SISS, enrolled
from tests.e2e.enroll import turn
from tests.e2e.files import edited, read, roster
from tests.e2e.pages.visitor import Visitor

WAITS = frozenset({"needs_approval"})


def shown(page: httpx.Response) -> list[str]:
    """The rows of the table of records."""
    table = page.text.partition('aria-label="Records"')[2].partition("</table>")[0]
    return re.findall(r"<tr>(.*?)</tr>", table.partition("<tbody>")[2], re.DOTALL)


async def test_a_waiting_record_is_found_by_name_and_explained_once_it_is_written(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    file = edited(roster(tmp_path / "district.csv", 80), {9: {"First Name": "Zoë", "Last Name": "Quarry"}})
    key = read(file)[7]["Student ID"]
    run = (await district.upload(await district.ad_hoc(), file, preview=True))["id"]
    await district.watch(run, states=WAITS)

    found = await visitor.post(f"/runs/{run}", text="quarry zo", outcome="", action="")
    (row,) = shown(found)
    assert "Zoë Quarry" in row
    assert f"key={key}" in row
    assert 'value="quarry zo"' in found.text
    nobody = await visitor.post(f"/runs/{run}", text="nobody", outcome="", action="create")
    assert (shown(nobody), "None. Records that have not changed" in nobody.text) == ([], True)
    blank = await visitor.post(f"/runs/{run}", text=" ", outcome="Failed", action="", code="")
    assert (blank.status_code, blank.headers["location"]) == (303, f"/runs/{run}?outcome=Failed&action=&code=#records")

    await visitor.post(f"/runs/{run}/approve")
    await district.watch(run)
    for sought in ("quarry", key):
        page = await visitor.post("/explain", sought=sought, data_type="students", direction="import")
        assert "<strong>Zoë Quarry</strong>" in page.text, sought
        assert "row 9" in page.text
    several = await visitor.post("/explain", sought="a", data_type="students", direction="import")
    assert "Which one?" in several.text
    assert "has written nothing" in (await visitor.post("/explain", sought="nobody", data_type="students")).text


async def test_a_partial_sync_names_the_student_and_the_contact(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    await turn(district, users={district.user: list(EXPORTER)})
    sis = SISS["powerschool"](district)
    await sis.make()
    (registration,) = await district.register(await enrolled(district, tmp_path, 1, nameless=1))
    run = await district.watch((await district.export(await sis.connect()))["id"])
    assert run["counts"]["partial"] == 1
    (record,) = await district.records(run["id"])

    (row,) = shown(await visitor.get(f"/runs/{run['id']}"))
    assert record["label"] in row
    assert f"SIS ID {record['target_id']}" in row
    contact = record["problems"][0]
    assert contact["value"]
    assert f"Contact 1 ({contact['value']}), LastName" in row
    assert contact["message"] in row
    assert contact["fix"] in row
    file = await visitor.get(f"/runs/{run['id']}/records.csv?outcome=Partial+Sync")
    assert all(one in file.text for one in (record["label"], contact["value"], contact["message"], contact["fix"]))
    for sought in (registration, record["label"].rpartition(", ")[2], record["target_id"]):
        page = await visitor.post("/explain", sought=str(sought), data_type="students", direction="export")
        assert f"<strong>{record['label']}</strong>" in page.text, sought
