"""Records that are planned and not applied, or not any more, read from the change sets."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from itertools import islice
from math import inf
from time import monotonic
from typing import Any

from shared.engine import changes as changesets
from shared.model.record import Action, Change, Outcome
from shared.model.run import Run, RunState
from shared.store.buckets import bucket_of
from shared.store.database import OrgStore
from shared.store.records import EVERY, PATIENCE, Looked, Wanted, has_text
from shared.store.slices import Slice, SliceState

OUTCOMES = {
    RunState.APPLYING: Outcome.IN_PROGRESS,
    RunState.CANCELLED: Outcome.CANCELLED,
    RunState.FAILED: Outcome.STOPPED,
    RunState.PARTIAL: Outcome.STOPPED,
}
SETTLED = Outcome.PARTIAL
"""How a record stands of which nothing is left to be sent but what cannot be: in any run, whatever becomes of it."""
PLANNED = frozenset({Outcome.PENDING, Outcome.CANCELLED, Outcome.STOPPED})
"""How a record ended that was not applied, or not yet."""
NOT_SENT = (Action.ADOPT, Action.NONE)
AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class _Part:
    """The change set of one slice."""

    slice: Slice
    changes: list[Change]


@dataclass(frozen=True, slots=True)
class _Search:
    """What is looked for among the planned records of a run."""

    org: OrgStore
    run: Run
    wanted: Wanted

    async def parts(self, first: int = 0) -> AsyncIterator[_Part]:
        """The change sets in which it may be, from slice `first` on, one after the other."""
        if not self._may_be_planned():
            return
        unsent = (SliceState.COMPARED, SliceState.FAILED) if self.run.ended else (SliceState.COMPARED,)
        bucket = None if self.wanted.key is None else bucket_of(self.wanted.key)
        for slice in await self.org.slices.of(self.run.id):
            if slice.state not in unsent or slice.number < first or not slice.changes:
                continue
            if bucket is None or slice.low <= bucket <= slice.high:
                content = await self.org.artifacts.get(slice.changes)
                yield _Part(slice, await asyncio.to_thread(changesets.unpack, content))

    def _may_be_planned(self) -> bool:
        """`Pending` is all that is still to come."""
        if self.run.state is RunState.SUCCEEDED:
            return False
        outcome, now = self.wanted.outcome, OUTCOMES.get(self.run.state, Outcome.PENDING)
        return outcome in (None, now, SETTLED) or (outcome is Outcome.PENDING and not self.run.ended)

    async def found(self, part: _Part, start: int = 0, most: int = sys.maxsize) -> list[dict[str, Any]]:
        """Those of a part from place `start` on, at most so many, without those that were answered for."""
        places = range(start, len(part.changes))
        left = ((at, part.changes[at]) for at in places if _is_wanted(part.changes[at], self.wanted))
        found: list[tuple[int, Change]] = []
        while len(found) < most and (some := list(islice(left, AT_ONCE))):
            if part.slice.state is SliceState.FAILED:
                stored = await self.org.records.stored(self.run, [(one.row, one.key) for _, one in some])
                some = [(at, one) for at, one in some if (one.row, one.key) not in stored]
            found += some
        return [_shown(one, f"{part.slice.number}:{at}", self.run) for at, one in found[:most]]


async def pending_page(
    org: OrgStore, run: Run, wanted: Wanted = EVERY, *, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """Planned records, slice by slice, from behind the cursor `after` (`slice:position`)."""
    return (await _look(_Search(org, run, wanted), after, limit, inf)).records


async def pending_look(org: OrgStore, run: Run, wanted: Wanted, *, after: str | None, limit: int) -> Looked:
    """The same, but looking no longer than a person waits for."""
    return await _look(_Search(org, run, wanted), after, limit, monotonic() + PATIENCE)


async def pending_each(org: OrgStore, run: Run, wanted: Wanted = EVERY) -> AsyncIterator[dict[str, Any]]:
    """The same, all of them: those of one slice are in memory."""
    search = _Search(org, run, wanted)
    async for part in search.parts():
        for one in await search.found(part):
            yield one


async def _look(search: _Search, after: str | None, limit: int, until: float) -> Looked:
    first, position = _cursor(after)
    page: list[dict[str, Any]] = []
    async for part in search.parts(first):
        start = position + 1 if part.slice.number == first else 0
        page += await search.found(part, start, limit - len(page))
        if len(page) >= limit:
            break
        if start < len(part.changes) and monotonic() >= until:
            return Looked(page, f"{part.slice.number}:{len(part.changes)}")
    return Looked(page)


def _cursor(after: str | None) -> tuple[int, int]:
    number, _, position = (after or "0:-1").partition(":")
    try:
        return int(number), int(position)
    except ValueError:
        return 0, -1


def _is_wanted(change: Change, wanted: Wanted) -> bool:
    if change.action in NOT_SENT:
        return False
    if wanted.outcome is not None and change.is_empty != (wanted.outcome is SETTLED):
        return False
    if wanted.action not in (None, _action(change)) or wanted.key not in (None, change.key):
        return False
    if not _has_problem(change, wanted):
        return False
    values = (*change.values.values(), *change.before.values()) if wanted.text is not None else ()
    return has_text(wanted.text, change.key, change.label, change.target_id, values)


def _has_problem(change: Change, wanted: Wanted) -> bool:
    """Whether one of its problems is of the code and the field that are wanted."""
    if wanted.code is None and wanted.field is None:
        return True
    return any(wanted.code in (None, one.code) and wanted.field in (None, one.field) for one in change.problems)


def _shown(change: Change, cursor: str, run: Run) -> dict[str, Any]:
    outcome = SETTLED if change.is_empty else OUTCOMES.get(run.state, Outcome.PENDING)
    values = {} if change.action is Action.REMOVE else change.values
    return {
        "cursor": cursor,
        "row": change.row or None,
        "key": change.key,
        "label": change.label,
        "action": _action(change).value,
        "outcome": outcome.value,
        "target_id": change.target_id,
        "changes": {name: [change.before.get(name), values.get(name)] for name in _told(change)},
        "problems": [problem.as_dict() for problem in change.problems],
        "at": None,
    }


def _action(change: Change) -> Action:
    return Action.ADOPT if change.is_empty else change.action


def _told(change: Change) -> Iterable[str]:
    """Fields whose values are told: an update takes along some that only say whose it is."""
    return change.before if change.action is Action.UPDATE else change.values
