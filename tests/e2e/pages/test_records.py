"""The records of a run on its page, and Explain: people are found by name, and stand in no address."""

import html
import re
from pathlib import Path

import httpx
from playwright.async_api import Page, expect

from devtools.district import EXPORTER, District
from devtools.sis_districts import SISS, enrolled
from devtools.stack import Stack
from services.gateway.pages.words import MESSAGES, NOTHING_SOUGHT, SEARCH_OVER
from shared.model.error_texts import every_text
from tests.e2e.enroll import Faults, turn
from tests.e2e.files import edited, read, roster, write
from tests.e2e.operator import Ops, failed
from tests.e2e.pages.visitor import Visitor
from tests.e2e.waiting import until
from tests.faults.helpers import database

WAITS = frozenset({"needs_approval"})


def shown(page: httpx.Response) -> list[str]:
    """The rows of the table of records."""
    table = page.text.partition('aria-label="Records"')[2].partition("</table>")[0]
    return re.findall(r"<tr [^>]*>(.*?)</tr>", table.partition("<tbody")[2], re.DOTALL)


async def test_a_waiting_record_is_found_by_name_and_explained_once_it_is_written(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    file = edited(roster(tmp_path / "district.csv", 80), {9: {"First Name": "Zoë", "Last Name": "Quarry"}})
    key = read(file)[7]["Student ID"]
    run = (await district.upload(await district.ad_hoc(), file, preview=True))["id"]
    await district.watch(run, states=WAITS)

    found = await visitor.led(f"/runs/{run}", text="quarry zo", outcome="", action="")
    (row,) = shown(found)
    assert "Zoë Quarry" in row
    assert f"key={key}" in row
    assert 'value="quarry zo"' in found.text
    nobody = await visitor.led(f"/runs/{run}", text="nobody", outcome="", action="create")
    assert (shown(nobody), "None. Records that have not changed" in nobody.text) == ([], True)
    blank = await visitor.post(f"/runs/{run}", text=" ", outcome="Failed", action="", code="")
    assert (blank.status_code, blank.headers["location"]) == (
        303,
        f"/runs/{run}?outcome=Failed&action=&code=&field=#records",
    )

    await visitor.post(f"/runs/{run}/approve")
    await district.watch(run)
    for sought in ("quarry", key):
        page = await visitor.led("/explain", sought=sought, data_type="students", direction="import")
        assert "<strong><bdi>Zoë Quarry</bdi></strong>" in page.text, sought
        assert "row 9" in page.text
    several = await visitor.led("/explain", sought="a", data_type="students", direction="import")
    assert "Which one?" in several.text
    assert "has written nothing" in (await visitor.led("/explain", sought="nobody", data_type="students")).text


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
    assert f"Contact 1 ({contact['value']}), Last Name" in row
    assert contact["message"] in row
    assert contact["fix"] in row
    file = await visitor.get(f"/runs/{run['id']}/records.csv?outcome=Partial+Sync")
    assert ",SIS ID,What,Outcome,Field,Field code," in file.text
    assert all(one in file.text for one in (record["label"], contact["value"], contact["message"], contact["fix"]))
    for sought in (registration, record["label"].rpartition(", ")[2], record["target_id"]):
        page = await visitor.led("/explain", sought=str(sought), data_type="students", direction="export")
        assert f"<strong><bdi>{record['label']}</bdi></strong>" in page.text, sought


async def test_the_result_of_a_search_has_an_address_that_says_nothing(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    rows = {number: {"Last Name": "Quarry"} for number in range(2, 92)}
    run = await district.upload(await district.ad_hoc(), edited(roster(tmp_path / "d.csv", 120), rows), preview=True)
    run = (await district.watch(run["id"], states=WAITS))["id"]
    leads = await visitor.post(f"/runs/{run}", text="Quarry", outcome="Pending", action="create", code="")
    address = leads.headers["location"]
    assert (leads.status_code, "uarry" in address, address.endswith("#records")) == (303, False, True)
    again = await visitor.post(f"/runs/{run}", text="Quarry", outcome="Pending", action="create", code="")
    assert again.headers["location"] == address

    path, seen = address.partition("#")[0], list[str]()
    while path:
        page = await visitor.get(path)
        assert 'value="Quarry"' in page.text
        assert '<option value="Pending" selected>Pending</option>' in page.text
        assert f'href="/runs/{run}/records.csv?outcome=Pending&amp;action=create&amp;search=' in page.text
        seen += shown(page)
        following = re.search(r'href="([^"#]+)#records">(?:Next records|Search on)', page.text)
        path = html.unescape(following[1]) if following else ""
    assert len(seen) == 90
    assert all("Quarry" in row for row in seen)


async def test_a_search_is_over_with_its_session_and_nobody_elses(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    run = (await district.upload(await district.ad_hoc(), roster(tmp_path / "d.csv", 5), preview=True))["id"]
    await district.watch(run, states=WAITS)
    record = await visitor.post(f"/runs/{run}", text="Quarry", outcome="", action="create")
    explained = await visitor.post("/explain", sought="Quarry", data_type="students")
    without = (f"/runs/{run}?outcome=&action=create&code=&field=", "/explain?data_type=students")
    async with Visitor(district) as other:
        for leads, left in zip((record, explained), without, strict=True):
            address = leads.headers["location"].partition("#")[0]
            assert "Quarry" in (await visitor.get(address)).text
            for asked in (f"{address}&after=0000000007" if "runs" in address else address, f"{left}&search=made-up"):
                led = await other.get(asked)
                assert (led.status_code, led.headers["location"]) == (303, f"{left}&said={SEARCH_OVER}")
                page = await other.get(led.headers["location"])
                assert (MESSAGES[SEARCH_OVER] in html.unescape(page.text), "Quarry" in page.text) == (True, False)
    await visitor.sign_in()
    assert (await visitor.get(record.headers["location"].partition("#")[0])).status_code == 303


async def downloaded(visitor: Visitor, page: httpx.Response) -> list[str]:
    """The rows in the file to which the page of a run leads."""
    found = re.search(r'href="([^"]+)">Download as CSV', page.text)
    assert found
    answer = await visitor.get(html.unescape(found[1]))
    assert answer.status_code == 200
    return [line.partition(",")[0] for line in answer.text.splitlines()[1:]]


async def test_what_is_downloaded_is_what_is_seen(visitor: Visitor, district: District, tmp_path: Path) -> None:
    changes = {3: {"First Name": ""}, 5: {"Last Name": ""}, 7: {"Last Name": "Quarry"}, 9: {"Last Name": "Quarry"}}
    file = edited(roster(tmp_path / "d.csv", 12), changes)
    run = (await district.watch((await district.upload(await district.ad_hoc(), file))["id"]))["id"]
    key = read(file)[0]["Student ID"]
    for asked, rows in (
        ({"action": "none"}, ["3", "5"]),
        ({"code": "value.required", "field": "students.lname"}, ["5"]),
        ({"outcome": "Succeeded", "text": "quarry"}, ["7", "9"]),
        ({"text": key}, ["2"]),
        ({"outcome": "Failed", "text": "quarry"}, []),
    ):
        page = await visitor.led(f"/runs/{run}", **asked)
        seen = [re.sub(r"<[^>]+>", "", one).split()[0] for one in shown(page)]
        assert seen == await downloaded(visitor, page) == rows, asked
    everything = await visitor.get(f"/runs/{run}")
    assert f'href="/runs/{run}/records.csv">Download' in everything.text
    assert len(await downloaded(visitor, everything)) == 12


async def test_the_file_of_a_search_that_is_over_is_not_that_of_everything(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    run = (await district.upload(await district.ad_hoc(), roster(tmp_path / "d.csv", 5), preview=True))["id"]
    await district.watch(run, states=WAITS)
    page = await visitor.led(f"/runs/{run}", text="Quarry", action="create")
    (address,) = re.findall(r'href="([^"]+)">Download as CSV', page.text)
    assert "Quarry" not in address
    async with Visitor(district) as other:
        led = await other.get(html.unescape(address))
    assert (led.status_code, led.headers["location"]) == (303, f"/runs/{run}?action=create&said={SEARCH_OVER}")


async def test_explain_says_what_to_type(visitor: Visitor) -> None:
    for blank in ("", "  "):
        page = await visitor.led("/explain", sought=blank, data_type="students", direction="import")
        assert MESSAGES[NOTHING_SOUGHT] in page.text
        assert re.search(r'<input id="sought"[^>]* aria-invalid="true" autofocus>', page.text)
    assert "aria-invalid" not in (await visitor.get("/explain")).text


async def test_back_and_reload_show_what_was_found(either: Page, district: District, tmp_path: Path) -> None:
    file = edited(roster(tmp_path / "d.csv", 60), {9: {"First Name": "Zoë", "Last Name": "Quarry"}})
    run = (await district.upload(await district.ad_hoc(), file, preview=True))["id"]
    await district.watch(run, states=WAITS)
    await either.goto(f"/runs/{run}")
    await either.get_by_label("Name, key, ID or value").fill("quarry")
    await either.get_by_role("button", name="Show").click()
    row = either.get_by_role("table", name="Records").get_by_role("row").nth(1)
    await expect(row).to_contain_text("Zoë Quarry")
    found = either.url
    await row.get_by_role("link").click()
    await either.get_by_label("Name, student ID").fill("nobody")
    await either.get_by_role("button", name="Explain").click()
    await expect(either.get_by_text("has written nothing")).to_be_visible()
    await either.reload()
    await expect(either.get_by_label("Name, student ID")).to_have_value("nobody")
    await either.get_by_role("link", name="Help").click()
    for _ in range(3):
        await either.go_back()
    assert either.url == found
    await expect(row).to_contain_text("Zoë Quarry")
    await expect(either.get_by_label("Name, key, ID or value")).to_have_value("quarry")


async def test_what_was_just_done_is_said_once(page: Page, district: District) -> None:
    await page.goto(f"/connections/{await district.ad_hoc()}/settings")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status")).to_contain_text("Saved.")
    assert "said" not in page.url
    await page.reload()
    await expect(page.get_by_text("Saved.")).to_have_count(0)


async def test_a_run_under_way_is_followed_where_one_is(visitor: Visitor, district: District, tmp_path: Path) -> None:
    run = (await district.upload(await district.ad_hoc(), roster(tmp_path / "d.csv", 5), preview=True))["id"]
    await district.watch(run, states=WAITS)
    leads = await visitor.post(f"/runs/{run}", text="Quarry", outcome="Failed", action="", code="")
    async with database(district.stack) as db:
        await db["runs"].update_one({"_id": run}, {"$set": {"state": "comparing"}})
        listed = await visitor.get(f"/runs/{run}?outcome=Failed&after=0000000007&said=started")
        found = await visitor.get(leads.headers["location"].partition("#")[0])
        await db["runs"].update_one({"_id": run}, {"$set": {"state": "needs_approval"}})
    assert MESSAGES["started"] in listed.text
    address = f"/runs/{run}?outcome=Failed&action=&code=&field=&after=0000000007"
    assert f'<meta http-equiv="refresh" content="3; url={html.escape(address)}">' in listed.text
    assert 'http-equiv="refresh"' not in found.text
    assert f'data-events="/runs/{run}/events"' in found.text


async def test_fields_and_what_is_done_have_the_names_that_people_know(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    connection = await district.ad_hoc(limits={"invalid_percent": 100})
    first = roster(tmp_path / "district.csv", 20)
    await district.watch((await district.upload(connection, first))["id"])
    changes = {3: {"Street": "2 New St"}, 5: {"Birth Date": "02/30/2015"}}
    rows = read(edited(first, changes))[:-1]
    file = write(tmp_path / "later.csv", rows)
    run = (await district.upload(connection, file, preview=True, roster="full"))["id"]
    await district.watch(run, states=WAITS)

    page = await visitor.get(f"/runs/{run}")
    waiting = " ".join(shown(page))
    assert '<span title="student_annual.address">Address</span>: ' in waiting
    assert 'title="students.dob">Date of Birth = 02/30/2015<' in waiting
    said = re.findall(r"<td[^>]*>(To change|Not in the file any more|Not sent)</td>", waiting)
    assert sorted(said) == ["Not in the file any more", "Not sent", "To change"]
    causes = page.text.partition('aria-label="Causes"')[2].partition("</table>")[0]
    assert '>Date of Birth<br><span class="code quiet small term">students.<wbr>dob</span></td>' in causes
    assert "</b>Not in the file any more</li>" in page.text
    assert '<option value="create">To create</option>' in page.text
    chosen = await visitor.get(f"/runs/{run}?action=update")
    assert '<option value="update" selected>To change</option>' in chosen.text

    await visitor.post(f"/runs/{run}/approve")
    await district.watch(run)
    page = await visitor.get(f"/runs/{run}")
    assert ">Changed</td>" in " ".join(shown(page))
    assert '<option value="update">Changed, or failed</option>' in page.text
    page = await visitor.led("/explain", sought=rows[3]["Student ID"], data_type="students", direction="import")
    assert '<strong title="students.dob">Date of Birth = 02/30/2015</strong>' in page.text


async def test_what_a_failed_run_did_not_get_to_is_listed(
    visitor: Visitor, district: District, tmp_path: Path, faults: Faults, stack: Stack
) -> None:
    connection = await district.ad_hoc()
    first = roster(tmp_path / "district.csv", 20)
    await district.watch((await district.upload(connection, first))["id"])
    await faults({"org": district.org, "path": "batch-upsert", "status": 503})
    moved = edited(first, {3: {"Street": "1 New St"}, 5: {"Street": "5 New St"}})
    run = await district.watch((await district.upload(connection, moved))["id"])
    counted = {name: run["counts"][name] for name in ("rows", "unchanged", "updated", "failed", "stopped")}
    assert (run["state"], counted) == (
        "failed",
        {"rows": 20, "unchanged": 18, "updated": 0, "failed": 0, "stopped": 2},
    )

    page = await visitor.get(f"/runs/{run['id']}")
    assert "<b>2</b>Stopped: planned, and not known to be written" in page.text
    assert '<span class="quiet small">2 stopped</span>' in (await visitor.get("/runs")).text
    assert "2 records stopped" in (await visitor.get("/")).text
    assert "has stopped" in page.text
    assert "goes on by itself when" not in page.text
    assert "Records that have not changed are only counted" not in page.text
    rows = shown(page)
    assert [("To change" in one, ">Stopped<" in one) for one in rows] == [(True, True)] * 2
    assert all(any(street in one for one in rows) for street in ("1 New St", "5 New St"))
    assert "Stopped: this was planned" in page.text
    assert len(shown(await visitor.get(f"/runs/{run['id']}?outcome=Stopped&action=update"))) == 2
    lines = (await district.api.get(f"/runs/{run['id']}/records.csv")).text
    assert lines.count(",To change,Stopped,") == 2

    (letter,) = await until(lambda: failed(stack, "--run", run["id"]), "the operator sees it")
    await faults()
    await Ops(stack)("failed", "replay", letter["id"])
    await district.watch(run["id"], states=frozenset({"succeeded"}))
    assert [">Changed</td>" in one for one in shown(await visitor.get(f"/runs/{run['id']}"))] == [True, True]
    counts = (await district.run(run["id"]))["counts"]
    assert (counts["updated"], counts["stopped"]) == (2, 0)


async def test_a_cause_says_what_is_true_of_its_rows_and_leads_to_them_alone(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    file = edited(roster(tmp_path / "district.csv", 40), {3: {"First Name": ""}, 5: {"Last Name": ""}})
    file.write_bytes(file.read_bytes() + b"one,two\r\n1,2,3,4,5,6\r\n")
    run = await district.watch((await district.upload(await district.ad_hoc(), file))["id"])
    assert run["counts"]["invalid"] == 4

    page = await visitor.get(f"/runs/{run['id']}")
    causes = page.text.partition('aria-label="Causes"')[2].partition("</table>")[0]
    assert every_text()["row.too_few_values"].cause in causes
    assert "The row has" not in causes
    assert "?code=value.required&amp;field=students.lname#records" in causes
    (row,) = shown(await visitor.get(f"/runs/{run['id']}?code=value.required&field=students.lname"))
    assert 'data-label="Row">5</td>' in row
    chosen = await visitor.led(f"/runs/{run['id']}", text="", code="value.required", field="students.fname")
    assert 'name="field" value="students.fname"' in chosen.text
    assert len(shown(chosen)) == 1
    assert len(shown(await visitor.get(f"/runs/{run['id']}?code=row.too_few_values"))) == 2
    asked = {"code": "value.required", "field": "students.fname"}
    assert [one["row"] for one in await district.records(run["id"], **asked)] == [3]
    lines = (await district.api.get(f"/runs/{run['id']}/records.csv", params=asked)).text.splitlines()
    assert [line.partition(",")[0] for line in lines[1:]] == ["3"]


async def test_a_run_that_read_nothing_has_no_heading_over_nothing(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    file = tmp_path / "empty.csv"
    file.write_text("Student ID,Last Name\n1,Torres\n")
    run = await district.watch((await district.upload(await district.ad_hoc(), file))["id"])
    page = await visitor.get(f"/runs/{run['id']}")
    assert (run["state"], "<h2>Counts</h2>" in page.text) == ("failed", False)
    assert "<h2>About this run</h2>" in page.text
