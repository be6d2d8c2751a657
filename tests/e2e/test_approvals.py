"""Registrations that were just approved, heard by several exporters: one of them is this process."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from devtools.district import EXPORTER, YEAR, District
from devtools.sis_districts import SISS, SisDistrict, enrolled
from devtools.stack import Stack
from services.runtime import composed
from shared.contracts.envelope import new_id
from shared.contracts.messages import RegistrationApproved
from shared.engine.approvals import Approvals
from shared.engine.gate import Gate
from shared.engine.handlers import Steps
from shared.messaging.answers import Delivery
from shared.settings import Settings
from tests.e2e.broker import APPROVED, Tap, approved
from tests.e2e.enroll import Faults, moved, turn
from tests.e2e.waiting import until

EXPORTS = {"direction": "export"}


@pytest.fixture
async def sis(stack: Stack, org: str) -> AsyncIterator[SisDistrict]:
    async with District(stack, org, permissions=EXPORTER) as district:
        one = SISS["powerschool"](district)
        await one.make()
        yield one


@pytest.fixture
async def ours(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Approvals]:
    """What an exporter of this stack does with an approval, here."""
    for name, value in {**stack.env, "SYNC_ENROLL_URL": stack.url("sandbox")}.items():
        monkeypatch.setenv(name, value)
    async with composed("approvals", Settings()) as base:
        yield Approvals(base.engine, Gate(base.store, base.enroll, 0), Steps(base.engine))


async def hears(ours: Approvals, sis: SisDistrict, registration: int) -> None:
    event = RegistrationApproved(
        organization=sis.district.org, registration=str(registration), school_year=YEAR, school_code="100"
    )
    await ours.approved(event, Delivery(new_id("msg"), "exporter.approvals", datetime.now(UTC), 1, False))


async def exporting(sis: SisDistrict, folder: Path, count: int) -> tuple[str, list[int], list[str]]:
    """A connection whose export is on, registrations, and their students."""
    students = await enrolled(sis.district, folder, count)
    registrations = await sis.district.register(students)
    connection = await sis.connect()
    (await sis.district.api.patch(f"/connections/{connection}", json={"enable_export": True})).raise_for_status()
    return connection, registrations, students


async def ended(sis: SisDistrict, count: int) -> list[dict[str, Any]]:
    """The exports of the district, oldest first, once there are so many and all have ended."""

    async def there() -> bool:
        return len((await sis.district.api.get("/runs", params=EXPORTS)).json()) == count

    await until(there, f"there are {count} runs")
    found = (await sis.district.api.get("/runs", params=EXPORTS)).json()
    return [await sis.district.watch(one["id"]) for one in reversed(found)]


async def test_exporters_that_number_the_runs_of_a_stream_in_turn_send_each_once(
    sis: SisDistrict, ours: Approvals, tmp_path: Path, tap: Tap
) -> None:
    """What one of them remembers may be out of date: it notices, and goes on under another number."""
    turns = ["us", "us", "us", "them", "us", "us", "us", "them", "them", "us"]
    _, registrations, students = await exporting(sis, tmp_path, len(turns))
    for place, (whose, one) in enumerate(zip(turns, registrations, strict=True), start=1):
        if whose == "us":
            await hears(ours, sis, one)
        else:
            await tap.enroll_says(approved(sis.district, one), APPROVED)
        runs = await ended(sis, place)
    assert [(one["state"], one["counts"]["created"]) for one in runs] == [("succeeded", 1)] * len(turns)
    numbers = [one["number"] for one in runs]
    assert numbers == sorted(set(numbers))
    assert sorted(one["student_id"] for one in await sis.people()) == sorted(students)


async def test_what_was_read_before_another_run_wrote_is_read_again(
    sis: SisDistrict, ours: Approvals, tmp_path: Path, tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an address that is out of date would be sent over the newer one."""
    _, (*before, registration), (*_, student) = await exporting(sis, tmp_path, 3)
    for one in before:
        await hears(ours, sis, one)
    runs = ours._engine.store.org(sis.district.org).runs
    add_held, may_store = runs.add_held, asyncio.Event()

    async def later(*args: Any, **more: Any) -> Any:
        await may_store.wait()
        return await add_held(*args, **more)

    monkeypatch.setattr(runs, "add_held", later)
    await sis.district.enroll.delete("/sandbox/calls")
    hearing = asyncio.create_task(hears(ours, sis, registration))

    async def has_read() -> bool:
        calls = (await sis.district.enroll.get("/sandbox/calls")).json()
        return any(f"/powerschool/{sis.district.org}/" in one["url"] for one in calls)

    await until(has_read, "the registration has been read, and the SIS been asked")
    await moved(sis.district, tmp_path / "students.csv", student)
    await tap.enroll_says(approved(sis.district, registration), APPROVED)
    await ended(sis, 3)
    may_store.set()
    await hearing

    names = ("created", "updated", "unchanged")
    counts = [tuple(one["counts"][name] for name in names) for one in await ended(sis, 4)]
    assert counts[2:] == [(0, 0, 1), (1, 0, 0)], "in the order in which they were asked for"
    assert "9 Moved Away Lane" in json.dumps(await sis.held())


async def test_an_approval_is_cancelled_while_enroll_takes_its_time(
    sis: SisDistrict, ours: Approvals, tmp_path: Path, faults: Faults
) -> None:
    """Also where it is read ahead, and was to be sent as soon as it is read."""
    connection, (*before, last), (*students, _) = await exporting(sis, tmp_path, 3)
    for one in before:
        await hears(ours, sis, one)
    await faults({"org": sis.district.org, "path": "registrations:page", "delay": 2})
    hearing = asyncio.create_task(hears(ours, sis, last))

    async def cancelled() -> bool:
        (run, *_) = (await sis.district.api.get("/runs", params={"connection": connection})).json()
        return (await sis.district.api.post(f"/runs/{run['id']}/cancel")).status_code == 202

    await until(cancelled, "nothing is being sent yet", every=0.05)
    await hearing
    assert [one["state"] for one in await ended(sis, 3)] == ["succeeded", "succeeded", "cancelled"]
    assert sorted(one["student_id"] for one in await sis.people()) == sorted(students)


async def test_of_two_sis_the_one_that_is_down_holds_up_no_other(
    sis: SisDistrict, ours: Approvals, tmp_path: Path, faults: Faults
) -> None:
    _, (registration,), students = await exporting(sis, tmp_path, 1)
    other = SISS["aeries"](sis.district)
    await other.make()
    second = await other.connect(name="Another SIS")
    (await sis.district.api.patch(f"/connections/{second}", json={"enable_export": True})).raise_for_status()
    await faults({"path": f"/aeries/{sis.district.org}", "status": 503})

    await hears(ours, sis, registration)
    assert [one["student_id"] for one in await sis.people()] == students
    (waits,) = (await sis.district.api.get("/runs", params={"connection": second})).json()
    assert waits["state"] == "staging"
    await faults()
    assert [one["state"] for one in await ended(sis, 2)] == ["succeeded", "succeeded"]
    assert [one["student_id"] for one in await other.people()] == students


@pytest.mark.parametrize("when", ["held", "busy"])
async def test_an_approval_that_comes_again_while_its_run_is_under_way_is_one_run(
    when: str, sis: SisDistrict, ours: Approvals, tmp_path: Path, faults: Faults
) -> None:
    """Its exporter is at it still, or was killed: the run is announced, and goes on when the lease is free."""
    connection, (registration,), (student,) = await exporting(sis, tmp_path, 1)
    event = RegistrationApproved(
        organization=sis.district.org, registration=str(registration), school_year=YEAR, school_code="100"
    )
    delivery = Delivery(new_id("msg"), "exporter.approvals", datetime.now(UTC), 1, False)
    await faults({"path": f"/powerschool/{sis.district.org}", "delay": 0.5})
    first = asyncio.create_task(ours.approved(event, delivery))

    async def begun() -> bool:
        return bool((await sis.district.api.get("/runs", params={"connection": connection})).json())

    await until(begun, "the run has begun", every=0.01)
    if when == "held":
        await ours.approved(event, delivery)
    else:
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        await ours.approved(event, delivery)
    await faults()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    (run,) = await ended(sis, 1)
    assert (run["state"], run["counts"]["created"]) == ("succeeded", 1)
    assert [one["student_id"] for one in await sis.people()] == [student]


async def test_an_approval_is_audited_under_whoever_enabled_the_export(
    sis: SisDistrict, ours: Approvals, tmp_path: Path
) -> None:
    connection, (first, second), _ = await exporting(sis, tmp_path, 2)
    await hears(ours, sis, first)
    await turn(sis.district, registration_module=False)
    await hears(ours, sis, second)
    await turn(sis.district, registration_module=True)
    found = (await sis.district.api.get("/audit", params={"deed": "export", "limit": 200})).raise_for_status().json()
    told = [(one["actor"], one["allowed"]) for one in found if one["subject"] == connection]
    assert told == [(sis.district.user, False), (sis.district.user, True)]
    assert len(await ended(sis, 1)) == 1
