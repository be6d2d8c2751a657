"""The records of an earlier run that did not succeed: its rows as they were staged then, or their keys."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from shared.engine.blocks import unpack
from shared.engine.earlier import EarlierRun
from shared.model.error_texts import said
from shared.model.record import Outcome, Problem, RowBatch
from shared.model.run import Run
from shared.store.database import OrgStore
from shared.store.records import UNSUCCESSFUL, Wanted
from shared.store.slices import Slice, SliceState


class _RowNumbers:
    """A set of row numbers, a bit each: 125 KB for a million rows."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, number: int) -> None:
        place = number >> 3
        if place >= len(self._bits):
            self._bits.extend(bytes(place + 1 - len(self._bits)))
        self._bits[place] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        place = number >> 3
        return place < len(self._bits) and bool(self._bits[place] >> (number & 7) & 1)


class FailedRows(EarlierRun):
    """The rows keep the numbers that they have in the original file."""

    async def batches(self) -> AsyncIterator[RowBatch]:
        slices = await self._org.slices.of(self._earlier.id)
        chosen = await _Chosen.of(self._org, self._earlier, slices)
        for slice in slices:
            async for rows in _staged(self._org, slice):
                batch = RowBatch()
                for number, values, *about in rows:
                    if chosen.takes(slice, number):
                        if values is None:
                            batch.bad.append((number, _unreadable(about[0])))
                        else:
                            batch.rows.append((number, values))
                yield batch


async def failed_keys(org: OrgStore, earlier: Run) -> list[str]:
    """The keys of the records that did not succeed, each once."""
    slices = await org.slices.of(earlier.id)
    keys = [one["key"] for outcome in UNSUCCESSFUL async for one in org.records.each(earlier, Wanted(outcome))]
    broken = [slice for slice in slices if slice.state is not SliceState.APPLIED]
    if broken:
        chosen = await _Chosen.of(org, earlier, slices)
        for slice in broken:
            async for rows in _staged(org, slice):
                keys += [
                    about[0] for number, values, *about in rows if values is not None and chosen.takes(slice, number)
                ]
    return [key for key in dict.fromkeys(keys) if key]


class _Chosen:
    """Which rows did not succeed: those that failed, and of a slice that is not through all that did not succeed."""

    def __init__(self) -> None:
        self._failed = _RowNumbers()
        self._done = _RowNumbers()

    @classmethod
    async def of(cls, org: OrgStore, earlier: Run, slices: Sequence[Slice]) -> Self:
        made = cls()
        for outcome in UNSUCCESSFUL:
            async for one in org.records.each(earlier, Wanted(outcome)):
                made._failed.add(one["row"] or 0)
        if any(slice.state is not SliceState.APPLIED for slice in slices):
            async for one in org.records.each(earlier, Wanted(Outcome.SUCCEEDED)):
                made._done.add(one["row"] or 0)
        return made

    def takes(self, slice: Slice, number: int) -> bool:
        return number in self._failed or (slice.state is not SliceState.APPLIED and number not in self._done)


async def _staged(org: OrgStore, slice: Slice) -> AsyncIterator[list[Any]]:
    for block in unpack(await org.artifacts.get(slice.staged)):
        yield block


def _unreadable(problem: Mapping[str, str]) -> Problem:
    """What could not be read then cannot be read now: the mapping does not matter."""
    return Problem(*said("retry.unreadable", why=problem["message"]), column=problem["column"], value=problem["value"])
