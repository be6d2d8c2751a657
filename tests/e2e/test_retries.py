"""Trouble that passes by itself: tried again a counted number of times, then put where people see it."""

from pathlib import Path

from devtools.district import District
from devtools.stack import Stack
from shared.model.error_texts import every_text
from tests.e2e.conftest import SETTINGS
from tests.e2e.enroll import Faults, students
from tests.e2e.files import roster
from tests.e2e.operator import Ops, failed
from tests.e2e.waiting import until

ROWS = 40
ATTEMPTS = len(SETTINGS["SYNC_RETRY_DELAYS"].split(",")) + 1


async def test_trouble_that_passes_is_not_seen(district: District, tmp_path: Path, faults: Faults) -> None:
    await faults(
        {"org": district.org, "path": "lookup", "status": 503, "times": 1},
        {"org": district.org, "path": "batch-upsert", "status": 429, "retry_after": 0.3, "times": 1},
        {"org": district.org, "path": "batch-upsert", "close": True, "after": True, "times": 1},
    )

    run = await district.watch(
        (await district.upload(await district.ad_hoc(), roster(tmp_path / "district.csv", ROWS)))["id"]
    )

    assert (run["state"], run["counts"]["created"], run["counts"]["failed"]) == ("succeeded", ROWS, 0)
    assert {one["writes"] for one in (await students(district)).values()} == {1}, "the lost answer was not sent twice"


async def test_trouble_that_stays_is_tried_once_for_each_rung(
    district: District, tmp_path: Path, faults: Faults, stack: Stack
) -> None:
    await faults({"org": district.org, "path": "lookup", "status": 429, "retry_after": 0})

    connection = await district.ad_hoc()
    run = await district.watch((await district.upload(connection, roster(tmp_path / "district.csv", ROWS)))["id"])

    assert (run["state"], run["slices"], run["error"]["code"]) == ("failed", 1, "enroll.throttled")
    (letter,) = await until(lambda: failed(stack, "--run", run["id"]), "the operator sees it")
    assert (letter["reason"], letter["attempts"]) == ("out of attempts", ATTEMPTS)
    (rule,) = (await district.enroll.get("/sandbox/faults")).json()
    assert rule["fired"] == ATTEMPTS
    assert "It was tried until no attempt was left, and has stopped." in run["error"]["message"]
    assert run["error"]["fix"] == every_text()["run.gave_up"].fix
    await Ops(stack)("failed", "discard", letter["id"])
