"""Sync Logs: runs by data type and day, who asked for them, what a waiting one would do, and how long it waited."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from devtools.district import District
from tests.e2e.files import roster
from tests.e2e.pages.visitor import Visitor

WAITS = frozenset({"needs_approval"})


def shown(page: httpx.Response) -> list[str]:
    table = page.text.partition('aria-label="Runs"')[2].partition("</table>")[0]
    return re.findall(r"<tr [^>]*>(.*?)</tr>", table.partition("<tbody")[2], re.DOTALL)


async def test_runs_are_chosen_by_data_type_and_day_of_the_connection(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    connection = await district.ad_hoc(time_zone="Pacific/Kiritimati")
    run = await district.watch((await district.upload(connection, roster(tmp_path / "a.csv", 20)))["id"])
    at = datetime.fromisoformat(run["created_at"])
    there = (at + timedelta(hours=14)).date()
    page = await visitor.get("/runs")
    assert "Days are those of Pacific/Kiritimati" in page.text
    found = {
        query: len(shown(await visitor.get(f"/runs?{query}")))
        for query in (
            f"since={there}",
            f"since={there}&until={there}&data_type=students&connection={connection}",
            f"until={there - timedelta(days=1)}",
            f"since={there + timedelta(days=1)}",
            "data_type=schools",
            "since=&until=&data_type=",
        )
    }
    assert list(found.values()) == [1, 1, 0, 0, 0, 1], found
    astray = await visitor.get("/runs?since=9999-12-31&data_type=students")
    assert (astray.status_code, astray.headers["location"].partition("&")[0]) == (303, "/runs?data_type=students")

    async def asked(**query: str) -> int:
        return len((await district.api.get("/runs", params=query)).raise_for_status().json())

    assert await asked(since=at.isoformat(), data_type="students") == 1
    assert await asked(since=(at + timedelta(seconds=1)).isoformat()) == 0
    assert await asked(until=at.isoformat()) == 0
    assert await asked(until=(at + timedelta(seconds=1)).astimezone(UTC).isoformat(), data_type="schools") == 0
    for wrong in ("2026-08-01", "2026-08-01T00:00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        assert (await district.api.get("/runs", params={"since": wrong})).status_code == 422, wrong


async def test_a_waiting_run_tells_what_it_would_do_and_its_wait_is_not_its_work(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    connection = await district.ad_hoc()
    run = (await district.upload(connection, roster(tmp_path / "a.csv", 20), preview=True))["id"]
    waiting = await district.watch(run, states=WAITS)
    (row,) = shown(await visitor.get("/runs"))
    assert re.search(r'<td class="num"[^>]*>20 <span class="quiet small">planned', row)
    assert f"by hand, {district.user}<" in row
    assert "(preview)" in row
    page = (await visitor.get(f"/runs/{run}")).text
    assert "<dt>Waited for approval</dt><dd>since" in page
    assert waiting["stopped_at"]
    await district.api.post(f"/runs/{run}/approve")
    done = await district.watch(run)
    stopped, decided = (datetime.fromisoformat(done[name]) for name in ("stopped_at", "decided_at"))
    assert stopped <= decided <= datetime.fromisoformat(done["ended_at"])
    page = (await visitor.get(f"/runs/{run}")).text
    assert re.search(r"<dt>Waited for approval</dt><dd>[0-9.]+ s</dd>", page)
    assert "<dt>Took</dt>" in page
    (row,) = shown(await visitor.get("/runs"))
    assert "planned" not in row
    assert "(preview)" not in row

    retried = (await visitor.post(f"/runs/{run}/undo")).headers["location"].partition("?")[0]
    await district.watch(retried.rpartition("/")[2], states=WAITS)
    undo, _ = shown(await visitor.get("/runs"))
    assert ">Undo of an import, Students, " in undo
    assert f'an undo <a href="/runs/{run}">of an earlier run</a>' in undo
