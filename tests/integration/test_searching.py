"""Search in what is planned: change sets are looked at one after the other, and the next call goes on behind them."""

from dataclasses import replace

import pytest

from shared.engine import changes as changesets
from shared.engine import pending
from shared.engine.reached import not_reached, reached
from shared.engine.searching import named, page, search
from shared.model.record import Action, Change, Outcome
from shared.model.run import RunState
from shared.store.buckets import bucket_of, state_id
from shared.store.database import Store
from shared.store.records import EVERY, RecordResult, Wanted
from shared.store.slices import Slice, SliceState
from tests.integration.enroll_runs import make_connection, make_run
from tests.integration.store_site import store

__all__ = ["store"]

RUN = make_run(state=RunState.NEEDS_APPROVAL)
SLICES = 4
PEOPLE = ((Action.CREATE, "Mara Torres"), (Action.UPDATE, "José Diaz"), (Action.ADOPT, "Mara Ito"))


BEFORE = {Action.UPDATE: {"a": "old"}}


async def planned(store: Store) -> None:
    """One student of each name in every slice, and one who is only remembered."""
    org = store.org(RUN.org)
    slices = [Slice(RUN.id, n, 64 * n, 64 * n + 63, 2, SliceState.STAGED, "x") for n in range(SLICES)]
    await org.slices.add_all(slices, 1)
    for n in range(SLICES):
        keys = [key for key in map(str, range(2000)) if 64 * n <= bucket_of(key) < 64 * n + 64][:3]
        told = zip(
            keys, (Action.CREATE, Action.UPDATE, Action.ADOPT), ("Mara Torres", "José Diaz", "Mara Ito"), strict=True
        )
        changes = [
            Change(key, what, int(key) + 2, {"a": f"v{n}"}, BEFORE.get(what, {}), None, "d", "m", label=label)
            for key, what, label in told
        ]
        held = await org.slices.acquire(RUN.id, n, [SliceState.STAGED], "w", 60)
        assert held is not None
        stored = await org.artifacts.put("changes", RUN.id, changesets.pack(changes))
        await org.slices.complete(held, SliceState.COMPARED, counts={}, changes=stored)


async def found(store: Store, text: str, **more: Action) -> tuple[list[tuple[str, str]], int]:
    """Label and cursor of each, and how many calls it took."""
    seen: list[tuple[str, str]] = []
    after, calls = "", 0
    while after or not calls:
        assert calls < 10
        wanted = Wanted(Outcome.PENDING, text=text, **more)
        looked = await search(store.org(RUN.org), RUN, wanted, after=after or None, limit=50)
        seen += [(one["label"], one["cursor"]) for one in looked.records]
        after, calls = looked.goes_on, calls + 1
    return seen, calls


@pytest.mark.parametrize(("patience", "calls"), [(60, 1), (0, SLICES)])
async def test_all_of_it_is_found_in_as_many_calls_as_it_takes(
    store: Store, monkeypatch: pytest.MonkeyPatch, patience: float, calls: int
) -> None:
    monkeypatch.setattr(pending, "PATIENCE", patience)
    await planned(store)
    maras = [("Mara Torres", f"{n}:0") for n in range(SLICES)]
    assert await found(store, "TORRES mara") == (maras, calls + (calls > 1))
    assert (await found(store, "jose", action=Action.UPDATE))[0] == [("José Diaz", f"{n}:1") for n in range(SLICES)]
    assert (await found(store, "v2"))[0] == [("Mara Torres", "2:0"), ("José Diaz", "2:1")]
    assert (await found(store, "jose", action=Action.CREATE))[0] == []


async def test_a_name_is_found_in_the_state_of_every_year(store: Store) -> None:
    connection = make_connection(id="con_1", org=RUN.org)
    buckets = store.org(RUN.org).buckets
    for year, label in ((2025, "Mara Torres"), (2026, "Ana Torres")):
        state = state_id("con_1", "import", "students", year)
        assert await buckets.save(state, 1, {7: {f"S-{year}": ("d", "9", 0, "m", label), "old": ("d", "", 0, "m")}})
    other = state_id("con_1", "import", "students_of_another_kind", 2026)
    assert await buckets.save(other, 1, {7: {"S-9": ("d", "9", 0, "m", "Leo Torres")}})
    org = store.org(RUN.org)
    assert {one.key for one in await named(org, [connection], "import", "students", "tor")} == {"S-2025", "S-2026"}
    assert [one.label for one in await named(org, [connection], "import", "students", "torres an")] == ["Ana Torres"]
    assert await named(org, [connection], "export", "students", "torres") == []
    assert await named(org, [connection], "import", "students", " ") == []


async def test_a_slice_that_fails_counts_what_it_had_done_and_what_it_did_not_reach(store: Store) -> None:
    await planned(store)
    org = store.org(RUN.org)
    first, second = (one["key"] for one in await page(org, RUN, Wanted(Outcome.PENDING), after=None, limit=2))
    told = [(first, Action.CREATE, Outcome.PARTIAL), (second, Action.UPDATE, Outcome.FAILED)]
    slice = await org.slices.get(RUN.id, 0)
    assert slice is not None
    assert (await reached(org, RUN, slice))["stopped"] == len(told)
    for done, (key, action, outcome) in enumerate(told, 1):
        await org.records.put(RUN, 1, [RecordResult(int(key) + 2, key, action, outcome, "9", {}, ())])
        counts = await reached(org, RUN, slice)
        assert (counts["created"], counts["partial"], counts["failed"]) == (1, 1, done - 1)
        assert counts["stopped"] == len(told) - done
    assert await org.slices.fail(slice, SliceState.COMPARED, {"code": "c"}, counts=counts)
    found = await org.slices.get(RUN.id, 0)
    assert found is not None
    assert found.counts["created"] == 1
    assert (not_reached(found), not_reached(replace(slice, counts={"create": 1, "missing": 2}))) == (0, 3)
    assert await reached(org, RUN, replace(slice, changes="")) == {}


async def test_of_a_failed_run_what_is_planned_is_shown_but_for_what_was_answered(store: Store) -> None:
    await planned(store)
    org, run = store.org(RUN.org), RUN.model_copy(update={"state": RunState.PARTIAL})
    every = [one["key"] for one in await page(org, run, EVERY, after=None, limit=50)]
    assert len(every) == 2 * SLICES
    for number in (0, 1):
        slice = await org.slices.get(RUN.id, number)
        assert slice is not None
        assert await org.slices.fail(slice, SliceState.COMPARED, {"code": "c", "message": "m", "fix": ""})
    sent = RecordResult(int(every[0]) + 2, every[0], Action.CREATE, Outcome.SUCCEEDED, "9", {}, ())
    await org.records.put(RUN, 1, [sent])

    for limit in (1, 50):
        found: list[tuple[str, str]] = []
        after = None
        while some := await page(org, run, EVERY, after=after, limit=limit):
            found += [(one["key"], one["outcome"]) for one in some]
            after = some[-1]["cursor"]
        assert found == [*((key, "Stopped") for key in every[1:]), (every[0], "Succeeded")]
    stopped = [one["key"] async for one in pending.pending_each(org, run, Wanted(Outcome.STOPPED))]
    assert stopped == every[1:]
    for outcome in (Outcome.PENDING, Outcome.CANCELLED):
        assert await page(org, run, Wanted(outcome), after=None, limit=50) == []
    assert await page(org, RUN, Wanted(Outcome.STOPPED), after=None, limit=50) == []
    done = run.model_copy(update={"state": RunState.SUCCEEDED})
    assert [one["key"] for one in await page(org, done, EVERY, after=None, limit=50)] == [every[0]]
