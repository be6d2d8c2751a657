"""Two people on one mapping: whoever saves last takes nothing back without having seen it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from devtools.district import EXPORTER, District, ok
from devtools.sis_districts import POWERSCHOOL, PowerSchoolDistrict
from devtools.stack import Stack
from services.sandbox.district import student_mapping
from tests.e2e.enroll import turn
from tests.e2e.pages.conftest import in_session
from tests.e2e.pages.visitor import Visitor
from tests.sent import Sent

EXPORT = "export/students"
FILE = {"name": "roster", "columns": [{"header": "ID", "source": "students.student_district_id"}]}


@in_session
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    async with District(stack, org, permissions=EXPORTER) as one:
        yield one


@in_session
async def colleague(district: District) -> AsyncIterator[Visitor]:
    await turn(district, users={"u-1": list(EXPORTER), "u-2": list(EXPORTER)})
    async with Visitor(district, "u-2") as one:
        yield one


def home(connection: str, tab: str = "fields", what: str = "import/students") -> str:
    return f"/connections/{connection}/mappings/{what}/{tab}"


async def opened(visitor: Visitor, address: str) -> dict[str, str]:
    """What a browser would send of the page as it is now."""
    page = await visitor.get(address)
    assert page.status_code == 200, page.text
    return Sent(page.text).form


async def pressed(visitor: Visitor, address: str, form: dict[str, str], do: str, **typed: str) -> httpx.Response:
    """The page that the button leads to."""
    answer = await visitor.post(address, **{**form, **typed, "do": do})
    if answer.status_code != 303:
        return answer
    return await visitor.get(answer.headers["location"])


def place(form: dict[str, str], target: str) -> str:
    """The name under which a form has the column of this row."""
    return next(name for name in form if form[name] == target).replace("/target", "/from")


async def versions(district: District, connection: str, path: str = "mappings/students") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ok(await district.api.get(f"/connections/{connection}/{path}")).json()
    return found


def sources(version: dict[str, Any]) -> dict[str, Any]:
    return {row["target"]: row.get("source") for row in version["fields"]}


async def both_typed(visitor: Visitor, colleague: Visitor, connection: str) -> httpx.Response:
    """The colleague saves two rows; this person, whose page is older, another one and one of those. What they see."""
    address = home(connection)
    mine, theirs = await opened(visitor, address), await opened(colleague, address)
    first, last, middle = (place(mine, f"students.{name}") for name in ("fname", "lname", "mname"))
    done = await pressed(colleague, address, theirs, "save", **{first: "Given", last: "Family"})
    assert "Saved as a new version" in done.text
    return await pressed(visitor, address, mine, "save", **{last: "Surname", middle: "Second"})


async def test_an_older_page_is_shown_what_it_would_take_back(
    visitor: Visitor, colleague: Visitor, district: District
) -> None:
    connection = await district.ad_hoc()

    shown = await both_typed(visitor, colleague, connection)

    assert len(await versions(district, connection)) == 2
    assert "Version 2 was saved by u-2 on" in shown.text
    assert "Direct: Given</ins>" in shown.text
    assert "You changed it as well:</strong> Direct: Surname" in shown.text
    assert "but for 1 row that you changed as well, which stays yours: Last Name." in shown.text
    assert "before yours can be saved" in (await visitor.get(home(connection))).text.lower()

    taken = await pressed(visitor, home(connection, "newer"), Sent(shown.text).form, "both")
    assert "Their changes are in your draft now" in taken.text
    saved = await pressed(visitor, home(connection), Sent(taken.text).form, "save")
    assert "Saved as a new version" in saved.text
    now = sources((await versions(district, connection))[0])
    assert [now[f"students.{name}"] for name in ("fname", "lname", "mname")] == ["Given", "Surname", "Second"]


async def test_both_are_saved_at_once_where_they_fit_together(
    visitor: Visitor, colleague: Visitor, district: District
) -> None:
    connection = await district.ad_hoc()
    address = home(connection)
    mine, theirs = await opened(visitor, address), await opened(colleague, address)
    await pressed(colleague, address, theirs, "save", **{place(theirs, "students.fname"): "Given"})
    shown = await pressed(visitor, address, mine, "save", **{place(mine, "students.mname"): "Second"})
    saved = await pressed(visitor, home(connection, "newer"), Sent(shown.text).form, "save")
    assert "Saved as a new version" in saved.text
    newest, *others = await versions(district, connection)
    assert (len(others), sources(newest)["students.fname"], sources(newest)["students.mname"]) == (2, "Given", "Second")


async def test_mine_is_saved_where_one_says_so_and_only_over_what_was_seen(
    visitor: Visitor, colleague: Visitor, district: District
) -> None:
    connection = await district.ad_hoc()
    shown = await both_typed(visitor, colleague, connection)
    await district.map_students(connection)  # once more, before the answer

    again = await pressed(visitor, home(connection, "newer"), Sent(shown.text).form, "mine")

    assert "Your draft began from version 2. Version 3 was saved by u-1" in again.text
    saved = await pressed(visitor, home(connection, "newer"), Sent(again.text).form, "mine")
    assert "Saved as a new version" in saved.text
    newest, *_ = await versions(district, connection)
    assert (newest["version"], sources(newest)["students.fname"]) == (4, "First Name")
    assert sources(newest)["students.lname"] == "Surname"


async def test_a_draft_is_thrown_away_for_theirs(visitor: Visitor, colleague: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    shown = await both_typed(visitor, colleague, connection)
    now = await pressed(visitor, home(connection, "newer"), Sent(shown.text).form, "theirs")
    assert "The draft is gone" in now.text
    assert 'value="Family"' in now.text
    assert len(await versions(district, connection)) == 2
    assert (await visitor.get(home(connection, "newer"))).headers["location"].endswith("/fields")


async def test_the_page_of_a_row_goes_on_from_what_it_showed(
    visitor: Visitor, colleague: Visitor, district: District
) -> None:
    connection = await district.ad_hoc()
    row, fields = home(connection, "row") + "?place=students.mname", home(connection)
    mine, theirs = await opened(visitor, row), await opened(colleague, fields)
    await pressed(colleague, fields, theirs, "save", **{place(theirs, "students.fname"): "Given"})

    page = await pressed(visitor, row, mine, "done", **{"o/source/column": "Second"})

    assert "Version 2 was saved by u-2 since you began" in page.text
    shown = await pressed(visitor, fields, Sent(page.text).form, "save")
    assert "What was changed since you began" in shown.text
    assert len(await versions(district, connection)) == 2


async def test_the_files_of_an_export(visitor: Visitor, colleague: Visitor, district: District) -> None:
    connection = await district.ad_hoc("Files")
    path, address = "exports/students/mappings", home(connection, what=EXPORT)
    ok(await district.api.put(f"/connections/{connection}/{path}", json={"files": [FILE]}))
    mine, theirs = await opened(visitor, address), await opened(colleague, address)
    await pressed(colleague, address, theirs, "save", **{"f/1/separator": "tab"})

    shown = await pressed(visitor, address, mine, "save", **{"f/1/1/header": "Student"})

    assert "roster.csv" in shown.text
    taken = await pressed(visitor, home(connection, "newer", EXPORT), Sent(shown.text).form, "both")
    await pressed(visitor, address, Sent(taken.text).form, "save")
    (newest, *others) = await versions(district, connection, path)
    (made,) = newest["files"]
    assert (len(others), made["separator"], made["columns"][0]["header"]) == (2, "tab", "Student")


async def test_the_fields_of_a_sis(visitor: Visitor, colleague: Visitor, district: District) -> None:
    sis = PowerSchoolDistrict(district)
    await sis.make()
    connection = await sis.connect()
    address = home(connection, what=EXPORT)
    target = next(str(row["target"]) for row in POWERSCHOOL if row["type"] == "direct")
    mine, theirs = await opened(visitor, address), await opened(colleague, address)
    await pressed(colleague, address, theirs, "save", **{place(theirs, target): "students.fname"})
    shown = await pressed(visitor, address, mine, "save", **{place(mine, target): "students.lname"})
    assert "You changed it as well" in shown.text
    assert len(await versions(district, connection, "exports/students/mappings")) == 2


async def test_a_window_of_a_draft_that_is_gone_is_told_so(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    form = await opened(visitor, home(connection))
    page = await pressed(visitor, home(connection), form, "add:students.race_other")
    await pressed(visitor, home(connection), Sent(page.text).form, "discard")
    answer = await visitor.post(home(connection), **Sent(page.text).form, do="save")
    assert (answer.status_code, "changed in another window" in answer.text) == (409, True)
    form = await opened(visitor, home(connection))
    assert "nothing was changed since version 1" in (await pressed(visitor, home(connection), form, "save")).text


async def told_of_another_window(visitor: Visitor, address: str, form: dict[str, str], do: str, **typed: str) -> None:
    answer = await visitor.post(address, **{**form, **typed, "do": do})
    assert (answer.status_code, "changed in another window" in answer.text) == (409, True), do


async def test_two_windows_of_one_person_take_nothing_back_from_each_other(
    visitor: Visitor, district: District
) -> None:
    connection = await district.ad_hoc()
    address = home(connection)
    older = await opened(visitor, address)
    first, middle = (place(older, f"students.{name}") for name in ("fname", "mname"))
    row = home(connection, "row") + "?place=students."
    rows = {name: await opened(visitor, row + name) for name in ("fname", "mname")}

    await pressed(visitor, address, older, "show", **{first: "Given"})

    for do in ("save", "show", "remove:students.fname", "configure:students.mname", "discard"):
        await told_of_another_window(visitor, address, older, do, **{middle: "Second"})
    await told_of_another_window(visitor, row + "fname", rows["fname"], "done", **{"o/source/column": "Other"})
    await told_of_another_window(visitor, home(connection, "suggestions"), {"mark": older["mark"]}, "accept-all")
    assert len(await versions(district, connection)) == 1
    await pressed(visitor, row + "mname", rows["mname"], "done", **{"o/source/column": "Second"})  # a row of its own

    now = await opened(visitor, address)
    assert (now[first], now[middle]) == ("Given", "Second")
    assert "Saved as a new version" in (await pressed(visitor, address, now, "save")).text
    saved = sources((await versions(district, connection))[0])
    assert (saved["students.fname"], saved["students.mname"]) == ("Given", "Second")


async def stopped(visitor: Visitor, address: str, form: dict[str, str], do: str, **typed: str) -> httpx.Response:
    """The page with what was typed, of a form that another window has overtaken."""
    answer = await visitor.post(address, **{**form, **typed, "do": do})
    assert answer.status_code == 409
    return answer


async def test_what_was_typed_in_an_older_window_is_put_on_top_by_one_button(
    visitor: Visitor, district: District
) -> None:
    connection = await district.ad_hoc()
    address = home(connection)
    older = await opened(visitor, address)
    first, middle, last = (place(older, f"students.{name}") for name in ("fname", "mname", "lname"))
    kept = Sent((await pressed(visitor, address, older, "show", **{first: "Given"})).text).form
    await pressed(visitor, address, kept, "show", **{last: "Family"})

    page = await stopped(visitor, address, kept, "save", **{middle: "Second"})

    assert "Direct: Second</ins>" in page.text
    assert "Direct: Family" not in page.text  # nothing that was not typed here
    assert "both fit together" in page.text
    done = await pressed(visitor, home(connection, "together"), Sent(page.text).form, "mine")
    assert "Saved as a new version" in done.text
    saved = sources((await versions(district, connection))[0])
    assert [saved[f"students.{name}"] for name in ("fname", "mname", "lname")] == ["Given", "Second", "Family"]
    assert (await visitor.get(home(connection, "together"))).headers["location"].endswith("/fields")


@pytest.mark.parametrize(("do", "name"), [("mine", "Here"), ("theirs", "There")])
async def test_it_is_asked_only_where_both_windows_changed_the_same_row(
    visitor: Visitor, district: District, do: str, name: str
) -> None:
    connection = await district.ad_hoc()
    address, together = home(connection), home(connection, "together")
    older = await opened(visitor, address)
    first, middle, last = (place(older, f"students.{name}") for name in ("fname", "mname", "lname"))
    now = Sent((await pressed(visitor, address, older, "show", **{first: "There"})).text).form

    page = await stopped(visitor, address, older, "add:students.race_other", **{first: "Here", middle: "Second"})

    assert "Changed there as well:</strong> Direct: There" in page.text
    assert "1 row was changed in both windows: First Name." in page.text
    await pressed(visitor, address, now, "show", **{last: "Family"})  # once more, before the answer
    again = await stopped(visitor, together, Sent(page.text).form, do)
    put = await pressed(visitor, together, Sent(again.text).form, do)
    assert "are in your draft now. Nothing is saved." in put.text
    form = Sent(put.text).form
    assert [form[one] for one in (first, middle, last)] == [name, "Second", "Family"]
    assert "students.race_other" in form.values()
    assert len(await versions(district, connection)) == 1


async def test_what_was_typed_on_the_page_of_a_row_is_not_lost_either(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    address, row = home(connection), home(connection, "row") + "?place=students.fname"
    older = await opened(visitor, row)
    now = await opened(visitor, address)
    await pressed(visitor, address, now, "show", **{place(now, "students.fname"): "There"})
    page = await stopped(visitor, row, older, "done", **{"o/source/column": "Here"})
    assert "Direct: Here</ins>" in page.text
    put = await pressed(visitor, home(connection, "together"), Sent(page.text).form, "mine")
    assert Sent(put.text).form[place(now, "students.fname")] == "Here"


async def test_what_is_no_draft_is_put_together_with_nothing(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    form = await opened(visitor, home(connection))
    for was in ("", "no draft", "eJwDAAAAAAE=", "é"):
        answer = await visitor.post(home(connection, "together"), **{**form, "was": was, "mine": was, "do": "mine"})
        assert (answer.status_code, "changed in another window" in answer.text) == (409, True)


async def test_two_windows_of_the_files_of_an_export(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc("Files")
    address = home(connection, what=EXPORT)
    ok(await district.api.put(f"/connections/{connection}/exports/students/mappings", json={"files": [FILE]}))
    older = await opened(visitor, address)
    row = home(connection, "row", EXPORT) + "?place=1.1"
    of_row = await opened(visitor, row)
    await pressed(visitor, address, older, "show", **{"f/1/separator": "tab"})
    await told_of_another_window(visitor, address, older, "save", **{"f/1/1/header": "Student"})
    await told_of_another_window(visitor, row, of_row, "done", header="Student")
    assert (await opened(visitor, address))["f/1/separator"] == "tab"
    page = await stopped(visitor, address, older, "save", **{"f/1/1/header": "Student"})
    put = await pressed(visitor, home(connection, "together", EXPORT), Sent(page.text).form, "mine")
    assert "Saved as a new version" in put.text
    (made,) = (await versions(district, connection, "exports/students/mappings"))[0]["files"]
    assert (made["separator"], made["columns"][0]["header"]) == ("tab", "Student")


async def test_a_draft_kept_before_an_update_is_still_read(visitor: Visitor, district: District) -> None:
    """It counted its turns."""
    connection = await district.ad_hoc()
    draft = {"fields": student_mapping()["fields"], "base": 1, "turn": 3}
    ok(await district.api.put(f"/connections/{connection}/drafts/import/students", json=draft))
    assert (await opened(visitor, home(connection)))["mark"].endswith(".draft")


async def test_an_old_version_is_restored_over_what_was_seen(
    visitor: Visitor, colleague: Visitor, district: District
) -> None:
    connection = await district.ad_hoc()
    rows = student_mapping()["fields"]
    await district.map_students(connection, {"fields": rows[:-1]})
    address = home(connection, "versions")
    restored = await pressed(visitor, address + "/restore", await opened(visitor, address), "")
    assert "Restored as a new version" in restored.text
    third, second, first = await versions(district, connection)
    assert (third["fields"], second["fields"]) == (first["fields"], first["fields"][:-1])

    mine = {**await opened(visitor, address), "version": second["id"]}
    theirs = await opened(colleague, home(connection))
    await pressed(colleague, home(connection), theirs, "save", **{place(theirs, "students.fname"): "Given"})
    told = await pressed(visitor, address + "/restore", mine, "")
    assert told.status_code == 409
    assert "Version 2 is not restored yet: version 4 was saved by u-2" in told.text
    assert "Direct: Given</ins>" in told.text
    assert len(await versions(district, connection)) == 4

    again = Sent(told.text).form
    assert again["version"] == second["id"]
    assert "Restored as a new version" in (await pressed(visitor, address + "/restore", again, "")).text
    assert (await versions(district, connection))[0]["fields"] == second["fields"]


async def test_a_code_table(visitor: Visitor, colleague: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    path, address = f"/connections/{connection}/code-tables", f"/connections/{connection}/mappings/codes/edit"
    pairs = [{"sis": "1", "enroll": "W"}, {"sis": "2", "enroll": "A"}]
    ok(await district.api.put(f"{path}/Race", json={"enroll_set": "race", "pairs": pairs}))
    mine, theirs = await opened(visitor, address + "?table=Race"), await opened(colleague, address + "?table=Race")
    done = await pressed(colleague, address, theirs, "save", **{"p/0/enroll": "I", "p/1/enroll": "I"})
    assert "Saved." in done.text

    shown = await pressed(visitor, address, mine, "save", **{"p/1/enroll": "P", "p/2/sis": "3", "p/2/enroll": "B"})

    assert shown.status_code == 409
    assert "version 2 of it was saved by u-2 on" in shown.text
    assert "<del>W</del>" in shown.text
    assert "You changed it as well:</strong> P" in shown.text
    assert len(ok(await district.api.get(path)).json()[0]["pairs"]) == 2
    taken = await pressed(visitor, address, Sent(shown.text).form, "both")
    assert taken.status_code == 200
    assert "Saved." in (await pressed(visitor, address, Sent(taken.text).form, "save")).text
    (held,) = ok(await district.api.get(path)).json()
    assert [(one["sis"], one["enroll"]) for one in held["pairs"]] == [("1", "I"), ("2", "P"), ("3", "B")]

    again = await pressed(colleague, address, Sent(done.text).form, "save", **{"p/0/enroll": "X"})
    assert again.status_code == 409
    assert "Saved." in (await pressed(colleague, address, Sent(again.text).form, "mine")).text
    first = ok(await district.api.get(f"{path}/Race/versions/1")).json()
    assert [one["enroll"] for one in first["pairs"]] == ["W", "A"]
    assert (await district.api.get(f"{path}/Race/versions/9")).status_code == 404
    assert ok(await district.api.get(path)).json()[0]["version"] == 4

    named = await pressed(visitor, address, await opened(visitor, address), "save", name="Race")
    assert "there is a table of this name already" in named.text


async def test_the_api_is_asked_to_expect_a_version(district: District) -> None:
    connection, draft = await district.ad_hoc(), student_mapping()
    fields, files = (f"/connections/{connection}/{one}" for one in ("mappings/students", "exports/students/mappings"))
    table = f"/connections/{connection}/code-tables/Race"
    pairs = {"pairs": [{"sis": "1", "enroll": "W"}]}
    for path, body, newest in ((fields, draft, 1), (files, {"files": [FILE]}, 0), (table, pairs, 0)):
        assert ok(await district.api.put(path, json=body, params={"base": newest})).json()["version"] == newest + 1
        refused = await district.api.put(path, json=body, params={"base": newest})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "saved.newer")
        assert f"Version {newest + 1} was saved by u-1 on 20" in refused.json()["error"]["message"]
        unknown = await district.api.put(path, json=body, params={"base": 9})
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (409, "saved.no_such_base")
        assert ok(await district.api.put(path, json=body)).json()["version"] == newest + 2  # as it always was
    drafted = f"/connections/{connection}/drafts/import/students"
    ok(await district.api.put(drafted, json={"base": 2, "fields": draft["fields"][:-1]}))
    assert (await district.api.post(drafted + "/save")).status_code == 409
    newer = ok(await district.api.get(drafted + "/newer")).json()
    assert (newer["base"], newer["latest"], newer["latest_by"], newer["changes"]) == (2, 3, "u-1", [])
    assert ok(await district.api.post(drafted + "/take-over", params={"version": 3})).json()["base"] == 3
    assert (await district.api.post(drafted + "/take-over", params={"version": 9})).status_code == 404
    assert ok(await district.api.post(drafted + "/save")).json()["version"] == 4
