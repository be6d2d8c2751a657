"""Runs of one organization."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from shared.contracts.envelope import Outgoing
from shared.contracts.topology import Direction
from shared.model.error_texts import said
from shared.model.errors import NotFound, Unavailable
from shared.model.run import AT_WORK, ENDED, Run, RunState, Wait
from shared.store import leases
from shared.store.outbox import NOTHING_WAITS, announced, announcing
from shared.store.scoped import Collection, Document, Duplicate

MAX_REGISTRATIONS = 500
LOOKED_THROUGH = 20
MOST_FOLLOWERS = 20
NEWEST_FIRST = [("created_at", -1), ("_id", -1)]
OLDEST_FIRST = [("created_at", 1), ("_id", 1)]
"""By when they were asked for, and not by their ids: an event's run is named after the time that the event bears."""
NOT_CANCELLED = [one.value for one in RunState if one is not RunState.CANCELLED]
NOT_ENDED = [one.value for one in RunState if one not in ENDED]
_THERE = {"$exists": True}
_LONG = ("id", "stage", "reasons", "files", "to_apply", "followed_by", "waits")
_HIDDEN = ("outbox", "outbox_at", "owner", "lease_until", "_id")


class Runs:
    """State changes name the states they may start from; False (or None) means the run is in another one."""

    def __init__(self, runs: Collection, streams: Collection) -> None:
        self._runs = runs
        self._streams = streams
        self._last_numbers: dict[str, int] = {}

    async def add(self, run: Run, messages: Sequence[Outgoing], *, fingerprint: str) -> bool:
        """Insert with its announcements. False where a run of this id is there already."""
        return await self._insert(run, fingerprint=fingerprint, fence=0, **announced(messages))

    async def add_held(self, run: Run, owner: str, seconds: float, *, fingerprint: str) -> tuple[Run, int] | None:
        """Insert one that has begun, with the lease. Nothing announces it.

        The run and the fence, or None where it is there already, or another of its stream is active.
        """
        begun = _begun()
        if not await self._insert(run, fingerprint=fingerprint, **begun, **leases.first_held_by(owner, seconds)):
            return None
        shown = {"state": RunState.STAGING, "started_at": begun["started_at"]}
        return run.model_copy(update=shown), leases.FIRST

    async def _insert(self, run: Run, **more: Any) -> bool:
        known = run.model_dump(exclude={"id", "org", "given_up", "behind"})
        document = {**known, "_id": run.id, "stream": stream_of(run), **more}
        try:
            await self._runs.insert(document)
        except Duplicate:
            return False
        return True

    async def numbered(self, run: Run, fence: int) -> Run | None:
        """The run, active and leased, with a number above those of all before it. None where the lease was lost."""
        if run.number:
            return run
        number = await self.next_number(run)
        return run.model_copy(update={"number": number}) if await self.note(run.id, fence, {"number": number}) else None

    async def next_number(self, run: Run) -> int:
        """Of its stream, to be noted in the run that begins, or begins to write after it waited for a person.

        So what a later one wrote always stands above.
        """
        for _ in range(20):
            if (number := await self._counted(run)) is not None:
                return number
            await asyncio.sleep(0.01)  # another run of the stream was faster
        raise Unavailable(*said("run.busy"))

    async def is_next(self, run: Run) -> bool:
        """Count the run under the number that it has. False where another of its stream has that, or one above."""
        return await self._count_on(stream_of(run), run.number - 1, _named_last(run)) is not None

    async def _counted(self, run: Run) -> int | None:
        """Without a look, where no other worker has numbered a run of the stream since we did."""
        stream, named = stream_of(run), _named_last(run)
        last = self._last_numbers.get(stream)
        if last is not None and (number := await self._count_on(stream, last, named)) is not None:
            return number
        counter = await self._streams.get({"_id": stream})
        if counter is None:
            if await self._streams.insert_many([{"_id": stream, "last_number": 1, "last_real": "", **named}]):
                return None
            self._last_numbers[stream] = 1
            return 1
        if "last_real" not in counter:  # it was counted before previews were told apart
            named = {"last_real": counter.get("last_run", ""), **named}
        return await self._count_on(stream, int(counter["last_number"]), named)

    async def _count_on(self, stream: str, last: int, named: Document) -> int | None:
        where = {"_id": stream, "last_number": last}
        if not await self._streams.update(where, {"$set": {"last_number": last + 1, **named}}):
            return None
        self._last_numbers[stream] = last + 1
        return last + 1

    async def get(self, id: str) -> Run:
        """Raises NotFound."""
        found = await self.find(id)
        if found is None:
            raise NotFound(*said("run.not_found"))
        return found

    async def find(self, id: str) -> Run | None:
        document = await self._runs.get({"_id": id})
        return to_run(document) if document else None

    async def page(
        self,
        *,
        connection: str | None = None,
        state: RunState | None = None,
        direction: Direction | None = None,
        data_type: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: str | None = None,
        limit: int = 50,
    ) -> list[Run]:
        """Newest first, from before the run `before`; those asked for from `since` on, and not from `until` on.

        Raises NotFound where there is no run `before`.
        """
        asked = {"connection": connection, "state": state, "direction": direction, "data_type": data_type}
        where: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        most, found = min(limit, 200), list[Run]()
        if before is not None:
            last = (await self.get(before)).created_at
            same = {**where, "created_at": {"$eq": last, **_bounds(since, until)}, "_id": {"$lt": before}}
            found = await self._newest(same, most)
            until = min(last, until or last)
        if bounds := _bounds(since, until):
            where["created_at"] = bounds
        return found + await self._newest(where, most - len(found)) if len(found) < most else found

    async def _newest(self, where: Document, most: int) -> list[Run]:
        return [to_run(one) for one in await self._runs.all(where, sort=NEWEST_FIRST, limit=most)]

    async def approved(self, run: Run, number: int) -> None:
        """A preview goes on in earnest, under the number that it was given for that: it is the last real run by now."""
        await self._streams.update({"_id": stream_of(run), "last_number": number}, {"$set": {"last_real": run.id}})

    async def last_begun(self, streams: Sequence[str]) -> list[Run]:
        """The run that began last in each of these streams, in any order, with two calls however many they are.

        Of a stream in which nothing but previews has begun it is a preview.
        """
        found = await self._streams.with_ids(streams)
        known = [one.get("last_real") or one.get("last_run") for one in found]
        return [to_run(one) for one in await self._runs.with_ids([str(id) for id in known if id])]

    async def asked_since(
        self, at: datetime, *, of: Sequence[str] | None = None, but: Sequence[str] = (), most: int = 5000
    ) -> list[Run]:
        """Those asked for since then, newest first, `of` these connections, or of all `but` some; at most so many."""
        where: dict[str, Any] = {"created_at": {"$gte": at}}
        if of is not None:
            where["connection"] = of[0] if len(of) == 1 else {"$in": list(of)}
        elif but:
            where["connection"] = {"$nin": list(but)}
        fields = [name for name in Run.model_fields if name not in _LONG]
        found = await self._runs.all(where, sort=NEWEST_FIRST, limit=most, fields=fields)
        return [to_run(one) for one in found]

    async def same_request(self, stream: str, fingerprint: str, states: Sequence[RunState]) -> Run | None:
        """A run that was asked for in the same words and is in one of these states."""
        found = await self._runs.all(
            {"stream": stream, "state": {"$in": [state.value for state in states]}, "fingerprint": fingerprint},
            sort=OLDEST_FIRST,
            limit=1,
        )
        return to_run(found[0]) if found else None

    async def widen(self, stream: str, mapping: str, school_year: int, registrations: Sequence[str]) -> Run | None:
        """Add registrations to a run of an event that has not begun; None where there is none."""
        where = {
            "stream": stream,
            "state": RunState.PENDING.value,
            "mapping": mapping,
            "school_year": school_year,
            "trigger.kind": "event",
            f"selection.registrations.{MAX_REGISTRATIONS - 1}": {"$exists": False},
            "selection.registrations.0": {"$exists": True},
        }
        change = {"$addToSet": {"selection.registrations": {"$each": list(registrations)}}}
        document = await self._runs.change(where, change, sort=OLDEST_FIRST)
        return to_run(document) if document else None

    async def active(self, stream: str) -> Run | None:
        document = await self._runs.get({"stream": stream, "active": True})
        return to_run(document) if document else None

    async def under_way(self, connection: str) -> bool:
        """Whether a run of the connection has not ended: it waits, works, or needs approval."""
        streams = {"$gte": f"{connection}|", "$lt": f"{connection}|~"}
        return await self._runs.count({"stream": streams, "state": {"$in": NOT_ENDED}}, limit=1) > 0

    async def undecided(self, *streams: str) -> list[Run]:
        """Those that wait for approval."""
        where = {"stream": {"$in": list(streams)}, "state": RunState.NEEDS_APPROVAL.value}
        return [to_run(one) for one in await self._runs.all(where)]

    async def overtaking(self, run: Run) -> frozenset[str]:
        """The registrations, named one by one, of runs that began, or were replayed, while this one waited for
        approval."""
        named = {"stream": stream_of(run), "state": {"$in": NOT_CANCELLED}, "selection.registrations.0": _THERE}
        began = {**named, "number": {"$gt": run.compared_as, "$lt": run.number}}
        newer = [
            one
            async for one in self._runs.find(began, fields=["selection", "as_of", "number"])
            if (one["as_of"] or one["number"]) > run.compared_as
        ]
        if run.stopped_at:
            newer += await self._runs.all({**named, "ended_at": {"$gt": run.stopped_at}}, fields=["selection"])
        return frozenset(id for one in newer for id in one["selection"]["registrations"])

    async def written_since(self, run: Run) -> Run | None:
        """One that has written, and not just registrations named one by one, since this one stopped for approval: a
        replay of something older."""
        where = {
            "stream": stream_of(run),
            "state": {"$in": [one.value for one in ENDED]},
            "ended_at": {"$gt": run.stopped_at or run.created_at},
            "to_apply.0": _THERE,
            "selection.registrations.0": {"$exists": False},
        }
        found = await self._runs.all(where, limit=1)
        return to_run(found[0]) if found else None

    async def oldest_waiting(self, stream: str) -> Run | None:
        found = await self._runs.all({"stream": stream, "state": RunState.PENDING.value}, sort=OLDEST_FIRST, limit=1)
        return to_run(found[0]) if found else None

    async def activate(self, run: Run, owner: str, seconds: float) -> tuple[Run, int] | None:
        """pending -> staging, with the lease, unless another run of the stream is active (partial unique index).

        The run and the fence, or None. What is pending has never been held.
        """
        change = {"$set": {**_begun(), **leases.first_held_by(owner, seconds)}, "$unset": dict(NOTHING_WAITS)}
        try:
            is_ours = await self._runs.update(leases.fenced(run.id, 0, state=RunState.PENDING.value), change)
        except Duplicate:
            return None
        return (await self.get(run.id), leases.FIRST) if is_ours else None  # it may have been widened since it was read

    async def acquire(self, id: str, states: Sequence[RunState], owner: str, seconds: float) -> tuple[Run, int] | None:
        """The run and the fence of the lease, or None. Whoever acquires it has got what it announced."""
        wanted, also = [state.value for state in states], {"$unset": dict(NOTHING_WAITS)}
        document = await leases.acquire(self._runs, id, states=wanted, owner=owner, seconds=seconds, also=also)
        return (to_run(document), int(document["fence"])) if document else None

    async def renew(self, id: str, fence: int, seconds: float) -> bool:
        return await leases.renew(self._runs, id, fence=fence, seconds=seconds)

    async def release(self, id: str, fence: int) -> None:
        await leases.release(self._runs, id, fence=fence)

    async def note(self, id: str, fence: int, facts: Mapping[str, Any]) -> bool:
        """Remember something on the way, under the lease. False where it was lost."""
        return await self._runs.update({"_id": id, "fence": fence}, {"$set": dict(facts)})

    async def note_wait(self, id: str, step: str, wait: Wait) -> bool:
        """A step that is to be tried again; its `since` stays where none is given. False where the run has ended."""
        facts = {f"waits.{step}.{name}": value for name, value in wait.model_dump(exclude_none=True).items()}
        return await self._runs.update({"_id": id, "state": {"$in": NOT_ENDED}}, {"$set": facts})

    async def waits_no_more(self, id: str, step: str) -> None:
        """The step went through, or was given up."""
        await self._runs.update({"_id": id, f"waits.{step}": _THERE}, {"$unset": {f"waits.{step}": ""}})

    async def move(
        self,
        id: str,
        from_states: Sequence[RunState],
        to: RunState,
        *,
        fence: int | None = None,
        facts: Mapping[str, Any] | None = None,
        messages: Sequence[Outgoing] = (),
    ) -> bool:
        """One step of the state machine, with its facts and its announcements. A run that is not at work frees the
        stream, and is refused to go on while another one holds it.

        Cancelled is only what has sent nothing, and whoever is at work on it is shut out: the fence grows.
        """
        where: dict[str, Any] = {"_id": id, "state": {"$in": [state.value for state in from_states]}}
        if fence is not None:
            where["fence"] = fence
        values: dict[str, Any] = {**(facts or {}), "state": to.value}
        unset: dict[str, str] = {**leases.RELEASED, "waits": ""}
        change: dict[str, Any] = {"$set": values, "$unset": unset, **announcing(messages)}
        if to in ENDED:
            values["ended_at"] = datetime.now(UTC)
        if to in AT_WORK:
            values["active"] = True
        else:
            unset["active"] = ""
        if to is RunState.CANCELLED:
            where["sending"] = {"$ne": True}
            change["$inc"] = {"fence": 1}
        try:
            return await self._runs.update(where, change)
        except Duplicate:
            return False

    async def reopen(self, id: str, to: RunState) -> bool:
        """partial or failed -> `to`, for a replay. False where it is in neither, or another run is active.

        It keeps its number and uses up one: nobody takes what was read before it wrote for up to date.
        """
        wanted = [RunState.PARTIAL.value, RunState.FAILED.value]
        change = {"$set": {"state": to.value, "active": True}, "$unset": {"ended_at": "", "error": ""}}
        try:
            is_ours = await self._runs.update({"_id": id, "state": {"$in": wanted}}, change)
        except Duplicate:
            return False
        if is_ours:
            await self._streams.update({"_id": stream_of(await self.get(id))}, {"$inc": {"last_number": 1}})
        return is_ours

    async def last_compared(self, stream: str) -> Run | None:
        """The newest run of the stream that came so far as to decide about records."""
        states = [one.value for one in (RunState.APPLYING, RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED)]
        where = {"stream": stream, "state": {"$in": states}, "number": {"$gt": 0}}
        found = await self._runs.all(where, sort=[("number", -1)], limit=LOOKED_THROUGH)
        runs = (to_run(one) for one in found)
        return next((run for run in runs if run.slices or run.state is not RunState.FAILED), None)

    async def since(self, run: Run, number: int) -> AsyncIterator[Run]:
        """Other runs of the stream whose rows are newer than those of run `number`, but for cancelled; newest first."""
        where = {"stream": stream_of(run), "state": {"$in": NOT_CANCELLED}, "number": {"$gt": number}}
        async for document in self._runs.find(where, sort=[("number", -1)]):
            one = to_run(document)
            if one.id != run.id and (one.as_of or one.number) > number:
                yield one

    async def followed_by(self, id: str, name: str, candidate: str, *, instead_of: str = "") -> str:
        """The id of the run that follows this one under a name: `candidate` where none does yet, or only `instead_of`.

        So whoever asks at the same time, or again after a crash, gets one and the same. In the same write it joins
        those that the run is `followed_by`.
        """
        place = f"followers.{name.replace(' ', '_')}"
        latest = {"$each": [candidate], "$slice": -MOST_FOLLOWERS}
        change = {"$set": {place: candidate}, "$push": {"followed_by": latest}}
        await self._runs.update({"_id": id, place: instead_of or {"$exists": False}}, change)
        found = await self._runs.get({"_id": id}, ["followers"])
        if found is None:
            raise NotFound(*said("run.not_found"))
        return str(found["followers"][name.replace(" ", "_")])

    async def following(self, run: Run) -> list[Run]:
        """The runs that it is `followed_by`, in the order in which they were asked for, each looked up by its id.

        One that was named and never stored, because of a crash in between, is not among them.
        """
        if not run.followed_by:
            return []
        found = {one["_id"]: to_run(one) for one in await self._runs.with_ids(run.followed_by)}
        return [found[id] for id in run.followed_by if id in found]

    async def is_latest(self, run: Run) -> bool:
        """No later run of the stream has begun to apply, or has found that there is nothing to apply.

        One that never got a number is judged by when it began.
        """
        later: dict[str, Any] = {
            "stream": stream_of(run),
            "state": {"$in": [RunState.APPLYING.value, RunState.SUCCEEDED.value, RunState.PARTIAL.value]},
        }
        if run.number:
            later["number"] = {"$gt": run.number}
        else:
            later["started_at"] = {"$gt": run.started_at or run.created_at}
        async for document in self._runs.find(later, batch=LOOKED_THROUGH):
            if not to_run(document).undid_nothing:
                return False
        return True


def _bounds(low: datetime | None, high: datetime | None) -> Document:
    """From `low` to below `high`; empty where there is neither."""
    return {name: value for name, value in {"$gte": low, "$lt": high}.items() if value is not None}


def _named_last(run: Run) -> Document:
    return {"last_run": run.id} if run.preview else {"last_run": run.id, "last_real": run.id}


def _begun() -> Document:
    return {"state": RunState.STAGING.value, "active": True, "started_at": datetime.now(UTC)}


def stream_id(connection: str, direction: str, data_type: str) -> str:
    return f"{connection}|{direction}|{data_type}"


def stream_of(run: Run) -> str:
    return stream_id(run.connection, run.direction, run.data_type)


def to_run(document: Document) -> Run:
    return Run.model_validate(
        {"id": document["_id"], **{key: value for key, value in document.items() if key not in _HIDDEN}}
    )
