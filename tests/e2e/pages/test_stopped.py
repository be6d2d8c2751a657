"""A run that has stopped says what is true of it by now: whether anybody can still send it on."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from devtools.district import FULL, District, ok
from devtools.stack import Stack
from shared.model.error_texts import every_text
from tests.e2e.enroll import Faults
from tests.e2e.files import edited, roster
from tests.e2e.operator import failed
from tests.e2e.pages.conftest import in_session
from tests.e2e.pages.visitor import Visitor
from tests.e2e.waiting import until

AWAY = {"path": "batch-upsert", "status": 503}
AN_OPERATOR_CAN = "an operator can send its message again"
WHY = "Enroll is away for the weekend"


@in_session
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    async with District(stack, org, permissions=(*FULL, "Sync Service Operator")) as one:
        yield one


async def stopped(district: District, folder: Path, faults: Faults) -> tuple[dict[str, Any], str]:
    """A run all of whose changes were refused until no attempt was left, and the id of its failed message."""
    connection = await district.ad_hoc()
    first = roster(folder / "first.csv", 10)
    await district.watch((await district.upload(connection, first))["id"])
    await faults({"org": district.org, **AWAY})
    run = await district.watch(
        (await district.upload(connection, edited(first, {3: {"City": "Newtown"}}, "second.csv")))["id"]
    )
    (letter,) = await until(lambda: failed(district.stack, "--run", run["id"]), "the operator sees it")
    await faults()
    return run, letter["id"]


async def test_what_was_discarded_cannot_be_sent_again_and_the_run_says_so(
    visitor: Visitor, district: District, tmp_path: Path, faults: Faults
) -> None:
    run, letter = await stopped(district, tmp_path, faults)
    before = await visitor.get(f"/runs/{run['id']}")
    assert AN_OPERATOR_CAN in before.text

    asked = {"deed": "discard", "ids": [letter], "why": WHY}
    ok(await district.api.post("/failed-messages/decide", json=asked))

    page = (await visitor.get(f"/runs/{run['id']}")).text
    assert AN_OPERATOR_CAN not in page
    assert "An operator discarded its failed message on" in page
    assert (WHY in page, every_text()["run.discarded_letter"].fix in page) == (True, True)
    told = await district.run(run["id"])
    assert (told["given_up"]["how"], told["given_up"]["why"]) == ("discarded", WHY)
    assert told["error"]["code"] == run["error"]["code"]

    assert f'action="/runs/{run["id"]}/retry"' in page
    answer = await visitor.post(f"/runs/{run['id']}/retry")
    again = await district.watch(answer.headers["location"].partition("?")[0].rpartition("/")[2])
    assert (again["state"], again["counts"]["updated"]) == ("succeeded", 1)


async def test_what_a_later_run_has_overtaken_cannot_be_sent_again_and_the_run_says_so(
    visitor: Visitor, district: District, tmp_path: Path, faults: Faults
) -> None:
    run, _ = await stopped(district, tmp_path, faults)
    later = edited(tmp_path / "first.csv", {3: {"City": "Latertown"}}, "later.csv")
    await district.watch((await district.upload(run["connection"], later))["id"])

    page = (await visitor.get(f"/runs/{run['id']}")).text

    assert AN_OPERATOR_CAN not in page
    assert "A later run has applied newer values" in page
    assert every_text()["run.overtaken_letter"].fix in page
    assert (await district.run(run["id"]))["given_up"] == {"how": "overtaken", "at": None, "why": ""}


async def test_a_run_says_what_holds_it_up_and_when_it_is_tried_again_and_which_run_waits_for_it(
    visitor: Visitor, district: District, tmp_path: Path, faults: Faults
) -> None:
    connection = await district.ad_hoc()
    await faults({"org": district.org, "path": "lookup", "status": 503})
    file = roster(tmp_path / "first.csv", 5)
    run = (await district.upload(connection, file))["id"]
    behind = (await district.upload(connection, edited(file, {3: {"City": "Newtown"}}, "second.csv")))["id"]
    seen: dict[str, str] = {}

    async def noted() -> bool:
        for name, path in (("run", f"/runs/{run}"), ("log", "/runs"), ("card", "/"), ("behind", f"/runs/{behind}")):
            text = (await visitor.get(path)).text
            if "Enroll answered 503" in text or f'It begins by itself once <a href="/runs/{run}">' in text:
                seen.setdefault(name, text)
        waits = await district.run(run)
        if waits["waits"]:
            seen.setdefault("api", str(waits["waits"]))
        waiting = await district.run(behind)
        if waiting["state"] == "pending":
            assert waiting["behind"] == run
        return len(seen) == 5 or waits["ended_at"] is not None

    await until(noted, "it is said what holds it up")
    await faults()

    assert set(seen) == {"run", "log", "card", "behind", "api"}
    assert "of 4 did not get through" in seen["run"]
    assert "tried again by itself at" in seen["run"] or "It is being tried again now" in seen["run"]
    assert "'code': 'enroll.unavailable'" in seen["api"]
    for id in (run, behind):
        ended = await district.watch(id)
        assert (ended["waits"], ended["behind"]) == ({}, "")


async def test_what_held_a_run_up_is_not_said_any_more_once_it_goes_on(
    visitor: Visitor, district: District, tmp_path: Path, faults: Faults
) -> None:
    connection = await district.ad_hoc()
    await faults({"org": district.org, "path": "lookup", "status": 429, "retry_after": 0, "times": 1})
    run = (await district.upload(connection, roster(tmp_path / "first.csv", 5), preview="true"))["id"]
    stopped = await district.watch(run, states=frozenset({"needs_approval"}))
    assert (stopped["waits"], "tried again" in (await visitor.get(f"/runs/{run}")).text) == ({}, False)


async def test_of_a_deleted_connection_nothing_is_offered_and_its_records_are_still_explained(
    visitor: Visitor, district: District, tmp_path: Path
) -> None:
    connection = await district.ad_hoc("Gone for good")
    file = edited(roster(tmp_path / "first.csv", 5), {3: {"First Name": ""}})
    run = await district.watch((await district.upload(connection, file))["id"])
    address = f"/runs/{run['id']}"
    before = (await visitor.get(address)).text
    assert [f'action="{address}/{deed}"' in before for deed in ("undo", "retry")] == [True, True]
    ok(await district.api.delete(f"/connections/{connection}"))

    page = (await visitor.get(address)).text

    assert not any(f'action="{address}/{deed}"' in page for deed in ("undo", "retry", "retry/preview"))
    assert f"by {district.user}, so its runs can be looked at, and no longer be undone or retried" in page
    answer = await visitor.post(f"{address}/undo")
    assert answer.status_code == 404
    assert "The connection Gone for good was deleted." in answer.text
    written = next(one for one in await district.records(run["id"]) if one["outcome"] == "Succeeded")
    explained = (await visitor.get(f"/explain?key={written['key']}")).text
    assert "This connection was deleted on" in explained
    assert f'href="{address}"' in explained
    nothing = (await visitor.led("/explain", data_type="students", direction="import", sought="Nobody Known")).text
    assert "What connections that were deleted have written is found by the whole key or ID" in nothing
