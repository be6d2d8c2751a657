"""Leases, outboxes, runs, buckets, records, artifacts, triggers, failed messages and mappings, on a real database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.envelope import new_id
from shared.model import run as model
from shared.model.codes import CodePair, CodeTableDraft
from shared.model.errors import Conflict, NotFound, Unavailable
from shared.model.mapping import MappingDraft
from shared.model.record import Action, Outcome, Problem
from shared.model.run import RunState, Trigger
from shared.store import records as kept
from shared.store.buckets import Entries, _open, _seal, bucket_of, state_id
from shared.store.database import Store
from shared.store.failed import DeadLetter, Selection
from shared.store.records import RecordResult, Wanted
from shared.store.runs import stream_id
from shared.store.slices import Slice, SliceState
from shared.store.triggers import Due
from tests.integration.enroll_runs import DAILY, DRAFT, KEY, NOW, make_connection, make_run, message
from tests.integration.store_site import at_once, store

__all__ = ["store"]

STATE = state_id("con_1", "import", "students", 2026)
STREAM = stream_id("con_1", "import", "students")
RUN = make_run(id="run_1")
TABLE = CodeTableDraft(pairs=(CodePair(sis="1", enroll="W"),))
SLICE = Slice("run_1", 0, 0, 255, 1, SliceState.STAGED, "x")
STAGED = [SliceState.STAGED]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(["a.b", "$set", "\0", "", "é"])


async def test_a_lease_has_one_winner_and_is_taken_over_after_its_end(store: Store) -> None:
    slices = store.org("o-1").slices
    await slices.add_all([SLICE], 1)
    won = [one for one in await at_once(slices.acquire("run_1", 0, STAGED, f"w{n}", 0.3) for n in range(20)) if one]
    assert len(won) == 1
    await asyncio.sleep(0.4)
    again = [one for one in await at_once(slices.acquire("run_1", 0, STAGED, f"w{n}", 60) for n in range(20)) if one]
    assert len(again) == 1
    assert again[0].fence == won[0].fence + 1
    assert not await slices.renew(won[0], 60)
    assert not await slices.complete(won[0], SliceState.APPLIED, counts={"rows": 9})
    await slices.release(won[0])
    assert await slices.acquire("run_1", 0, STAGED, "w", 60) is None
    assert await slices.complete(again[0], SliceState.COMPARED, counts={"rows": 1}, changes="c")
    found = await slices.get("run_1", 0)
    assert found is not None
    assert (found.state, found.counts, found.changes) == (SliceState.COMPARED, {"rows": 1}, "c")


async def test_an_outbox_is_emptied_of_what_was_sent(store: Store) -> None:
    runs, boxes = store.org("o-1").runs, store.outboxes
    first, second, third = message("a"), message("b"), message("c")
    run = make_run()
    await runs.add(run, [first, second], fingerprint="f")
    ((place, id, waiting),) = await boxes.left_behind(-1)
    assert (place, id, waiting) == ("runs", run.id, [first, second])
    assert await boxes.left_behind(60) == []
    await boxes.sent("runs", run.id, [first, second])
    assert await boxes.left_behind(-1) == []

    await runs.move(run.id, [RunState.PENDING], RunState.STAGING, messages=[first])
    await runs.move(run.id, [RunState.STAGING], RunState.COMPARING, messages=[third])
    await boxes.sent("runs", run.id, [first])
    assert [one[2] for one in await boxes.left_behind(-1)] == [[third]]
    await boxes.sent("runs", run.id, [first])
    assert [one[2] for one in await boxes.left_behind(-1)] == [[third]]
    await runs.move(run.id, [RunState.COMPARING], RunState.APPLYING, messages=[second])
    await boxes.tidy("runs", run.id)
    await boxes.sent("runs", run.id, [second])
    await boxes.sent("runs", run.id, [third])
    await boxes.tidy("runs", run.id)
    assert await boxes.left_behind(-1) == []


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
    assert not await runs.add_begun(make_run(), [], fingerprint="f")
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
    assert await runs.add_begun(brief, [], fingerprint="f")
    last = 0
    for one in (brief, waiting):
        held = await runs.activate(one, "w", 60)
        assert (held is not None) is (one is waiting)
        held = held or await runs.acquire(one.id, [RunState.STAGING], "w", 60)
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


async def test_workers_that_number_runs_in_turn_never_give_a_number_twice(store: Store) -> None:
    workers = [store._open("o-1").runs for _ in range(2)]
    run = make_run(number=0)
    in_turn = [await worker.next_number(run) for worker in (*workers, *workers, workers[0], workers[0])]
    assert in_turn == [1, 2, 3, 4, 5, 6]
    at_once_given = await at_once(worker.next_number(run) for worker in workers * 4)
    assert sorted(at_once_given) == list(range(7, 15))


async def test_only_who_is_first_takes_a_begun_run_and_sends_in_one_write(store: Store) -> None:
    runs = store.org("o-1").runs
    begun, waiting = make_run(number=0), make_run(number=0)
    assert await runs.add_begun(begun, [], fingerprint="f")
    assert await runs.add(waiting, [], fingerprint="f")
    taken = await at_once(runs.begin_sending(begun, f"w{n}", 60, n) for n in range(1, 9))
    (held,) = [one for one in taken if one is not None]
    stored = await runs.get(begun.id)
    assert (held[1], held[0].number, held[0].sending) == (1, stored.number, stored.sending)
    assert (stored.state, stored.sending) == (RunState.STAGING, True)
    assert await runs.begin_sending(waiting, "w", 60, 9) is None
    assert await runs.note(begun.id, 1, {"sending": False})
    assert await runs.move(begun.id, [RunState.STAGING], RunState.CANCELLED)
    assert await runs.begin_sending(begun, "w", 60, 9) is None


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
    same = await runs.same_request(STREAM, "f", [RunState.FAILED])
    assert same is not None
    assert same.id == older.id
    assert await runs.same_request(STREAM, "other", list(RunState)) is None


async def test_what_may_have_sent_something_is_never_cancelled(store: Store) -> None:
    runs = store.org("o-1").runs
    for _ in range(20):
        run = make_run(number=0)
        await runs.add_begun(run, [], fingerprint="f")
        held = await runs.acquire(run.id, [RunState.STAGING], "w", 60)
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


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.dictionaries(texts, st.tuples(texts, texts, st.integers(0, 1), texts, texts), max_size=8))
def test_buckets_take_any_key(entries: Entries) -> None:
    sealed = _seal({7: entries})
    found = _open([{"number": 7, "entries": sealed[7]}])
    assert {key: tuple(entry) for key, entry in found[7].items()} == entries


def _tuples(entries: Entries) -> dict[str, Any]:
    return {key: tuple(entry) for key, entry in entries.items()}


async def test_buckets_are_guarded_by_their_version(store: Store) -> None:
    buckets = store.org("o-1").buckets
    odd: Entries = dict.fromkeys(("a.b", "$set", "\0", "", "日本", "🙂"), ("d", "9", 0, "m"))
    assert await buckets.save(STATE, 5, {0: odd, 255: {}})
    assert not await buckets.save(STATE, 4, {0: {}, 1: {}})
    assert await buckets.save(STATE, 5, {0: odd})
    loaded = await buckets.load(STATE, 0, 254)
    assert set(loaded) == {0, 1}
    assert _tuples(loaded[0]) == odd
    assert await buckets.load(STATE + "1", 0, 255) == {}
    assert sum(await at_once(buckets.save(STATE, n, {9: {"k": (str(n), "", 0, "m")}}) for n in range(1, 11))) >= 1
    assert _tuples((await buckets.load(STATE, 9, 9))[9]) == {"k": ("10", "", 0, "m")}
    assert await buckets.save(STATE, 11, {9: {}, 10: odd}, held={9, 10}), "one was forgotten since it was seen"
    assert not await buckets.save(STATE, 10, {9: odd, 10: {}, 11: {}}, held={9, 10, 11})
    assert _tuples((await buckets.load(STATE, 10, 10))[10]) == odd
    assert await buckets.forget(STATE) == 6
    assert bucket_of("\ud800") in range(256)


def result(row: int, key: str = "k", outcome: Outcome = Outcome.SUCCEEDED) -> RecordResult:
    problems = [Problem("c", "m")] if outcome is Outcome.FAILED else []
    return RecordResult(row, key, Action.UPDATE, outcome, "9", {"a.b": [None, "\0"]}, problems)


async def test_records_are_paged_in_the_order_of_their_rows(store: Store) -> None:
    records = store.org("o-1").records
    rows = [result(n, f"k{n}", Outcome.FAILED if n % 5 == 0 else Outcome.SUCCEEDED) for n in range(500, 0, -1)]
    await records.put(RUN, 1, [*rows, result(0, "gone.$"), result(0, "\0")])
    seen, after = [], None
    while page := await records.page(RUN, after=after, limit=70):
        seen += page
        after = page[-1]["cursor"]
    assert [one["row"] for one in seen] == [*range(1, 501), None, None]
    assert {one["key"] for one in seen[-2:]} == {"gone.$", "\0"}
    assert seen[0]["changes"] == {"a.b": [None, "\0"]}
    failed = await records.page(RUN, Wanted(Outcome.FAILED))
    assert [one["row"] for one in failed] == list(range(5, 501, 5))
    assert failed[0]["problems"][0]["code"] == "c"
    assert await records.count("run_1", "Failed") == 100
    assert await records.page(RUN, Wanted(Outcome.PENDING)) == []


@pytest.mark.parametrize("rows", [0, 40, 3000, 10_000])
async def test_any_filter_finds_what_looking_at_each_would_find(store: Store, rows: int) -> None:
    """`rows` is what the run counts: a retry has few, whose places are those of the run before."""
    records, run = store.org("o-1").records, RUN.model_copy(update={"counts": {"rows": rows}})
    for n in range(0, 3000, 7):
        outcome = Outcome.FAILED if n % 301 == 0 else Outcome.PARTIAL if n == 2 * 301 + 7 else Outcome.SUCCEEDED
        await records.put(run, 1, [result(n, f"k{n % 70}", outcome)])
    whole = [one async for one in records.each(run)]
    assert [one["row"] or 3001 for one in whole] == sorted(one["row"] or 3001 for one in whole)
    assert len(whole) == 429
    for wanted in (
        Wanted(),
        Wanted(Outcome.FAILED),
        Wanted(code="c"),
        Wanted(action=Action.UPDATE),
        Wanted(action=Action.CREATE),
        Wanted(key="k21"),
        Wanted(Outcome.FAILED, key="k0"),
        Wanted(text="K21"),
        Wanted(Outcome.SUCCEEDED, text="k6"),
    ):
        expected = [
            one["cursor"]
            for one in whole
            if wanted.outcome in (None, one["outcome"])
            and wanted.action in (None, one["action"])
            and wanted.key in (None, one["key"])
            and (wanted.text is None or wanted.text.lower() in one["key"])
            and (wanted.code is None or one["problems"])
        ]
        seen: list[str] = []
        while page := await records.page(run, wanted, after=seen[-1] if seen else None, limit=60):
            seen += [one["cursor"] for one in page]
        assert seen == expected, wanted
    without = run.model_copy(update={"counts": {"rows": rows, "update": 0}})
    assert await records.page(without, Wanted(action=Action.UPDATE)) == []


async def test_a_search_looks_at_a_part_and_says_where_to_go_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "PATIENCE", 0)
    monkeypatch.setattr(kept, "FEW", 0)
    records, run = store.org("o-1").records, RUN.model_copy(update={"counts": {"rows": 400}})
    await records.put(run, 1, [replace(result(n, f"k{n}"), label=f"Mara {n % 100}") for n in range(1, 401)])
    seen: list[int] = []
    after, calls = "", 0
    while after or not calls:
        found = await records.look(run, Wanted(text="mara 99"), after=after or None, limit=10)
        seen += [one["row"] for one in found.records]
        after, calls = found.goes_on, calls + 1
    assert (seen, calls > 2) == ([99, 199, 299, 399], True)
    full = await records.look(run, Wanted(text="mara"), after=None, limit=10)
    assert ([one["label"] for one in full.records], full.goes_on) == ([f"Mara {n}" for n in range(1, 11)], "")


async def test_a_record_put_again_is_replaced_unless_a_higher_fence_wrote_it(store: Store) -> None:
    records = store.org("o-1").records
    for fence, outcome in ((2, "Failed"), (2, "Succeeded"), (1, "Failed"), (3, "Partial Sync")):
        await records.put(RUN, fence, [result(2, outcome=Outcome(outcome)), result(10 + fence)])
        (first, *_) = await records.page(RUN)
        assert first["outcome"] == ("Succeeded" if fence == 1 else outcome)
    await records.put(RUN, 1, [])


async def test_artifacts(store: Store) -> None:
    artifacts = store.org("o-1").artifacts

    async def pieces(fail: bool) -> AsyncIterator[bytes]:
        yield b"one "
        yield b"two"
        if fail:
            raise LookupError

    assert await artifacts.get(await artifacts.put_stream("upload", pieces(False))) == b"one two"
    big = bytes(range(256)) * 10_000
    assert await artifacts.get(await artifacts.put("stage", "r", big)) == big
    assert await artifacts.get(await artifacts.put("stage", "r", b"")) == b""
    before = await store._across("artifacts").count({})
    with pytest.raises(LookupError):
        await artifacts.put_stream("upload", pieces(True))
    assert await store._across("artifacts").count({}) == before
    for id in ("", "upload_1", "upload_1/", "../x"):
        with pytest.raises(NotFound):
            await artifacts.get(id)


async def test_a_trigger_fires_once(store: Store) -> None:
    due = Due(make_connection(), "import", DAILY, "2026-02-01", NOW)
    assert sum(await at_once(store.triggers.claim(due, 30) for _ in range(20))) == 1
    assert not await store.triggers.seen(due.id)
    await asyncio.sleep(0.05)
    assert sum(await at_once(store.triggers.claim(due, 0.02) for _ in range(5))) >= 1
    await store.triggers.close(due.id, outcome="emitted", why="", run="run_1")
    assert await store.triggers.seen(due.id)
    assert not await store.triggers.claim(due, 0)


LETTER = DeadLetter(
    *("msg_1", "t.v1", "k", "x", "{}", "attempts", "ValueError", "internal", "d", "f"),
    *(6, NOW, NOW + timedelta(hours=1), "o-1", "run_1"),
)


async def test_failed_messages(store: Store) -> None:
    failed = store.failed
    other = replace(LETTER, id="msg_2", type="u.v1", code="c", reason="r", org="o-2", run="run_2")
    for letter in (LETTER, other, LETTER):
        await failed.archive(letter)
    picks = [{"ids": ("msg_2",)}, {"type": "u.v1"}, {"code": "c"}, {"reason": "r"}, {"org": "o-2"}, {"run": "run_2"}]
    for pick in picks:
        assert [one["_id"] for one in await failed.find(Selection(**pick))] == ["msg_2"]  # type: ignore[arg-type]
    assert len(await failed.find(Selection())) == 2
    sent = message("msg_1")
    assert sum(await at_once(failed.replay("msg_1", sent, by="op", why="w") for _ in range(10))) == 1
    assert not await failed.discard("msg_1", by="op", why="w")
    assert [one[2] for one in await store.outboxes.left_behind(-1)] == [[sent]]
    await failed.archive(LETTER)  # the same death told twice
    assert [one["_id"] for one in await failed.find(Selection())] == ["msg_2"]
    await failed.archive(replace(LETTER, last_failed=NOW + timedelta(hours=2)))  # dead again
    assert len(await failed.find(Selection())) == 2
    assert sum(await at_once(failed.discard("msg_2", by="op", why="w") for _ in range(10))) == 1
    assert [one["_id"] for one in await failed.find(Selection(), state="discarded")] == ["msg_2"]


async def test_mapping_versions_are_never_given_twice(store: Store) -> None:
    mappings = store.org("o-1").mappings
    made = await at_once(mappings.add(DRAFT, "con_1", "students", "u") for _ in range(6))
    assert sorted(one.version for one in made) == [1, 2, 3, 4, 5, 6]
    assert (await mappings.latest("con_1", "students")).version == 6
    assert [one.version for one in await mappings.versions("con_1", "students")] == [6, 5, 4, 3, 2, 1]


async def test_of_those_who_began_from_one_version_one_saves(store: Store) -> None:
    mappings, tables = store.org("o-1").mappings, store.org("o-1").code_tables
    for base in range(3):
        made = await asyncio.gather(
            *(mappings.add(DRAFT, "con_1", "students", "u", base) for _ in range(8)), return_exceptions=True
        )
        assert [one.version for one in made if not isinstance(one, BaseException)] == [base + 1]
        assert [one.code for one in made if isinstance(one, Conflict)] == ["saved.newer"] * 7
    with pytest.raises(Conflict, match="no version 9"):
        await mappings.add(DRAFT, "con_1", "students", "u", 9)
    assert (await tables.add(TABLE, "con_1", "Race", "u", 0)).version == 1
    with pytest.raises(Conflict, match="saved by u"):
        await tables.add(TABLE, "con_1", "Race", "u", 0)


async def test_match_codes_may_hold_any_text(store: Store) -> None:
    codes = {"a.b": "1", "$set": "2", "": "3", "x\0y": "4", "ü": "5"}
    draft = MappingDraft.model_validate(
        {"fields": [{"type": "match_codes", "target": KEY, "source": "ID", "codes": codes}]}
    )
    made = await store.org("o-1").mappings.add(draft, "con_1", "students", "u")
    assert await store.org("o-1").mappings.get(made.id) == made


async def test_a_connection_name_is_taken_once(store: Store) -> None:
    connections = store.org("o-1").connections
    await connections.add(make_connection(), None)
    with pytest.raises(Conflict):
        await connections.add(make_connection(id=new_id("con")), None)


async def test_a_database_that_is_away_is_named_without_its_address() -> None:
    away = Store("mongodb://user:s3cret@127.0.0.1:9/?serverSelectionTimeoutMS=100", "x")
    try:
        with pytest.raises(Unavailable) as caught:
            await away.org("o-1").runs.get("run_1")
        assert "s3cret" not in str(caught.value)
        assert "127.0.0.1" not in str(caught.value)
    finally:
        away.close()
