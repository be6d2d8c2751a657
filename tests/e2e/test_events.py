"""Enroll asks for runs by events."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from devtools.district import YEAR, District
from devtools.stack import Stack
from tests.e2e.broker import Tap
from tests.e2e.enroll import students, turn
from tests.e2e.files import roster
from tests.e2e.operator import Ops, failed
from tests.e2e.waiting import until

ROWS = 20


@pytest.fixture
async def connection(district: District, stack: Stack) -> str:
    """An SFTP connection whose file is there."""
    imports = stack.sftp.folder / district.org / "import"
    imports.mkdir(parents=True)
    roster(imports / "students.csv", ROWS)
    folders = {"import_folder": f"{district.org}/import", "archive_folder": f"{district.org}/archive"}
    return await district.sftp(**folders)


def event(
    district: District, connection: str, *, type: str = "enroll.sync.requested.v1", **data: Any
) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/enroll",
        "type": type,
        "time": datetime.now(UTC).isoformat(),
        "something": "we do not know",
        "data": {
            "organization": district.org,
            "user": district.user,
            "connection": connection,
            "data_type": "students",
            "school_year": YEAR,
            "unknown": ["is", "ignored"],
            **data,
        },
    }


async def runs(district: District) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await district.api.get("/runs")).raise_for_status().json()
    return found


async def audited(district: District, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        (await district.api.get("/audit", params={"limit": 200, **asked})).raise_for_status().json()
    )
    return found


async def refused(district: District) -> list[dict[str, Any]]:
    return await audited(district, allowed=False)


async def allowed(district: District, deed: str) -> list[dict[str, Any]]:
    return await audited(district, allowed=True, deed=deed)


async def test_an_event_makes_a_run(district: District, connection: str, tap: Tap) -> None:
    sent = event(district, connection)

    await tap.enroll_says(sent)
    (run,) = await until(lambda: runs(district), "the event makes a run")
    ended = await district.watch(run["id"])

    assert (ended["state"], ended["counts"]["created"], ended["lane"]) == ("succeeded", ROWS, "interactive")
    assert ended["trigger"] == {"kind": "event", "by": district.user, "id": sent["id"]}
    told = [json.loads(body) for key, body in await tap.heard(run["id"]) if key == "sync.run.ended.v1"]
    assert len(told) == 1
    assert (told[0]["data"]["state"], told[0]["data"]["counts"]["created"]) == ("succeeded", ROWS)


async def test_the_year_is_enrolls_own_where_the_event_names_none(
    district: District, connection: str, tap: Tap
) -> None:
    await tap.enroll_says(event(district, connection, school_year=None))

    (run,) = await until(lambda: runs(district), "the event makes a run")

    assert run["school_year"] == YEAR


async def test_the_same_event_twice_makes_one_run(district: District, connection: str, tap: Tap) -> None:
    sent = event(district, connection)
    await tap.enroll_says(sent)
    await tap.enroll_says(sent)
    (run,) = await until(lambda: runs(district), "the event makes a run")
    assert (await district.watch(run["id"]))["state"] == "succeeded"

    await tap.enroll_says(sent)
    await tap.enroll_says(event(district, connection, user="u-nobody"))  # handled after it: a mark to wait for
    await until(lambda: refused(district), "the events are handled")

    assert [one["id"] for one in await runs(district)] == [run["id"]]
    assert {one["writes"] for one in (await students(district)).values()} == {1}


async def test_runs_stand_in_the_order_they_were_asked_for_whatever_time_their_events_bear(
    district: District, connection: str, tap: Tap
) -> None:
    now, asked = datetime.now(UTC), list[str]()
    for days in (0, 400, -3, -30_000):
        sent = event(district, connection, school_year=YEAR if days else None)
        sent["time"] = (now + timedelta(days=days)).isoformat()
        await tap.enroll_says(sent)
        await tap.enroll_says(sent)
        found = await until(lambda: _more_than(len(asked), district), "the event makes a run")
        asked.append(found[0]["id"])
        assert (await district.watch(asked[-1]))["state"] in ("succeeded", "failed")

    assert [one["id"] for one in await runs(district)] == asked[::-1]
    (page,) = (await district.api.get("/runs", params={"before": asked[1], "limit": 1})).raise_for_status().json()
    assert page["id"] == asked[0]
    today = await district.api.get("/runs", params={"since": now.isoformat()})
    assert [one["id"] for one in today.json()] == asked[::-1]


async def _more_than(known: int, district: District) -> list[dict[str, Any]]:
    found = await runs(district)
    return found if len(found) > known else []


async def test_a_user_without_permission_is_audited_and_makes_no_run(
    district: District, connection: str, tap: Tap
) -> None:
    await turn(district, users={district.user: ["Sync Service Full Access"], "u-2": ["View Registrations"]})

    await tap.enroll_says(event(district, connection, user="u-2"))
    (told,) = await until(lambda: refused(district), "the refusal is audited")

    assert (told["actor"], told["deed"], told["subject"]) == ("u-2", "import", connection)
    assert "Sync Service" in told["why"]
    assert await runs(district) == []
    assert await tap.heard(district.org) == []


@pytest.mark.parametrize("wrong", ["year", "connection", "upload"])
async def test_what_cannot_be_done_is_audited_and_makes_no_run(
    wrong: str, district: District, connection: str, tap: Tap
) -> None:
    if wrong == "year":
        await turn(district, sync_import_years=[])
    id = {"year": connection, "connection": "con_of_somebody_else", "upload": await district.ad_hoc()}[wrong]

    await tap.enroll_says(event(district, id))
    told = await until(lambda: refused(district), "the refusal is audited")

    assert {(one["actor"], one["deed"], one["subject"]) for one in told} == {(district.user, "import", id)}
    assert await allowed(district, "import") == []
    assert await runs(district) == []
    assert await tap.heard(district.org) == []


async def test_an_event_for_another_organizations_connection_makes_no_run(
    stack: Stack, district: District, connection: str, tap: Tap
) -> None:
    async with District(stack, f"{district.org}-neighbour") as neighbour:
        await tap.enroll_says(event(neighbour, connection))
        (told,) = await until(lambda: refused(neighbour), "the refusal is audited")
        assert told["subject"] == connection
        assert await allowed(neighbour, "import") == []
        assert await runs(neighbour) == []
    assert await runs(district) == []


async def test_an_unknown_version_is_put_aside_for_the_operator(
    district: District, connection: str, stack: Stack, tap: Tap
) -> None:
    kind = "enroll.sync.requested.v99"
    await tap.enroll_says(event(district, connection, type=kind), type=kind, bare=True)

    (letter,) = await until(lambda: failed(stack, "--org", district.org, "--type", kind), "the operator sees it")

    assert (letter["type"], letter["state"], letter["org"]) == (kind, "waiting", district.org)
    assert letter["reason"] == "unknown type or version"
    assert await runs(district) == []
    await Ops(stack)("failed", "discard", letter["id"], "--why", "a test")
    assert await failed(stack, "--org", district.org) == []
    (kept,) = await failed(stack, "--org", district.org, "--state", "discarded")
    assert kept["id"] == letter["id"]


async def test_rubbish_is_put_aside_and_the_next_event_is_heard(
    district: District, connection: str, stack: Stack, tap: Tap
) -> None:
    rubbish = [b"", b"{", b"\xff\xfe\0", b"[]", b'{"specversion": "1.0"}']
    before = {letter["id"] for letter in await failed(stack)}

    for body in rubbish:
        await tap.enroll_says(body)
    await tap.enroll_says(event(district, connection))
    (run,) = await until(lambda: runs(district), "the next event makes a run")
    assert (await district.watch(run["id"]))["state"] == "succeeded"

    async def put_aside() -> list[dict[str, Any]]:
        found = [letter for letter in await failed(stack) if letter["id"] not in before]
        return found if len(found) == len(rubbish) else []

    letters = await until(put_aside, "the operator sees them")
    assert {letter["reason"] for letter in letters} == {"undecodable"}
    await Ops(stack)("failed", "discard", *(letter["id"] for letter in letters))
