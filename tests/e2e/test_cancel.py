"""A run that has not written anything is called off: nothing is written, nothing fails, and the next one begins."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from devtools.district import EXPORTER, District
from devtools.sis_districts import SISS, SisDistrict, enrolled
from devtools.stack import Stack
from tests.e2e.broker import APPROVED, Tap, approved
from tests.e2e.enroll import Faults, students, switched, writes
from tests.e2e.files import edited, roster
from tests.e2e.operator import failed
from tests.e2e.waiting import until

ROWS = 220
COMPARING = frozenset({"comparing"})


async def cancel(district: District, run: str) -> httpx.Response:
    return await district.api.post(f"/runs/{run}/cancel")


async def test_a_run_that_compares_is_cancelled_and_the_next_one_goes_on(
    district: District, tmp_path: Path, faults: Faults, stack: Stack, tap: Tap
) -> None:
    connection = await district.ad_hoc()
    first = roster(tmp_path / "first.csv", ROWS)
    second = edited(first, {2: {"First Name": "Newest"}})
    before = await writes(district)
    await faults({"org": district.org, "path": "lookup", "delay": 0.7})
    run = (await district.upload(connection, first))["id"]
    await district.watch(run, states=COMPARING)
    third = edited(first, {2: {"First Name": "Third"}}, "third.csv")
    following, last = [(await district.upload(connection, path))["id"] for path in (second, third)]

    answer = await cancel(district, run)
    assert answer.status_code == 202
    ended = answer.json()
    assert (ended["state"], ended["error"]["code"], ended["decided_by"]) == ("cancelled", "run.cancelled", "u-1")
    assert (await cancel(district, last)).json()["state"] == "cancelled", "one that waits behind it, too"
    await faults()

    assert (await district.watch(following))["counts"]["created"] == ROWS
    assert (await writes(district))["created"] == before["created"] + ROWS
    assert "Newest" in {one["students.fname"] for one in (await students(district)).values()}
    assert [(await district.run(one))["state"] for one in (run, last)] == ["cancelled", "cancelled"]
    assert await failed(stack, "--org", district.org) == []
    assert not [key for key, _ in await tap.heard(run) if "dead" in key]


async def test_it_is_too_late_once_the_run_writes_or_has_ended(
    district: District, tmp_path: Path, faults: Faults
) -> None:
    await faults({"org": district.org, "path": "batch-upsert", "delay": 0.5, "times": 1})
    run = (await district.upload(await district.ad_hoc(), roster(tmp_path / "district.csv", 20)))["id"]
    await district.watch(run, states=frozenset({"applying"}))
    answers = [await cancel(district, run)]
    assert (await district.watch(run))["state"] == "succeeded"
    answers.append(await cancel(district, run))
    assert {(one.status_code, one.json()["error"]["code"]) for one in answers} == {(409, "run.too_late")}


async def test_a_preview_that_waits_is_cancelled_like_it_is_rejected(district: District, tmp_path: Path) -> None:
    run = (await district.upload(await district.ad_hoc(), roster(tmp_path / "district.csv", 20), preview=True))["id"]
    waits = await district.watch(run, states=frozenset({"needs_approval"}))
    ended = (await cancel(district, run)).raise_for_status().json()
    assert (ended["state"], ended["counts"]) == ("cancelled", waits["counts"])
    assert (await district.api.post(f"/runs/{run}/approve")).status_code == 409
    assert await students(district) == {}


async def exporting(sis: SisDistrict, folder: Path) -> tuple[str, int]:
    """A connection whose export is on, and a registration."""
    district = sis.district
    await sis.make()
    (registration,) = await district.register(await enrolled(district, folder, 1))
    connection = await sis.connect()
    (await district.api.patch(f"/connections/{connection}", json={"enable_export": True})).raise_for_status()
    return connection, registration


@pytest.mark.parametrize("path", ["registrations:page", "/powerschool/"], ids=["before", "while"])
async def test_an_approval_is_cancelled_before_it_is_sent_and_never_after(
    path: str, stack: Stack, org: str, tmp_path: Path, tap: Tap, faults: Faults
) -> None:
    async with District(stack, org, permissions=EXPORTER) as district:
        sis = SISS["powerschool"](district)
        connection, registration = await exporting(sis, tmp_path)
        await faults({"path": path, "delay": 0.6})
        await tap.enroll_says(approved(district, registration), APPROVED)
        is_sent = path != "registrations:page"
        run = await begun(district, connection, is_sending=is_sent)
        assert run["state"] == "staging"
        answer = await cancel(district, run["id"])
        await faults()
        ended = await district.watch(run["id"])
        expected = (409, "succeeded", 1) if is_sent else (202, "cancelled", 0)
        assert (answer.status_code, ended["state"], len(await sis.people())) == expected
        assert await failed(stack, "--org", org) == []


async def begun(district: District, connection: str, *, is_sending: bool) -> dict[str, Any]:
    """The run of the connection, once it is there, or once something of it may go out."""

    async def there() -> list[dict[str, Any]]:
        found = (await district.api.get("/runs", params={"connection": connection})).json()
        return [one for one in found if one["sending"] or not is_sending]

    (run,) = await until(there, "the run has begun", every=0.01)
    return run


@pytest.mark.parametrize("path", ["registrations:page", "/ws/v1/district/student"], ids=["Enroll", "the SIS"])
async def test_an_approval_that_waits_for_somebody_to_answer_is_cancelled(
    path: str, stack: Stack, org: str, tmp_path: Path, tap: Tap
) -> None:
    async with District(stack, org, permissions=EXPORTER) as district:
        sis = SISS["powerschool"](district)
        connection, registration = await exporting(sis, tmp_path)
        async with switched(stack.url("sandbox")) as faults:
            await faults({"path": path, "status": 503})
            await tap.enroll_says(approved(district, registration), APPROVED)
            run = await begun(district, connection, is_sending=path != "registrations:page")

            async def cancelled() -> bool:
                return (await cancel(district, run["id"])).status_code == 202

            await until(cancelled, "nobody has answered, so nothing is being sent", every=0.05)
            assert (await district.watch(run["id"]))["state"] == "cancelled"
        assert len(await sis.people()) == 0
