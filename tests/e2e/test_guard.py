"""A file that would do too much stops before anything is written, says why, and goes on when a person approves."""

from pathlib import Path
from typing import Any

import pytest

from devtools.district import ENDED, District
from tests.e2e.enroll import codes, having, students, writes
from tests.e2e.files import edited, read, roster
from tests.e2e.files import write as write_rows

ROWS = 120
STOPPED = frozenset({"needs_approval", *ENDED})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return roster(tmp_path / "district.csv", ROWS)


class Guarded:
    """A connection with everyone loaded, and what came of the next file."""

    def __init__(self, district: District, connection: str) -> None:
        self.district = district
        self.connection = connection
        self.before: dict[str, int] = {}

    async def stopped(self, file: Path, code: str) -> dict[str, Any]:
        """The run of `file`, which has to wait for approval because of `code` alone."""
        self.before = await writes(self.district)
        run = await self.district.watch(
            (await self.district.upload(self.connection, file))["id"], states=STOPPED, seconds=30
        )
        assert run["state"] == "needs_approval", run
        assert codes(run["reasons"]) == {code}
        assert all(reason["message"] and reason["fix"] for reason in run["reasons"])
        assert await writes(self.district) == self.before, "nothing is written before a person says so"
        return run

    async def approved(self, run: dict[str, Any]) -> dict[str, Any]:
        (await self.district.api.post(f"/runs/{run['id']}/approve")).raise_for_status()
        return await self.district.watch(run["id"], seconds=30)


@pytest.fixture
async def guarded(district: District, file: Path, request: pytest.FixtureRequest) -> Guarded:
    connection = await district.ad_hoc(**getattr(request, "param", {"roster": "some"}))
    assert (await district.watch((await district.upload(connection, file))["id"]))["state"] == "succeeded"
    return Guarded(district, connection)


async def test_half_a_file(guarded: Guarded, file: Path, tmp_path: Path) -> None:
    content = edited(file, {2: {"Street": "1 New St"}}).read_bytes()
    rows = content[: len(content) // 2].count(b"\r\n") - 1
    half = tmp_path / "half.csv"
    half.write_bytes(content[: len(content) // 2])

    run = await guarded.stopped(half, "guard.cut_short")
    ended = await guarded.approved(run)

    counts = {name: ended["counts"][name] for name in ("unchanged", "updated", "invalid")}
    assert (ended["state"], counts) == ("partial", {"unchanged": rows - 1, "updated": 1, "invalid": 1})


@pytest.mark.parametrize("guarded", [{"roster": "full"}], indirect=True)
async def test_half_of_the_students_missing(guarded: Guarded, tmp_path: Path) -> None:
    run = await guarded.stopped(roster(tmp_path / "few.csv", ROWS, missing=0.5), "guard.too_many_missing")
    assert "60 of 120" in run["reasons"][0]["message"]
    pending = await guarded.district.records(run["id"], outcome="Pending", limit=200)
    assert {one["action"] for one in pending} == {"missing"}
    assert len(pending) == ROWS // 2

    ended = await guarded.approved(run)

    assert (ended["state"], ended["counts"]["updated"]) == ("succeeded", ROWS // 2)
    assert len(having(await students(guarded.district), "students.sis_missing", 1)) == ROWS // 2


async def test_everyone_changed(guarded: Guarded, tmp_path: Path) -> None:
    run = await guarded.stopped(roster(tmp_path / "new.csv", ROWS, changed=1.0, edition=2), "guard.too_many_changed")

    ended = await guarded.approved(run)

    assert (ended["state"], ended["counts"]["updated"]) == ("succeeded", ROWS)


async def test_a_column_gone(guarded: Guarded, file: Path, tmp_path: Path) -> None:
    rows = read(file)
    cities = {row["Student ID"]: row["City"] for row in rows}
    rows[0]["Street"] = "95 Moved St"
    lost = write_rows(tmp_path / "lost.csv", rows, columns=[name for name in rows[0] if name != "City"])

    run = await guarded.stopped(lost, "guard.column_gone")
    assert "City" in run["reasons"][0]["message"]
    ended = await guarded.approved(run)

    assert ended["state"] == "succeeded"
    held = await students(guarded.district)
    assert {id: one["student_annual.city"] for id, one in held.items()} == cities, "the field stays as it was"
    assert held[rows[0]["Student ID"]]["student_annual.address"] == "95 Moved St"


async def test_more_than_a_tenth_invalid(guarded: Guarded, file: Path, tmp_path: Path) -> None:
    bad = roster(tmp_path / "bad.csv", ROWS, bad=0.2)
    good = next(number for number, (one, old) in enumerate(zip(read(bad), read(file), strict=True), 2) if one == old)
    run = await guarded.stopped(edited(bad, {good: {"Street": "1 New St"}}), "guard.too_many_invalid")
    failed = await guarded.district.records(run["id"], outcome="Failed", limit=200)
    assert len(failed) == run["counts"]["invalid"] == ROWS // 5

    ended = await guarded.approved(run)

    assert (ended["state"], ended["counts"]["unchanged"]) == ("partial", ROWS - ROWS // 5 - 1)
    assert ended["counts"]["updated"] == 1


@pytest.mark.parametrize("guarded", [{"roster": "full"}], indirect=True)
@pytest.mark.parametrize("preview", [False, True])
async def test_a_file_of_which_nothing_would_be_written_asks_nobody(
    guarded: Guarded, file: Path, preview: bool
) -> None:
    """Everybody is in it, and no row can be used: nobody is missing, and nobody can be approved."""
    before = await writes(guarded.district)
    bad = edited(file, {row: {"Birth Date": "tomorrow"} for row in range(2, ROWS + 2)})

    run = await guarded.district.watch(
        (await guarded.district.upload(guarded.connection, bad, preview=preview))["id"], states=STOPPED, seconds=30
    )

    assert (run["state"], run["counts"]["invalid"], run["counts"]["missing"], run["reasons"]) == ("failed", ROWS, 0, [])
    assert await writes(guarded.district) == before
    again = (await guarded.district.api.post(f"/runs/{run['id']}/retry")).raise_for_status().json()["id"]
    retried = await guarded.district.watch(again, states=STOPPED, seconds=30)
    assert (retried["state"], retried["counts"]["invalid"]) == ("failed", ROWS)


@pytest.mark.parametrize("guarded", [{"roster": "full"}], indirect=True)
async def test_a_file_in_which_nobody_can_be_told_marks_nobody_without_a_yes(
    guarded: Guarded, file: Path, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.csv"
    header, *rows = file.read_text(encoding="utf-8").splitlines()
    torn.write_text("\r\n".join([header, *(row.replace(",", ";") for row in rows), ""]), encoding="utf-8", newline="")
    before = await writes(guarded.district)

    run = await guarded.district.watch(
        (await guarded.district.upload(guarded.connection, torn))["id"], states=STOPPED, seconds=30
    )

    assert (run["state"], run["counts"]["invalid"], run["counts"]["missing"]) == ("needs_approval", ROWS, ROWS)
    assert "guard.all_invalid" in codes(run["reasons"])
    assert await writes(guarded.district) == before


@pytest.mark.parametrize(
    "guarded", [{"roster": "full", "limits": {"missing_percent": 1, "few": 0}}], ids=["own limits"], indirect=True
)
async def test_the_limits_of_the_connection_count(guarded: Guarded, file: Path, tmp_path: Path) -> None:
    short = write_rows(tmp_path / "short.csv", read(file)[2:])
    await guarded.stopped(short, "guard.too_many_missing")


async def test_a_required_column_gone_fails_the_run(guarded: Guarded, file: Path, tmp_path: Path) -> None:
    rows = read(file)
    before = await writes(guarded.district)
    lost = write_rows(tmp_path / "lost.csv", rows, columns=[name for name in rows[0] if name != "Birth Date"])

    run = await guarded.district.watch((await guarded.district.upload(guarded.connection, lost))["id"])

    assert (run["state"], run["error"]["code"]) == ("failed", "mapping.column_missing")
    assert "Birth Date" in run["error"]["message"]
    assert run["error"]["fix"]
    assert await writes(guarded.district) == before


async def test_the_header_row_gone_fails_the_run_and_quotes_nobody(
    guarded: Guarded, file: Path, tmp_path: Path
) -> None:
    before = await writes(guarded.district)
    headless = tmp_path / "headless.csv"
    headless.write_bytes(file.read_bytes().partition(b"\r\n")[2])

    run = await guarded.district.watch((await guarded.district.upload(guarded.connection, headless))["id"])

    assert run["state"] == "failed"
    assert run["error"]["code"] in ("file.unnamed_column", "mapping.column_missing")
    assert run["error"]["fix"]
    first = read(file)[0]
    assert not [text for text in (first["First Name"], first["Birth Date"]) if text in run["error"]["message"]]
    assert await writes(guarded.district) == before
