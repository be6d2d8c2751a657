"""Leases, outboxes, buckets, artifacts, triggers, failed messages and mappings, on a real database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.contracts.envelope import new_id
from shared.model.codes import CodePair, CodeTableDraft
from shared.model.errors import Conflict, NotFound, Unavailable
from shared.model.mapping import MappingDraft
from shared.model.run import RunState
from shared.store.buckets import Entries, _open, _seal, bucket_of, state_id
from shared.store.database import Store
from shared.store.failed import DeadLetter, Selection
from shared.store.slices import Slice, SliceState
from shared.store.triggers import Due
from tests.integration.enroll_runs import DAILY, DRAFT, KEY, NOW, make_connection, make_run, message
from tests.integration.store_site import at_once, store

__all__ = ["store"]

STATE = state_id("con_1", "import", "students", 2026)
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
    later = NOW + timedelta(hours=2)
    await failed.archive(replace(LETTER, first_failed=later, last_failed=later))  # dead again
    await failed.archive(replace(LETTER, id="msg_3", first_failed=NOW + timedelta(hours=1), last_failed=later))
    found = [one["_id"] for one in await failed.find(Selection())]
    assert (set(found[:2]), found[2:]) == ({"msg_1", "msg_2"}, ["msg_3"]), "it stands where it stood"
    (again,) = await failed.find(Selection(("msg_1",)))
    assert (again["first_failed"], again["last_failed"]) == (NOW, later)
    assert [(act["state"], act["at"]) for act in again["acts"][1:]] == [("returned", NOW + timedelta(hours=2))]
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
