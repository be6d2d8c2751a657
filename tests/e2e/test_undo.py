"""Undo: what a run wrote goes back, where it is still there; what was made is removed where nothing hangs on it."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from devtools.district import EXPORTER, District
from devtools.sis_districts import SISS, enrolled
from devtools.stack import Stack
from services.sandbox.district import student_export
from tests.e2e.enroll import codes, having, students
from tests.e2e.files import edited, read, roster, write

ROWS = 120
STREET, CITY, GONE = "student_annual.address", "student_annual.city", "students.sis_missing"
WAITS = frozenset({"needs_approval"})


async def ask(district: District, run: str, **query: Any) -> httpx.Response:
    return await district.api.post(f"/runs/{run}/undo", params=query)


async def undone(district: District, run: str) -> dict[str, Any]:
    """The undo once it has ended, approved where it asks."""
    id = (await ask(district, run)).raise_for_status().json()["id"]
    found = await district.watch(id, states=frozenset({"needs_approval", "succeeded", "partial", "failed"}))
    if found["state"] == "needs_approval":
        (await district.api.post(f"/runs/{id}/approve")).raise_for_status()
    return await district.watch(id)


async def imported(district: District, connection: str, file: Path, **query: Any) -> dict[str, Any]:
    return await district.watch((await district.upload(connection, file, **query))["id"])


def values(held: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {id: {name: value for name, value in one.items() if name != "writes"} for id, one in held.items()}


@pytest.fixture
async def loaded(district: District, tmp_path: Path) -> tuple[str, Path, dict[str, Any]]:
    """A connection with everyone loaded, the file, and the run."""
    connection = await district.ad_hoc()
    first = roster(tmp_path / "first.csv", ROWS)
    return connection, first, await imported(district, connection, first)


async def test_changes_go_back_but_for_what_was_changed_since_and_a_redo_brings_them_again(
    district: District, loaded: tuple[str, Path, dict[str, Any]]
) -> None:
    connection, first, _ = loaded
    before = values(await students(district))
    moves = {row: {"Street": f"{row} New St", "City": "Newtown"} for row in (4, 5, 6)}
    second = edited(first, moves)
    run = await imported(district, connection, second)
    later = edited(second, {6: {"City": "Latertown"}}, "later.csv")
    await imported(district, connection, later)
    moved = values(await students(district))

    undo = await undone(district, run["id"])

    assert (undo["state"], undo["counts"]["updated"], undo["counts"]["partial"]) == ("partial", 3, 1)
    assert undo["trigger"] == {"kind": "undo", "by": district.user, "id": run["id"]}
    retried = await district.api.post(f"/runs/{undo['id']}/retry")
    assert (retried.status_code, retried.json()["error"]["code"]) == (409, "retry.undo")
    assert run["id"] in retried.json()["error"]["fix"]
    (left,) = await district.records(undo["id"], outcome="Partial Sync")
    assert (left["row"], [(one["code"], one["field"]) for one in left["problems"]]) == (
        6,
        [("undo.changed_since", CITY)],
    )
    held, ids = values(await students(district)), [row["Student ID"] for row in read(first)[2:5]]
    assert [held[id] for id in ids[:2]] == [before[id] for id in ids[:2]]
    assert (held[ids[2]][STREET], held[ids[2]][CITY]) == (before[ids[2]][STREET], "Latertown")

    explained = (await district.api.get("/explain/students", params={"key": ids[0], "field": STREET})).json()[0]
    by = explained["fields"][0]["by"]
    assert (by["run"], by["undoes"], by["columns"]) == (undo["id"], run["id"], [])

    redo = await undone(district, undo["id"])
    assert (redo["state"], redo["counts"]["updated"]) == ("succeeded", 3)
    assert values(await students(district)) == moved

    once_more = await undone(district, redo["id"])
    for asked, code, by in (
        (undo["id"], "undo.done_and_back", once_more),
        (redo["id"], "undo.done", once_more),
    ):
        refused = (await ask(district, asked)).json()["error"]
        assert (refused["code"], by["id"] in refused["message"]) == (code, True)
    again = await imported(district, connection, edited(later, {100: {"Street": "1 Other St"}}, "again.csv"))
    assert again["counts"]["updated"] == 4, "what was undone is looked at anew"
    assert {id: one[CITY] for id, one in (await students(district)).items() if id in ids} == {
        ids[0]: "Newtown",
        ids[1]: "Newtown",
        ids[2]: "Latertown",
    }


async def test_whom_a_run_made_is_removed_where_nothing_hangs_on_them(
    district: District, loaded: tuple[str, Path, dict[str, Any]]
) -> None:
    connection, first, run = loaded
    registered, edited_, *_ = [row["Student ID"] for row in read(first)]
    await district.register([registered])
    other = await district.ad_hoc("Another")
    await imported(district, other, edited(first, {3: {"Street": "By another connection"}}, "other.csv"))

    waits = (await ask(district, run["id"], preview=True)).raise_for_status().json()
    shown = await district.watch(waits["id"], states=WAITS)
    assert codes(shown["reasons"]) == {"guard.preview", "guard.too_many_removed"}
    assert (shown["counts"]["remove"], shown["counts"]["invalid"]) == (ROWS - 2, 2)
    planned = await district.records(waits["id"], outcome="Pending", limit=200)
    assert {one["action"] for one in planned} == {"remove"}
    assert {after for one in planned for _, after in one["changes"].values()} == {None}
    assert len(await students(district)) == ROWS
    (await district.api.post(f"/runs/{waits['id']}/approve")).raise_for_status()
    undo = await district.watch(waits["id"])

    assert (undo["state"], undo["counts"]["removed"]) == ("partial", ROWS - 2)
    held = await students(district)
    assert set(held) == {registered, edited_}
    failed = {one["key"]: codes(one["problems"]) for one in await district.records(undo["id"], outcome="Failed")}
    assert failed == {registered: {"record.in_use"}, edited_: {"undo.changed_since"}}

    again = await imported(district, connection, edited(first, {2: {"Zip": "85299"}}, "again.csv"))
    assert (again["counts"]["created"], len(await students(district))) == (ROWS - 2, ROWS), "nobody is taken for known"


async def test_marks_of_missing_students_are_taken_back(
    district: District, loaded: tuple[str, Path, dict[str, Any]], tmp_path: Path
) -> None:
    connection, first, _ = loaded
    less = write(tmp_path / "less.csv", read(first)[3:])
    run = await imported(district, connection, less, roster="full")
    assert len(having(await students(district), GONE, 1)) == 3
    undo = await undone(district, run["id"])
    assert (undo["state"], undo["counts"]["updated"]) == ("succeeded", 3)
    assert having(await students(district), GONE, 1) == set()
    again = await imported(
        district, connection, edited(less, {9: {"Street": "9 Other St"}}, "again.csv"), roster="full"
    )
    assert again["counts"]["updated"] == 4
    assert len(having(await students(district), GONE, 1)) == 3


async def test_undoing_twice_and_what_cannot_be_undone(stack: Stack, org: str, tmp_path: Path) -> None:
    async with District(stack, org, permissions=EXPORTER) as district:
        connection = await district.ad_hoc()
        first = roster(tmp_path / "first.csv", 20)
        await imported(district, connection, first)
        run = (await imported(district, connection, edited(first, {2: {"Street": "2 New St"}})))["id"]
        waits = [(await ask(district, run, preview=True)).raise_for_status().json()["id"] for _ in range(2)]
        assert len(set(waits)) == 1
        await district.watch(waits[0], states=WAITS)
        assert (await ask(district, waits[0])).json()["error"]["code"] == "undo.not_ended"
        (await district.api.post(f"/runs/{waits[0]}/reject")).raise_for_status()
        undo = await undone(district, run)
        assert undo["id"] != waits[0], "one that was rejected does not stand in the way"
        same = await imported(
            district, connection, edited(first, {2: {"Street": first.name}}, "more.csv"), preview=False
        )
        await district.register([read(first)[0]["Student ID"]])
        await district.map_export(connection, student_export())
        files = await district.watch((await district.export(connection))["id"])
        answers = {id: await ask(district, id) for id in (run, waits[0], files["id"])}
        assert [(one.status_code, one.json()["error"]["code"]) for one in answers.values()] == [
            (409, "undo.done"),
            (409, "undo.nothing"),
            (409, "undo.files"),
        ]
        assert undo["id"] in answers[run].json()["error"]["message"]
        assert (await ask(district, same["id"])).status_code == 202


async def test_in_a_sis_values_go_back_and_who_was_made_is_told(stack: Stack, org: str, tmp_path: Path) -> None:
    async with District(stack, org, permissions=EXPORTER) as district:
        sis = SISS["powerschool"](district)
        ids = await enrolled(district, tmp_path, 4)
        await sis.make(students=2)
        await district.register(ids)
        before = {one["local_id"]: one for one in (await sis.held())["students"]}
        connection = await sis.connect()
        run = await district.watch((await district.export(connection))["id"])
        assert (run["counts"]["created"], run["counts"]["updated"] > 0) == (2, True), run

        undo = await undone(district, run["id"])

        failed = await district.records(undo["id"], outcome="Failed")
        assert [codes(one["problems"]) for one in failed] == [{"undo.made_in_sis"}] * 2
        after = {one["local_id"]: one for one in (await sis.held())["students"]}
        for id, one in before.items():
            for part in ("name", "addresses", "demographics"):
                assert after[id][part] == one[part], part
        again = await district.watch((await district.export(connection))["id"])
        assert again["counts"]["updated"] == run["counts"]["updated"], "they are looked at anew"
        assert len((await sis.held())["students"]) == 4


ELM = {"students.fname": "Elm", "student_annual.address": "1 Elm St"}
HISTORY = {"ModifiedTime", "AddressHistory"}


def lasting(held: Any) -> Any:
    """All that a SIS holds but for when and how often something was changed."""
    if isinstance(held, dict):
        return {name: lasting(value) for name, value in held.items() if name not in HISTORY}
    return [lasting(one) for one in held] if isinstance(held, list) else held


@pytest.mark.parametrize("kind", sorted(SISS))
async def test_in_every_sis_changed_values_go_back(kind: str, stack: Stack, org: str, tmp_path: Path) -> None:
    async with District(stack, org, permissions=EXPORTER) as district:
        sis = SISS[kind](district)
        await sis.make()
        await district.register(await enrolled(district, tmp_path, 3))
        connection = await sis.connect()
        assert (await district.watch((await district.export(connection))["id"]))["counts"]["created"] == 3
        before = lasting(await sis.held())
        elsewhere = [
            {**one, "source": {"value": ELM[one["source"]]}} if str(one["source"]) in ELM else one
            for one in sis.mapping
        ]
        await sis.map(connection, elsewhere)
        run = await district.watch((await district.export(connection))["id"])
        assert (run["state"], run["counts"]["updated"]) == ("succeeded", 3), run
        assert lasting(await sis.held()) != before

        undo = await undone(district, run["id"])

        assert (undo["state"], undo["counts"]["updated"]) == ("succeeded", 3), undo
        assert lasting(await sis.held()) == before
