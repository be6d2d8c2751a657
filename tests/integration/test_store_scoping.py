"""No repository of one organization reads, changes or deletes what is another's."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.sandbox.district import student_export
from shared.model.codes import CodePair, CodeTableDraft
from shared.model.connection import Schedule
from shared.model.errors import NotFound
from shared.model.export_file import ExportDraft
from shared.model.mapping import MappingDraft
from shared.model.record import Action, Outcome
from shared.model.run import RunState, Wait
from shared.store.buckets import state_id
from shared.store.database import OrgStore, Store
from shared.store.links import Link
from shared.store.records import RecordResult, Wanted
from shared.store.runs import stream_id
from shared.store.slices import Slice, SliceState
from shared.store.triggers import Due
from tests.integration.enroll_runs import DAILY, DRAFT, NOW, make_connection, make_run
from tests.integration.store_site import refused, store

__all__ = ["store"]

CONNECTION = make_connection(id="con_1", org="mine")
RUN = make_run(id="run_1", org="mine", number=0)
STATE = state_id("con_1", "import", "students", 2026)
STREAM = stream_id("con_1", "import", "students")
TABLE = CodeTableDraft(enroll_set="race", pairs=(CodePair(sis="$1.a", enroll="W"),))
EXPORT = ExportDraft.model_validate({"files": [student_export()]})
SCHEDULE = Schedule(school_year=2026, time="02:00", zone="America/Denver")
RESULT = RecordResult(2, "k", Action.CREATE, Outcome.SUCCEEDED, "9", {}, ())
SLICE = Slice("run_1", 0, 0, 255, 1, SliceState.STAGED, "x")


async def connections(mine: OrgStore, other: OrgStore, _: Store) -> None:
    await mine.connections.add(CONNECTION, b"sealed")
    await refused(NotFound, lambda: other.connections.get("con_1"))
    assert await other.connections.find("con_1") is None
    assert await other.connections.all() == []
    assert await other.connections.page() == []
    assert await other.connections.page(search=CONNECTION.name[:3]) == []
    assert [one.id for one in await mine.connections.page(search=CONNECTION.name[:3].upper())] == ["con_1"]
    assert await mine.connections.page(after=CONNECTION.name) == []
    assert await other.connections.named(CONNECTION.name) is None
    assert (await mine.connections.named(CONNECTION.name) or CONNECTION).id == "con_1"
    assert (await other.connections.count(CONNECTION.name), await mine.connections.count(CONNECTION.name)) == (0, 1)
    assert await other.connections.known_of(["con_1"]) == {}
    assert await mine.connections.of_instance(CONNECTION.instance) == ["con_1"], "also once it is deleted"
    assert await other.connections.of_instance(CONNECTION.instance) == []
    assert await mine.connections.of_instance("sandbox") == []
    assert list(await mine.connections.known_of(["con_1", "con_9"])) == ["con_1"]
    assert await other.connections.names() == []
    assert await mine.connections.names() == [(CONNECTION.name, "UTC")]
    await mine.connections.set("con_1", schedule=SCHEDULE.model_dump())
    assert await mine.connections.names() == [(CONNECTION.name, "America/Denver")]
    await mine.connections.set("con_1", schedule=None)
    await refused(NotFound, lambda: other.connections.set("con_1", name="stolen"))
    assert await other.connections.replace(await mine.connections.get("con_1"), name="stolen") is None
    held = await mine.connections.get("con_1")
    assert await mine.connections.replace(held, name=held.name, limits=held.limits.model_dump()) == held
    assert await mine.connections.replace(held.model_copy(update={"name": "older"}), name="stolen") is None
    await refused(NotFound, lambda: other.connections.set_secrets("con_1", b"stolen"))
    assert await other.connections.secrets("con_1") is None
    stored = await mine.connections.get("con_1")
    assert stored.model_dump() == CONNECTION.model_dump()
    assert stored.credentials_id
    assert await mine.connections.secrets("con_1") == b"sealed"
    await other.connections.add(make_connection(org="other"), None)  # names are taken per organization
    await refused(NotFound, lambda: other.connections.delete(CONNECTION, "u"))
    assert await mine.connections.find("con_1") == stored
    await mine.connections.delete(CONNECTION, "u")
    await refused(NotFound, lambda: mine.connections.delete(CONNECTION, "u"))
    await refused(NotFound, lambda: mine.connections.get("con_1"))
    assert await mine.connections.secrets("con_1") is None
    known = await mine.connections.known("con_1")
    assert (known.name, known.kind, known.sftp) == (CONNECTION.name, CONNECTION.kind, None)
    assert [one.id for one in await mine.connections.gone(search=CONNECTION.name[1:])] == ["con_1"]
    assert await mine.connections.gone(search="nowhere") == []
    assert [one.id for one in await mine.connections.gone_last(9)] == ["con_1"]
    assert await other.connections.gone_last(9) == []
    assert list(await mine.connections.known_of(["con_1"])) == ["con_1"]
    assert await other.connections.known_of(["con_1"]) == {}
    await refused(NotFound, lambda: other.connections.known("con_1"))
    assert await other.connections.gone() == []
    await mine.connections.add(make_connection(id="con_3", org="mine"), None)  # the name is free


async def mappings(mine: OrgStore, other: OrgStore, _: Store) -> None:
    made = await mine.mappings.add(DRAFT, "con_1", "students", "u")
    await refused(NotFound, lambda: other.mappings.get(made.id))
    await refused(NotFound, lambda: other.mappings.latest("con_1", "students"))
    await refused(NotFound, lambda: other.mappings.latest_id("con_1", "students"))
    assert await mine.mappings.latest_id("con_1", "students") == made.id
    assert await mine.mappings.newest("con_1", "students", "default") == made
    assert await other.mappings.newest("con_1", "students", "default") is None
    assert await mine.mappings.numbered("con_1", "students", "default", 1) == made
    assert await other.mappings.numbered("con_1", "students", "default", 1) is None
    assert await other.mappings.versions("con_1", "students") == []
    assert (await other.mappings.add(DRAFT, "con_1", "students", "u")).version == 1
    assert await mine.mappings.latest("con_1", "students") == made


async def export_mappings(mine: OrgStore, other: OrgStore, _: Store) -> None:
    made = await mine.export_mappings.add(EXPORT, "con_1", "students", "u")
    await refused(NotFound, lambda: other.export_mappings.get(made.id))
    await refused(NotFound, lambda: mine.mappings.get(made.id))  # nor is it one of an import
    await refused(NotFound, lambda: other.export_mappings.latest("con_1", "students"))
    await refused(NotFound, lambda: other.export_mappings.latest_id("con_1", "students"))
    assert await mine.export_mappings.latest_id("con_1", "students") == made.id
    assert await mine.export_mappings.newest("con_1", "students", "default") == made
    assert await other.export_mappings.newest("con_1", "students", "default") is None
    assert await mine.export_mappings.numbered("con_1", "students", "default", 1) == made
    assert await other.export_mappings.numbered("con_1", "students", "default", 1) is None
    assert await other.export_mappings.versions("con_1", "students") == []
    assert (await other.export_mappings.add(EXPORT, "con_1", "students", "u")).version == 1
    assert (await mine.export_mappings.add(EXPORT, "con_1", "students", "u")).version == 2
    assert (await mine.export_mappings.get(made.id)) == made


async def sis_mappings(mine: OrgStore, other: OrgStore, _: Store) -> None:
    made = await mine.sis_mappings.add(DRAFT, "con_1", "students", "u")
    await refused(NotFound, lambda: other.sis_mappings.get(made.id))
    await refused(NotFound, lambda: mine.mappings.get(made.id))  # nor is it one of an import
    await refused(NotFound, lambda: other.sis_mappings.latest("con_1", "students"))
    await refused(NotFound, lambda: other.sis_mappings.latest_id("con_1", "students"))
    assert await mine.sis_mappings.latest_id("con_1", "students") == made.id
    assert await mine.sis_mappings.newest("con_1", "students", "default") == made
    assert await other.sis_mappings.newest("con_1", "students", "default") is None
    assert await mine.sis_mappings.numbered("con_1", "students", "default", 1) == made
    assert await other.sis_mappings.numbered("con_1", "students", "default", 1) is None
    assert await other.sis_mappings.versions("con_1", "students") == []
    assert (await other.sis_mappings.add(DRAFT, "con_1", "students", "u")).version == 1


async def cursors(mine: OrgStore, other: OrgStore, _: Store) -> None:
    assert await mine.cursors.get(STATE) == ""
    await mine.cursors.set(STATE, "2026-08-01")
    await mine.cursors.set(STATE, "2026-08-02")
    assert await other.cursors.get(STATE) == ""
    assert await mine.cursors.get(STATE) == "2026-08-02"
    await other.cursors.set("another", "2026-08-03")
    assert await mine.cursors.get("another") == ""
    await other.cursors.forget_connection("con_1")
    assert await mine.cursors.get(STATE) == "2026-08-02"
    await mine.cursors.forget_connection("con_1")
    assert await mine.cursors.get(STATE) == ""


async def links(mine: OrgStore, other: OrgStore, _: Store) -> None:
    ours, theirs = mine.links.of("con_1", "run_1"), other.links.of("con_1", "run_1")
    assert await ours.begin(["s1", "s2"]) == set()
    assert await ours.link({"s1": "801"}) == set()
    assert await theirs.known(["s1", "s2"]) == {}
    assert await theirs.holders(["801"]) == {}
    await theirs.drop(["s2"])
    await theirs.forget(["s1"])
    assert await ours.known(["s1", "s2"]) == {"s1": Link("801", True), "s2": Link("", True)}
    assert await mine.links.of("con_1", "run_2").known(["s2"]) == {"s2": Link("", False)}
    assert await ours.link({"s2": "801"}) == {"s2"}  # one student of the SIS has one student of Enroll
    assert await ours.holders(["801"]) == {"801": "s1"}
    assert await ours.begin(["s1", "s3"]) == {"s1"}
    await ours.drop(["s1", "s2", "s3"])  # what is linked stays
    assert await ours.known(["s1", "s2", "s3"]) == {"s1": Link("801", True)}
    assert await other.links.of("con_2", "run_1").link({"s1": "801"}) == set()
    await other.links.forget_connection("con_1")
    assert set(await ours.known(["s1"])) == {"s1"}
    await mine.links.forget_connection("con_1")
    assert await ours.known(["s1"]) == {}


async def code_tables(mine: OrgStore, other: OrgStore, _: Store) -> None:
    made = await mine.code_tables.add(TABLE, "con_1", "Race", "u")
    await refused(NotFound, lambda: other.code_tables.latest("con_1", "Race"))
    assert await mine.code_tables.numbered("con_1", "Race", 1) == made
    assert await other.code_tables.numbered("con_1", "Race", 1) is None
    assert await other.code_tables.all("con_1") == []
    assert (await other.code_tables.add(TABLE, "con_1", "Race", "u")).version == 1
    assert (await mine.code_tables.add(TABLE, "con_1", "Race", "u")).version == 2
    assert (await mine.code_tables.latest("con_1", "Race")).pairs == made.pairs
    assert [one.version for one in await mine.code_tables.all("con_1")] == [2]


async def drafts(mine: OrgStore, other: OrgStore, _: Store) -> None:
    hour, place = timedelta(hours=1), ("u", "con_1", "students")
    await mine.drafts.put(*place, DRAFT, hour)
    assert await other.drafts.get(*place, MappingDraft) is None
    await other.drafts.put(*place, DRAFT.model_copy(update={"name": "theirs"}), hour)
    assert not await other.drafts.replace(*place, None, DRAFT, hour)
    await other.drafts.drop(*place)
    assert not await other.drafts.replace(*place, DRAFT, DRAFT, hour)
    assert await other.drafts.replace(*place, None, DRAFT.model_copy(update={"name": "theirs"}), hour)
    assert await mine.drafts.get(*place, MappingDraft) == DRAFT
    assert await mine.drafts.get("somebody else", "con_1", "students", MappingDraft) is None


async def runs(mine: OrgStore, other: OrgStore, _: Store) -> None:
    assert await mine.runs.add(RUN, [], fingerprint="f")
    held = await mine.runs.activate(RUN, "w", 60)
    assert held is not None
    before = await mine.runs.get(RUN.id)
    every = list(RunState)
    await refused(NotFound, lambda: other.runs.get(RUN.id))
    assert await other.runs.page() == []
    assert await other.runs.page(connection="con_1", data_type="students", since=RUN.created_at) == []
    assert await other.runs.asked_since(RUN.created_at) == []
    for of, but, found in (
        (None, [], [RUN.id]),
        ([RUN.connection], [], [RUN.id]),
        ([RUN.connection, "con_9"], [], [RUN.id]),
        (None, ["con_9"], [RUN.id]),
        ([], [], []),
        (["con_9"], [], []),
        (None, [RUN.connection], []),
    ):
        assert [one.id for one in await mine.runs.asked_since(RUN.created_at, of=of, but=but)] == found
    assert await other.runs.same_request(STREAM, "f", every) is None
    assert await other.runs.active(STREAM) is None
    wait = Wait(code="c", message="m", attempt=1, attempts=6, since=RUN.created_at, next_at=RUN.created_at)
    assert not await other.runs.note_wait(RUN.id, "begin", wait)
    assert await mine.runs.note_wait(RUN.id, "begin", wait)
    assert await mine.runs.note_wait(RUN.id, "begin", wait.model_copy(update={"attempt": 2, "since": None}))
    await other.runs.waits_no_more(RUN.id, "begin")
    assert (await mine.runs.get(RUN.id)).held_up == wait.model_copy(update={"attempt": 2})
    await mine.runs.waits_no_more(RUN.id, "begin")
    assert (await mine.runs.get(RUN.id)).held_up is None
    assert await other.runs.undecided(STREAM) == []
    assert await other.runs.written_since(make_run(org="other")) is None
    assert await other.runs.overtaking(make_run(org="other", number=9)) == frozenset()
    assert await other.runs.oldest_waiting(STREAM) is None
    assert await other.runs.last_compared(STREAM) is None
    assert [one async for one in other.runs.since(make_run(org="other"), -1)] == []
    await refused(NotFound, lambda: other.runs.followed_by(RUN.id, "retry", "run_2"))
    assert await mine.runs.following(await mine.runs.get(RUN.id)) == []
    assert (await mine.runs.under_way("con_1"), await other.runs.under_way("con_1")) == (True, False)
    assert await other.runs.widen(STREAM, "map_1", 2026, ["7"]) is None
    theirs = make_run(id=RUN.id, org="other", connection="con_2", number=0)
    assert await other.runs.activate(RUN, "w", 60) is None
    assert await other.runs.numbered(theirs, held[1]) is None
    assert await other.runs.next_number(theirs) == 2
    assert await other.runs.acquire(RUN.id, every, "w", 60) is None
    assert not await other.runs.renew(RUN.id, held[1], 60)
    await other.runs.release(RUN.id, held[1])
    assert not await other.runs.note(RUN.id, held[1], {"slices": 9})
    assert not await other.runs.move(RUN.id, every, RunState.FAILED, fence=held[1])
    assert not await other.runs.reopen(RUN.id, RunState.APPLYING)
    assert await other.runs.is_latest(before.model_copy(update={"number": 0}))
    assert not await other.runs.add(theirs, [], fingerprint="f")
    assert await other.runs.find(RUN.id) is None
    assert await other.runs.add_held(theirs, "w", 60, fingerprint="f") is None
    begun = make_run(id="run_2", connection="con_3", number=0)
    assert await mine.runs.add_held(begun, "w", 60, fingerprint="f") is not None
    assert await mine.runs.next_number(begun) == 1
    assert not await other.runs.is_next(begun.model_copy(update={"number": 2}))
    theirs_too = ["con_3|import|students", "con_2|import|students"]
    await other.runs.approved(make_run(id="run_9", org="other", connection="con_3"), 1)
    assert [one.id for one in await mine.runs.last_begun(theirs_too)] == [begun.id]
    assert await other.runs.last_begun(theirs_too) == []
    assert await mine.runs.get(RUN.id) == before
    assert await mine.runs.followed_by(RUN.id, "undo", "run_2") == "run_2"
    followed = await mine.runs.get(RUN.id)
    assert [one.id for one in await mine.runs.following(followed)] == ["run_2"]
    assert await other.runs.following(followed) == []
    for number in range(20):
        assert await mine.runs.followed_by(RUN.id, f"retry {number}", f"run_none_{number}") == f"run_none_{number}"
    assert await mine.runs.followed_by(RUN.id, "retry 19", "run_other") == "run_none_19"
    full = await mine.runs.get(RUN.id)
    assert full.followed_by == [f"run_none_{number}" for number in range(20)], "the latest, and none that lost"
    assert await mine.runs.following(full) == []
    assert await mine.runs.acquire(RUN.id, every, "w2", 60) is None  # the lease still stands


async def slices(mine: OrgStore, other: OrgStore, _: Store) -> None:
    await mine.slices.add_all([SLICE], 1)
    held = await mine.slices.acquire("run_1", 0, [SliceState.STAGED], "w", 60)
    assert held is not None
    assert await other.slices.get("run_1", 0) is None
    assert await other.slices.of("run_1") == []
    assert await other.slices.acquire("run_1", 0, list(SliceState), "w", 60) is None
    assert not await other.slices.renew(held, 60)
    await other.slices.release(held)
    assert not await other.slices.complete(held, SliceState.APPLIED, counts={})
    assert not await other.slices.fail(held, SliceState.STAGED, {})
    assert not await other.slices.mend("run_1", 0, SliceState.STAGED)
    assert not await other.slices.unfinished("run_1", list(SliceState))
    assert not await other.slices.add_all([SLICE], 9)
    assert await mine.slices.get("run_1", 0) == held
    assert await mine.slices.acquire("run_1", 0, [SliceState.STAGED], "w2", 60) is None


async def records(mine: OrgStore, other: OrgStore, _: Store) -> None:
    await mine.records.put(RUN, 1, [RESULT])
    before = await mine.records.page(RUN)
    assert await other.records.page(RUN) == []
    assert [one async for one in other.records.each(RUN)] == []
    anybody = Wanted(text="k")
    assert (await other.records.look(RUN, anybody, after=None, limit=9)).records == []
    assert (await mine.records.look(RUN, anybody, after=None, limit=9)).records == before
    assert [one async for one in other.records.written(RUN)] == []
    assert await other.records.history(STREAM, "k", 9) == []
    assert await other.records.key_of(STREAM, "9") == ""
    assert await mine.records.key_of(STREAM, "9") == "k"
    for asked in ({"key": "k"}, {"target_id": "9"}):
        assert await mine.records.streams_of([STREAM, "con_9|import|students"], **asked) == {STREAM}
        assert await other.records.streams_of([STREAM], **asked) == set()
    assert await other.records.count("run_1", "Succeeded") == 0
    assert await other.records.stored(RUN, [(RESULT.row, RESULT.key)]) == set()
    assert await mine.records.stored(RUN, [(RESULT.row, RESULT.key), (99, "k")]) == {(RESULT.row, RESULT.key)}
    assert await other.records.became(RUN, [(RESULT.row, RESULT.key)]) == []
    assert await mine.records.became(RUN, [(RESULT.row, RESULT.key), (99, "k")]) == [(RESULT.action, RESULT.outcome)]
    await other.records.put(RUN, 9, [RecordResult(2, "k", Action.CREATE, Outcome.FAILED, "x", {}, ())])
    assert await mine.records.page(RUN) == before


async def buckets(mine: OrgStore, other: OrgStore, _: Store) -> None:
    assert await mine.buckets.save(STATE, 1, {0: {"k": ("d", "9", 0, "m")}})
    assert await other.buckets.load(STATE, 0, 255) == {}
    assert not await other.buckets.save(STATE, 99, {0: {}})
    assert await other.buckets.forget(STATE) == 0
    assert [one async for one in other.buckets.every(STREAM)] == []
    assert [list(one) async for one in mine.buckets.every(STREAM)] == [["k"]]
    assert [one async for one in mine.buckets.every(stream_id("con_", "import", "students"))] == []
    loaded = await mine.buckets.load(STATE, 0, 255)
    assert [tuple(entry) for entry in loaded[0].values()] == [("d", "9", 0, "m")]
    assert await other.buckets.forget_connection("con_1") == 0
    assert await mine.buckets.forget_connection("con") == 0  # the whole id, not how it begins
    assert await mine.buckets.forget_connection("con_1") == 1


async def artifacts(mine: OrgStore, other: OrgStore, _: Store) -> None:
    id = await mine.artifacts.put("stage", "run_1", b"secret")
    await refused(NotFound, lambda: other.artifacts.get(id))
    assert await mine.artifacts.get(id) == b"secret"


async def audit(mine: OrgStore, other: OrgStore, _: Store) -> None:
    await mine.audit.add(actor="u", deed="import", subject="s", allowed=True, why="w")
    assert await other.audit.page() == []
    assert len(await mine.audit.page()) == 1
    await mine.audit.add(actor="v", deed="export", subject="s", allowed=False, why="w")
    newest, oldest = await mine.audit.page()
    assert [one["actor"] for one in (newest, oldest)] == ["v", "u"]
    assert await mine.audit.page(before=newest["id"]) == await mine.audit.page(actor="u") == [oldest]
    assert await mine.audit.page(deed="export") == await mine.audit.page(allowed=False) == [newest]
    assert await mine.audit.page(actor="v", deed="import") == await other.audit.page(actor="u") == []


async def paces(mine: OrgStore, other: OrgStore, _: Store) -> None:
    await mine.paces.of("con_1", 0).pause(20)
    began = time.monotonic()
    await other.paces.of("con_2", 0).slot(60)
    assert time.monotonic() - began < 10
    assert await other.paces.forget_connection("con_1") == 0
    assert await mine.paces.forget_connection("con_1") == 1


async def history(mine: OrgStore, other: OrgStore, store: Store) -> None:
    assert await store.triggers.claim(Due(CONNECTION, "import", DAILY, "2026-02-01", NOW), 30)
    assert await other.history.of("con_1") == []
    assert len(await mine.history.of("con_1")) == 1


Case = Callable[[OrgStore, OrgStore, Store], Awaitable[None]]
CASES: dict[str, Case] = {
    case.__name__: case
    for case in (
        *(connections, mappings, export_mappings, code_tables, drafts, runs, slices),
        *(records, buckets, artifacts, audit, history, paces, sis_mappings, links, cursors),
    )
}


@pytest.mark.parametrize("name", [field.name for field in fields(OrgStore)])
async def test_repository(store: Store, name: str) -> None:
    assert name in CASES, f"say in this file how OrgStore.{name} is kept apart"
    await CASES[name](store.org("mine"), store.org("other"), store)


def methods(repository: Any) -> set[str]:
    return {name for name in dir(repository) if not name.startswith("_") and callable(getattr(repository, name))}


async def test_every_method_of_every_repository_is_tried(store: Store) -> None:
    """Public methods that no case above names: a new one fails here until it has its line."""

    text = Path(__file__).read_text(encoding="utf-8")
    org = store.org("mine")
    known_elsewhere = {"artifacts.put_stream", "artifacts.stream"}
    missed = {
        f"{field.name}.{method}"
        for field in fields(OrgStore)
        for method in methods(getattr(org, field.name))
        if f".{field.name}.{method}(" not in text
    }
    assert missed <= known_elsewhere
