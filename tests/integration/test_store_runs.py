"""Runs on a real database: one at work in a stream, their numbers, steps, and who has been before whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.contracts.envelope import new_id
from shared.model import run as model
from shared.model.errors import NotFound
from shared.model.run import RunState, Trigger
from shared.store.database import Store
from shared.store.runs import stream_id
from tests.integration.enroll_runs import NOW, make_run
from tests.integration.store_site import at_once, store

__all__ = ["store"]

STREAM = stream_id("con_1", "import", "students")


async def test_one_run_of_a_stream_is_active_and_numbers_grow(store: Store) -> None:
    runs = store.org("o-1").runs
    made = [make_run(number=0) for _ in range(12)]
    assert all(await at_once(runs.add(run, [], fingerprint="f") for run in made))
    assert not await runs.add(made[0], [], fingerprint="f")
    assert {(await runs.get(run.id)).number for run in made} == {0}
    assert sum(bool(one) for one in await at_once(runs.activate(run, "w", 60) for run in made)) == 1
    active = await runs.active(STREAM)
    assert active is not None
    waiting = await runs.oldest_waiting(STREAM)
    assert waiting is not None
    assert not await runs.activate(waiting, "w", 60)
    assert await runs.add_held(make_run(), "w", 60, fingerprint="f") is None
    assert await runs.move(active.id, [RunState.STAGING], RunState.FAILED)
    assert await runs.activate(waiting, "w", 60)
    assert not await runs.reopen(active.id, RunState.APPLYING)


async def test_a_run_that_waits_for_a_person_holds_no_stream_and_goes_on_only_while_nobody_does(store: Store) -> None:
    runs = store.org("o-1").runs
    waits, other = make_run(number=0), make_run(number=0)
    for one in (waits, other):
        await runs.add(one, [], fingerprint="f")
    await runs.activate(waits, "w", 60)
    assert await runs.undecided(STREAM) == []
    assert await runs.move(waits.id, [RunState.STAGING], RunState.NEEDS_APPROVAL)
    assert [one.id for one in await runs.undecided(STREAM)] == [waits.id]
    assert await runs.active(STREAM) is None
    assert await runs.activate(other, "w", 60)
    assert not await runs.move(waits.id, [RunState.NEEDS_APPROVAL], RunState.APPLYING)
    assert (await runs.get(waits.id)).state is RunState.NEEDS_APPROVAL
    assert await runs.move(other.id, [RunState.STAGING], RunState.FAILED)
    assert await runs.move(waits.id, [RunState.NEEDS_APPROVAL], RunState.APPLYING)
    active = await runs.active(STREAM)
    assert active is not None
    assert active.id == waits.id


async def test_what_overtook_a_run_is_named_begun_since_and_not_cancelled(store: Store) -> None:
    runs = store.org("o-1").runs

    async def add(number: int, *registrations: str, state: RunState = RunState.SUCCEEDED, **more: Any) -> None:
        run = make_run(number=number, state=state, **more, selection=model.Selection(registrations=registrations))
        await runs.add(run, [], fingerprint="f")

    await add(3, "before")
    await add(4, "a", "b")
    await add(5, "a", "c", state=RunState.FAILED)
    await add(6, "cancelled", state=RunState.CANCELLED)
    await add(7)
    await add(8, "old rows again", as_of=2)
    await add(10, "after")
    approved = make_run(number=9, compared_as=3, as_of=3)
    assert await runs.overtaking(approved) == {"a", "b", "c"}
    stopped = approved.model_copy(update={"stopped_at": NOW})
    await add(2, "replayed", ended_at=NOW + timedelta(seconds=1))
    await add(1, "long over", ended_at=NOW - timedelta(seconds=1))
    assert await runs.overtaking(stopped) == {"a", "b", "c", "replayed"}


async def test_who_has_written_since_a_run_stopped_has_something_to_apply_and_has_ended(store: Store) -> None:
    runs, after = store.org("o-1").runs, NOW + timedelta(seconds=1)
    waits = make_run(stopped_at=NOW, state=RunState.NEEDS_APPROVAL)
    others: list[dict[str, Any]] = [
        {"ended_at": after},
        {"ended_at": NOW - timedelta(seconds=1), "to_apply": [0]},
        {"ended_at": None, "state": RunState.APPLYING, "to_apply": [0]},
        {"ended_at": after, "to_apply": [0], "selection": model.Selection(registrations=("1",))},
    ]
    for one in others:
        await runs.add(make_run(**{"state": RunState.FAILED, **one}), [], fingerprint="f")
    assert await runs.written_since(waits) is None
    replayed = make_run(state=RunState.PARTIAL, ended_at=after, to_apply=[0])
    await runs.add(replayed, [], fingerprint="f")
    found = await runs.written_since(waits)
    assert found is not None
    assert found.id == replayed.id


async def test_runs_are_numbered_as_they_begin_each_once_and_under_its_lease(store: Store) -> None:
    runs = store.org("o-1").runs
    waiting, brief = make_run(number=0), make_run(number=0)
    await runs.add(waiting, [], fingerprint="f")
    begun = await runs.add_held(brief, "w", 60, fingerprint="f")
    last = 0
    for one in (brief, waiting):
        held = await runs.activate(one, "w", 60)
        assert (held is not None) is (one is waiting)
        held = held or begun
        assert held is not None
        run, fence = held
        assert (run.state, fence, run.number) == (RunState.STAGING, 1, 0)
        assert await runs.acquire(one.id, [RunState.STAGING], "w2", 60) is None
        assert await runs.numbered(run, fence - 1) is None
        numbered = await runs.numbered(run, fence)
        assert numbered is not None
        assert numbered.number == (await runs.get(one.id)).number > last
        assert await runs.numbered(numbered, fence) == numbered
        last = numbered.number
        await runs.move(one.id, [RunState.STAGING], RunState.SUCCEEDED)


async def test_a_run_is_the_next_unless_another_has_begun_or_was_replayed(store: Store) -> None:
    ours, theirs = (store._open("o-1").runs for _ in range(2))
    run, failed = make_run(number=0), make_run(number=0, state=RunState.PARTIAL)

    async def is_next(number: int) -> bool:
        return await ours.is_next(run.model_copy(update={"number": number}))

    assert not await is_next(1), "nobody has counted yet"
    assert await ours.next_number(run) == 1
    assert [await is_next(number) for number in (1, 3, 2, 2, 3)] == [False, False, True, False, True]
    assert await theirs.next_number(run) == 4
    assert not await is_next(4)
    assert await is_next(5)
    await ours.add(failed, [], fingerprint="f")
    assert await theirs.reopen(failed.id, RunState.APPLYING)
    assert not await is_next(6)
    assert await ours.next_number(run) == 7


async def test_workers_that_number_runs_in_turn_never_give_a_number_twice(store: Store) -> None:
    workers = [store._open("o-1").runs for _ in range(2)]
    run = make_run(number=0)
    in_turn = [await worker.next_number(run) for worker in (*workers, *workers, workers[0], workers[0])]
    assert in_turn == [1, 2, 3, 4, 5, 6]
    at_once_given = await at_once(worker.next_number(run) for worker in workers * 4)
    assert sorted(at_once_given) == list(range(7, 15))


@pytest.mark.parametrize("same", [True, False])
async def test_of_runs_that_are_to_begin_at_once_one_is_stored_and_held(same: bool, store: Store) -> None:
    runs, one = store.org("o-1").runs, make_run(number=0)
    asked = [one if same else make_run(number=0) for _ in range(8)]
    taken = await at_once(runs.add_held(run, "w", 60, fingerprint="f") for run in asked)
    (held,) = [one for one in taken if one is not None]
    assert (held[1], held[0].state, (await runs.get(held[0].id)).state) == (1, RunState.STAGING, RunState.STAGING)
    assert len(await runs.page()) == 1
    assert await runs.acquire(held[0].id, [RunState.STAGING], "w2", 60) is None
    assert await runs.note(held[0].id, held[1], {"sending": True})


async def test_what_joins_a_run_before_it_begins_is_part_of_it(store: Store) -> None:
    runs = store.org("o-1").runs
    about = {"trigger": Trigger(kind="event", by="u"), "selection": model.Selection(registrations=("1",))}
    run = make_run(number=0).model_copy(update=about)
    await runs.add(run, [], fingerprint="f")
    read = await runs.get(run.id)
    assert await runs.widen(STREAM, run.mapping, run.school_year, ["2"])
    held = await runs.activate(read, "w", 60)
    assert held is not None
    assert (held[0].state, held[0].selection.registrations) == (RunState.STAGING, ("1", "2"))
    assert await runs.widen(STREAM, run.mapping, run.school_year, ["3"]) is None


async def test_a_run_is_under_way_where_its_connection_has_one_that_has_not_ended(store: Store) -> None:
    runs = store.org("o-1").runs
    run = make_run()
    await runs.add(run, [], fingerprint="f")
    assert await runs.under_way(run.connection)
    assert not await runs.under_way(run.connection[:-1])
    assert not await runs.under_way(f"{run.connection}0")
    await runs.move(run.id, [RunState.PENDING], RunState.CANCELLED)
    assert not await runs.under_way(run.connection)


async def test_the_state_machine_refuses_other_steps(store: Store) -> None:
    runs = store.org("o-1").runs
    run = make_run()
    await runs.add(run, [], fingerprint="f")
    assert not await runs.move(run.id, [RunState.COMPARING], RunState.APPLYING)
    assert not await runs.move(run.id, [RunState.PENDING], RunState.STAGING, fence=7)
    assert await runs.activate(run, "w", 60)
    assert not await runs.activate(run, "w", 60)
    assert not await runs.reopen(run.id, RunState.APPLYING)
    assert await runs.move(run.id, [RunState.STAGING], RunState.PARTIAL)
    assert (await runs.get(run.id)).ended_at
    assert await runs.reopen(run.id, RunState.APPLYING)
    assert (await runs.get(run.id)).ended_at is None
    assert [one.id for one in await runs.page()] == [run.id]


async def test_which_run_is_the_latest_and_which_was_asked_for_before(store: Store) -> None:
    runs = store.org("o-1").runs
    for _ in range(2):
        await runs.add(make_run(number=0), [], fingerprint="f")
    for number, waiting in enumerate(await runs.page(), 1):
        await runs.activate(waiting, "w", 60)
        await runs.note(waiting.id, 1, {"number": number})
        await runs.move(waiting.id, [RunState.STAGING], RunState.FAILED)
    older, newer = sorted(await runs.page(), key=lambda one: one.number)
    assert await runs.is_latest(older)
    await runs.move(newer.id, [RunState.FAILED], RunState.APPLYING)
    assert not await runs.is_latest(older)
    assert await runs.is_latest(newer)
    unnumbered = older.model_copy(update={"number": 0})
    assert not await runs.is_latest(unnumbered)
    assert await runs.is_latest(unnumbered.model_copy(update={"started_at": newer.started_at}))
    assert not await runs.is_latest(unnumbered.model_copy(update={"started_at": None}))
    about = {"source": model.SourceSpec(kind="undo", run=older.id), "preview": True, "state": RunState.SUCCEEDED}
    await runs.add(make_run(number=3, counts={"rows": 2, "invalid": 2}, **about), [], fingerprint="u")
    assert await runs.is_latest(newer), "a preview of an undo that leaves all alone has brought nothing newer"
    await runs.add(make_run(number=4, counts={"rows": 2, "unchanged": 2}, **about), [], fingerprint="u")
    assert not await runs.is_latest(newer)
    same = await runs.same_request(STREAM, "f", [RunState.FAILED])
    assert same is not None
    assert same.id == older.id
    assert await runs.same_request(STREAM, "other", list(RunState)) is None


async def test_what_may_have_sent_something_is_never_cancelled(store: Store) -> None:
    runs = store.org("o-1").runs
    for _ in range(20):
        run = make_run(number=0)
        held = await runs.add_held(run, "w", 60, fingerprint="f")
        assert held is not None
        cancelled, begun = await at_once(
            [
                runs.move(run.id, [RunState.STAGING], RunState.CANCELLED),
                runs.note(held[0].id, held[1], {"sending": True}),
            ]
        )
        found = await runs.get(run.id)
        assert bool(cancelled) is (found.state is RunState.CANCELLED) is not begun is found.sending
        await runs.move(run.id, [RunState.STAGING], RunState.SUCCEEDED)


def told_at(at: datetime, of: str, **more: Any) -> model.Run:
    """The run of an event that says it is of that time."""
    return make_run(id=new_id("run", at=at, of=of), **more)


YEARS_BACK, NEXT_YEAR = datetime(1969, 7, 20, tzinfo=UTC), NOW + timedelta(days=365)


async def test_runs_are_listed_by_when_they_were_asked_for_whatever_the_time_of_their_event(store: Store) -> None:
    runs = store.org("o-1").runs
    times = [NOW, NEXT_YEAR, YEARS_BACK, NOW - timedelta(days=3), NOW]
    asked = [told_at(at, str(n), created_at=NOW + timedelta(minutes=n)) for n, at in enumerate(times)]
    for run in asked:
        assert await runs.add(run, [], fingerprint="f")
        assert not await runs.add(run, [], fingerprint="f"), "the same event again"
    newest_first = [run.id for run in reversed(asked)]

    assert [run.id for run in await runs.page()] == newest_first
    assert [run.id for run in await runs.asked_since(NOW)] == newest_first
    since, until = asked[1].created_at, asked[4].created_at
    assert [run.id for run in await runs.page(since=since, until=until)] == newest_first[1:4]
    assert [run.id for run in await runs.page(since=since, until=until, before=asked[3].id)] == newest_first[2:4]
    assert await runs.page(until=asked[0].created_at, before=asked[3].id) == []


async def test_no_run_is_listed_twice_or_never_where_many_were_asked_for_at_once(store: Store) -> None:
    runs = store.org("o-1").runs
    for n in range(7):
        await runs.add(told_at(NOW - timedelta(days=n % 3), str(n), created_at=NOW), [], fingerprint="f")
    await runs.add(make_run(created_at=NOW - timedelta(seconds=1)), [], fingerprint="f")
    every, met, before = [run.id for run in await runs.page()], list[str](), None
    while found := await runs.page(before=before, limit=2):
        met += [run.id for run in found]
        before = met[-1]
    assert met == every
    assert len(set(met)) == 8
    with pytest.raises(NotFound):
        await runs.page(before="run_nobody")


async def test_who_was_asked_for_first_begins_first_whatever_the_time_of_the_event(store: Store) -> None:
    runs = store.org("o-1").runs
    first = told_at(NEXT_YEAR, "1", number=0)
    second = told_at(YEARS_BACK, "2", number=0, created_at=NOW + timedelta(minutes=1))
    for run in (second, first):
        await runs.add(run, [], fingerprint="f")
    waiting = await runs.oldest_waiting(STREAM)
    joined = await runs.same_request(STREAM, "f", [RunState.PENDING])
    assert (waiting and waiting.id, joined and joined.id) == (first.id, first.id)
