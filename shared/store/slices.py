"""Slices of a run: the unit of work and of failure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from shared.contracts.envelope import Outgoing
from shared.model.cause import Cause
from shared.store import leases
from shared.store.outbox import announcing
from shared.store.scoped import Collection, Document


class SliceState(StrEnum):
    STAGED = "staged"
    COMPARED = "compared"
    APPLIED = "applied"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Slice:
    """Buckets `low` to `high` of a run. `staged`, `changes` and `listed` are artifact ids.

    No `changes`: nothing to apply. `listed` are the rows that stand in the files of an export.
    """

    run: str
    number: int
    low: int
    high: int
    rows: int
    state: SliceState
    staged: str
    changes: str = ""
    listed: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    causes: Sequence[Cause] = ()
    error: Mapping[str, str] | None = None
    fence: int = 0

    @property
    def id(self) -> str:
        return slice_id(self.run, self.number)


def slice_id(run: str, number: int) -> str:
    return f"{run}/{number:04d}"


class Slices:
    def __init__(self, slices: Collection) -> None:
        self._slices = slices

    async def add_all(self, slices: Sequence[Slice], staging: int) -> bool:
        """Insert the slices of a freshly staged run, in place of those of an attempt that was cut off.

        `staging` is the fence the run was staged under. False where a later attempt has put its slices there.
        """
        run = slices[0].run
        documents = [
            {
                "_id": one.id,
                "run": one.run,
                "number": one.number,
                "low": one.low,
                "high": one.high,
                "rows": one.rows,
                "state": one.state.value,
                "staged": one.staged,
                "staging": staging,
                "fence": 0,
            }
            for one in slices
        ]
        for _ in range(3):  # an earlier attempt that still lives may put its own there in between
            await self._slices.delete({"run": run, "staging": {"$lte": staging}})
            if not await self._slices.insert_many(documents):
                return True
            if await self._slices.count({"run": run, "staging": {"$gt": staging}}, limit=1):
                break
        await self._slices.delete({"run": run, "staging": staging})
        return False

    async def get(self, run: str, number: int) -> Slice | None:
        document = await self._slices.get({"_id": slice_id(run, number)})
        return _to_slice(document) if document else None

    async def of(self, run: str) -> list[Slice]:
        return [_to_slice(one) for one in await self._slices.all({"run": run}, sort=[("number", 1)])]

    async def acquire(
        self, run: str, number: int, states: Sequence[SliceState], owner: str, seconds: float
    ) -> Slice | None:
        wanted = [state.value for state in states]
        id = slice_id(run, number)
        is_new = list(states) == [SliceState.STAGED]
        document = await leases.acquire(self._slices, id, states=wanted, owner=owner, seconds=seconds, is_new=is_new)
        return _to_slice(document) if document else None

    async def renew(self, slice: Slice, seconds: float) -> bool:
        return await leases.renew(self._slices, slice.id, fence=slice.fence, seconds=seconds)

    async def release(self, slice: Slice) -> None:
        await leases.release(self._slices, slice.id, fence=slice.fence)

    async def complete(
        self,
        slice: Slice,
        state: SliceState,
        *,
        counts: Mapping[str, int],
        causes: Sequence[Cause] = (),
        planned: Sequence[Cause] = (),
        changes: str | None = None,
        listed: str | None = None,
        messages: Sequence[Outgoing] = (),
    ) -> bool:
        """Record the step, its counts and why records failed in it. False where the lease was lost to somebody else.

        `planned` is why records will be sent only in part: it stands until it is known what became of them.
        """
        values: dict[str, Any] = {"state": state.value, **_counted(counts)}
        step = "apply" if changes is None else "compare"
        values[f"causes.{step}"] = [one.packed() for one in causes]
        values["causes.planned"] = [one.packed() for one in planned]
        if changes is not None:
            values["changes"] = changes
        if listed is not None:
            values["listed"] = listed
        return await self._slices.update(
            leases.fenced(slice.id, slice.fence),
            {"$set": values, "$unset": dict(leases.RELEASED), **announcing(messages)},
        )

    async def fail(
        self,
        slice: Slice,
        state: SliceState,
        error: Mapping[str, str],
        *,
        counts: Mapping[str, int] = MappingProxyType({}),
        messages: Sequence[Outgoing] = (),
        fenced: bool = False,
    ) -> bool:
        """`state` -> failed. The fence grows, so whoever still works on it is shut out.

        `counts` is what it had done by then. `fenced`: only while the lease of `slice` is held.
        """
        where: dict[str, Any] = {"_id": slice.id, "state": state.value}
        if fenced:
            where["fence"] = slice.fence
        return await self._slices.update(
            where,
            {
                "$set": {"state": SliceState.FAILED.value, "error": dict(error), **_counted(counts)},
                "$unset": dict(leases.RELEASED),
                "$inc": {"fence": 1},
                **announcing(messages),
            },
        )

    async def mend(self, run: str, number: int, state: SliceState) -> bool:
        """failed -> `state`, for a replay."""
        return await self._slices.update(
            {"_id": slice_id(run, number), "state": SliceState.FAILED.value},
            {"$set": {"state": state.value}, "$unset": {"error": ""}},
        )

    async def unfinished(self, run: str, states: Sequence[SliceState]) -> int:
        """How many slices are in one of these states (1 at most is counted)."""
        return await self._slices.count({"run": run, "state": {"$in": [one.value for one in states]}}, limit=1)


def _counted(counts: Mapping[str, int]) -> dict[str, int]:
    return {f"counts.{name}": count for name, count in counts.items()}


def _to_slice(document: Document) -> Slice:
    return Slice(
        run=document["run"],
        number=document["number"],
        low=document["low"],
        high=document["high"],
        rows=document["rows"],
        state=SliceState(document["state"]),
        staged=document["staged"],
        changes=document.get("changes", ""),
        listed=document.get("listed", ""),
        counts=document.get("counts", {}),
        causes=[Cause.unpacked(one) for step in document.get("causes", {}).values() for one in step],
        error=document.get("error"),
        fence=document["fence"],
    )
