"""The page of a run says that it was undone or retried, by which run, and how far that came."""

import re
from html import unescape
from pathlib import Path

import httpx

from devtools.district import EXPORTER, District
from devtools.sis_districts import SISS, enrolled
from devtools.stack import Stack
from services.sandbox.district import student_mapping
from tests.e2e.files import edited, roster
from tests.e2e.pages.visitor import Visitor

WAITS = frozenset({"needs_approval"})


def since(page: httpx.Response) -> list[str]:
    part = page.text.partition('aria-labelledby="since"')[2].partition("</section>")[0]
    return [
        " ".join(unescape(re.sub(r"<[^>]+>", "", one)).split()) for one in re.findall(r"<li>(.*?)</li>", part, re.S)
    ]


def offers(page: httpx.Response, run: str, deed: str) -> bool:
    return f'action="/runs/{run}/{deed}"' in page.text


async def led(visitor: Visitor, path: str) -> str:
    return (await visitor.post(path)).headers["location"].partition("?")[0].rpartition("/")[2]


async def changed(district: District, folder: Path) -> str:
    """A run that changed three students, of which somebody has changed one since."""
    connection = await district.ad_hoc()
    first = roster(folder / "first.csv", 20)
    await district.watch((await district.upload(connection, first))["id"])
    second = edited(first, {row: {"City": "Newtown"} for row in (4, 5, 6)})
    run = await district.watch((await district.upload(connection, second))["id"])
    later = edited(second, {6: {"City": "Latertown"}}, "later.csv")
    await district.watch((await district.upload(connection, later))["id"])
    return str(run["id"])


async def test_a_run_says_that_it_was_undone_and_how_much_of_it(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    run = await changed(district, tmp_path)
    before = await visitor.get(f"/runs/{run}")
    assert ("Since then" not in before.text, offers(before, run, "undo")) == (True, True)

    rejected = await led(visitor, f"/runs/{run}/undo")
    await district.watch(rejected, states=WAITS)
    waits = await visitor.get(f"/runs/{run}")
    assert len(since(waits)) == 1
    assert "Undo waits for approval: the run of" in since(waits)[0]
    assert since(waits)[0].endswith(f", {district.user}")
    assert f'href="/runs/{rejected}"' in waits.text
    assert not offers(waits, run, "undo"), "it has a link"
    await visitor.post(f"/runs/{rejected}/reject")
    again = await visitor.get(f"/runs/{run}")
    assert "Undo, not done: the run of" in since(again)[0]
    assert offers(again, run, "undo")

    undo = await led(visitor, f"/runs/{run}/undo")
    await district.watch(undo, states=WAITS)
    page = await visitor.get(f"/runs/{undo}")
    assert ("Approve and take back" in page.text, "Approve and send" in page.text) == (True, False)
    assert "is being taken back" in (await visitor.led(f"/runs/{undo}/approve")).text
    assert (await district.watch(undo))["state"] == "partial"
    page = await visitor.get(f"/runs/{undo}")
    assert "<h1>Undo of an import of Students, " in page.text
    assert ("<b>1</b>Left alone" in page.text, "<b>2</b>Changed back" in page.text) == (True, True)
    assert "Invalid rows" not in page.text
    assert page.text.count('<span class="tag warn">Left alone</span>') == 1
    assert ">Failed</span>" not in page.text
    assert '<option value="Failed">Failed, or left alone</option>' in page.text
    logs = (await visitor.get("/runs?state=partial")).text
    assert re.search(r'<td class="num"[^>]*>0 <span class="quiet small">1 left alone</span></td>', logs)
    (left,) = await district.records(undo, outcome="Failed")
    assert ",Left alone,Left alone,City," in (await visitor.get(f"/runs/{undo}/records.csv?outcome=Failed")).text
    assert "The last run: <strong>Left alone</strong>" in (await visitor.get(f"/explain?key={left['key']}")).text
    assert "What was not taken back" in page.text
    assert not offers(page, undo, "retry")
    done = await visitor.get(f"/runs/{run}")
    assert len(since(done)) == 2
    assert "Partly undone by the run of" in since(done)[1]
    assert since(done)[1].endswith(": 2 of 3 taken back")
    assert offers(done, run, "undo"), "what was left alone may go back now"
    assert (await district.run(run))["followed_by"] == [rejected, undo]


async def test_a_preview_that_finds_that_nothing_can_be_undone_has_not_failed_and_says_why(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    connection = await district.ad_hoc()
    first = roster(tmp_path / "first.csv", 20)
    await district.watch((await district.upload(connection, first))["id"])
    second = edited(first, {4: {"City": "Newtown"}})
    run = (await district.watch((await district.upload(connection, second))["id"]))["id"]
    later = edited(first, {4: {"City": "Latertown"}}, "later.csv")
    last = (await district.watch((await district.upload(connection, later))["id"]))["id"]

    looked = await led(visitor, f"/runs/{run}/undo")
    found = await district.watch(looked)

    assert (found["state"], found["error"], found["counts"]["invalid"]) == ("succeeded", None, 1)
    assert [one["code"] for one in found["reasons"]] == ["undo.all_left"]
    page = (await visitor.get(f"/runs/{looked}")).text
    assert "Nothing of it can be undone: every record stays as it is." in page
    assert "there was nothing to approve" not in page
    assert "The field holds something else by now than the run has written" in page.partition('id="causes"')[2]
    done = await visitor.get(f"/runs/{run}")
    assert "Undo, nothing taken back: the run of" in since(done)[0]
    assert offers(done, run, "undo"), "something may change again"
    assert f'Import <a href="/runs/{last}">' in (await visitor.get("/")).text, "a preview is no last run"

    again = await led(visitor, f"/runs/{run}/undo")
    assert again != looked
    in_earnest = (await district.api.post(f"/runs/{run}/undo")).raise_for_status().json()["id"]
    assert (await district.watch(in_earnest))["state"] == "failed", "it was to take something back"


async def undone(visitor: Visitor, run: str) -> str:
    undo = await led(visitor, f"/runs/{run}/undo")
    await visitor.district.watch(undo, states=WAITS)
    await visitor.post(f"/runs/{undo}/approve")
    await visitor.district.watch(undo)
    return undo


async def test_an_undo_of_an_undo_is_called_one_wherever_it_stands(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    undo = await undone(visitor, await changed(district, tmp_path))
    again = await undone(visitor, undo)
    assert (await district.run(again))["source"]["of_undo"] is True
    first = (await district.run(undo))["trigger"]["id"]
    (line,) = since(await visitor.get(f"/runs/{first}"))
    assert re.search(
        r"Partly undone by the run of .*: 2 of 3 taken back\. This was taken back by the run of .*: 2 of 2 taken back$",
        line,
    )

    page = (await visitor.get(f"/runs/{again}")).text
    assert "<h1>Undo of an undo of an import of Students, " in page
    assert f'Takes back what <a href="/runs/{undo}">an earlier undo</a> has written: the values' in page
    logs = (await visitor.get("/runs")).text
    assert [logs.count(f">Undo of an {what}, Students, ") for what in ("undo of an import", "import")] == [1, 1]
    assert f'an undo <a href="/runs/{undo}">of an earlier undo</a>' in logs
    assert f'Undo of an undo of an import <a href="/runs/{again}">' in (await visitor.get("/")).text
    (record, *_) = await district.records(again, outcome="Succeeded")
    explained = (await visitor.get(f"/explain?key={record['key']}")).text
    assert f'took back <a href="/runs/{undo}">an earlier undo</a>' in explained


async def refusal(visitor: Visitor, run: str) -> tuple[str, str, str]:
    """The code of the refusal and its words, which the page has as well, and the run to undo that the page leads to."""
    answer = await visitor.district.api.post(f"/runs/{run}/undo")
    assert answer.status_code == 409, answer.text
    page = await visitor.get(f"/runs/{run}")
    assert not offers(page, run, "undo")
    told = re.search(r'<p id="undone" class="quiet">(.*?) <a href="/runs/(\w+)">', page.text)
    assert told, page.text
    error = answer.json()["error"]
    said = f"{error['message']} {error['fix']}"
    assert unescape(told[1]) == said
    return error["code"], said, told[2]


async def test_of_an_undo_that_was_taken_back_in_part_it_is_said_which_run_to_undo(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    connection = await district.ad_hoc()
    first = roster(tmp_path / "first.csv", 20)
    await district.watch((await district.upload(connection, first))["id"])
    second = edited(first, {row: {"City": "Newtown"} for row in (4, 5, 6)})
    run = (await district.watch((await district.upload(connection, second))["id"]))["id"]

    undo = await undone(visitor, run)
    assert await refusal(visitor, run) == (
        "undo.done",
        f"The run was taken back already, by run {undo}. To have its values again, undo that run.",
        undo,
    )
    later = edited(first, {6: {"City": "Latertown"}}, "later.csv")
    await district.watch((await district.upload(connection, later))["id"])
    partly = await undone(visitor, undo)
    assert (await district.run(partly))["state"] == "partial"
    assert await refusal(visitor, run) == (
        "undo.done_and_partly_back",
        f"The run was taken back already, by run {undo}, and that was taken back in part, by run {partly}. "
        f"To take these back once more, undo run {partly}. To have the others again, undo run {undo}.",
        partly,
    )

    again = await undone(visitor, partly)
    assert (await district.run(again))["state"] == "succeeded"
    assert (await refusal(visitor, run))[0::2] == ("undo.done", undo), "all of it is taken back now"

    last = edited(later, {4: {"City": "Lasttown"}}, "last.csv")
    await district.watch((await district.upload(connection, last))["id"])
    back = await undone(visitor, again)
    assert (await district.run(back))["state"] == "partial"
    code, words, to_undo = await refusal(visitor, partly)
    assert (code, back in words, to_undo) == ("undo.done_and_partly_back", True, back)
    assert (await refusal(visitor, run))[0::2] == ("undo.done_and_partly_back", back)


async def test_a_partial_undo_of_an_export_that_was_taken_back_in_turn_says_so(
    stack: Stack, org: str, tmp_path: Path
) -> None:
    """Whom the export has made stays in the SIS: so its undo is partial, and what took that back is not."""
    async with District(stack, org, permissions=EXPORTER) as district, Visitor(district) as visitor:
        sis = SISS["powerschool"](district)
        ids = await enrolled(district, tmp_path, 5)
        await sis.make(students=3)
        await district.register(ids)
        connection = await sis.connect()
        run = await district.watch((await district.export(connection))["id"])
        assert (run["counts"]["created"], run["counts"]["updated"]) == (2, 2), run

        undo = await undone(visitor, run["id"])
        (line,) = since(await visitor.get(f"/runs/{run['id']}"))
        assert re.search(r"Partly undone by the run of [^.]*: 2 of 4 taken back$", line), line

        again = await undone(visitor, undo)
        page = await visitor.get(f"/runs/{run['id']}")
        (line,) = since(page)
        assert re.search(r"Partly undone by the run of [^.]*: 2 of 4 taken back\. This was taken back by ", line), line
        assert line.endswith(": 2 of 2 taken back")
        assert f'href="/runs/{again}"' in page.text
        assert offers(page, run["id"], "undo"), "nothing of it is taken back now"


async def test_a_run_says_that_what_failed_was_retried(visitor: Visitor, district: District, tmp_path: Path) -> None:
    mapping = student_mapping()
    row = next(one for one in mapping["fields"] if one["target"] == "students.gender")
    row["codes"] = {"Male": "M", "Female": "F", "X": "X"}
    file = edited(roster(tmp_path / "a.csv", 20), {9: {"Gender": "Q"}})
    connection = await district.ad_hoc(mapping=mapping)
    run = (await district.watch((await district.upload(connection, file))["id"]))["id"]
    row["codes"]["Q"] = "X"
    await district.map_students(connection, mapping)

    retry = await led(visitor, f"/runs/{run}/retry")
    await district.watch(retry)

    page = await visitor.get(f"/runs/{run}")
    assert len(since(page)) == 1
    assert re.match(r"Succeeded What failed was retried: the run of .*, ", since(page)[0])
    assert f'href="/runs/{retry}"' in page.text
