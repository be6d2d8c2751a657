"""Records that are planned and not applied, or not any more, read from the change sets."""

import asyncio
import sys
from collections.abc import AsyncIterator
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
PLANNED = frozenset({Outcome.PENDING, Outcome.CANCELLED, Outcome.STOPPED})
"""How a record ended that was not applied, or not yet."""
NOT_SENT = (Action.ADOPT, Action.NONE)
AT_ONCE = 200


async def pending_page(
    org: OrgStore, run: Run, wanted: Wanted = EVERY, *, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """Planned records, slice by slice, from behind the cursor `after` (`slice:position`)."""
    return (await _look(org, run, wanted, after, limit, inf)).records


async def pending_look(org: OrgStore, run: Run, wanted: Wanted, *, after: str | None, limit: int) -> Looked:
    """The same, but looking no longer than a person waits for."""
    return await _look(org, run, wanted, after, limit, monotonic() + PATIENCE)


async def pending_each(org: OrgStore, run: Run, wanted: Wanted = EVERY) -> AsyncIterator[dict[str, Any]]:
    """The same, all of them: those of one slice are in memory."""
    async for slice, changes in _planned(org, run, wanted, 0):
        for at, one in await _chosen(org, run, slice, changes, wanted):
            yield _shown(one, f"{slice.number}:{at}", run)


async def _look(org: OrgStore, run: Run, wanted: Wanted, after: str | None, limit: int, until: float) -> Looked:
    first, position = _cursor(after)
    page: list[dict[str, Any]] = []
    async for slice, changes in _planned(org, run, wanted, first):
        start = position + 1 if slice.number == first else 0
        found = await _chosen(org, run, slice, changes, wanted, start, limit - len(page))
        page += [_shown(one, f"{slice.number}:{at}", run) for at, one in found]
        if len(page) >= limit:
            break
        if start < len(changes) and monotonic() >= until:
            return Looked(page, f"{slice.number}:{len(changes)}")
    return Looked(page)


async def _planned(org: OrgStore, run: Run, wanted: Wanted, first: int) -> AsyncIterator[tuple[Slice, list[Change]]]:
    """The change sets from slice `first` on, one after the other."""
    if (
        run.state is RunState.SUCCEEDED
        or wanted.code is not None
        or wanted.field is not None
        or not _is_outcome(run, wanted.outcome)
    ):
        return
    unsent = (SliceState.COMPARED, SliceState.FAILED) if run.ended else (SliceState.COMPARED,)
    bucket = None if wanted.key is None else bucket_of(wanted.key)
    for slice in await org.slices.of(run.id):
        if slice.state not in unsent or slice.number < first or not slice.changes:
            continue
        if bucket is None or slice.low <= bucket <= slice.high:
            content = await org.artifacts.get(slice.changes)
            yield slice, await asyncio.to_thread(changesets.unpack, content)


async def _chosen(
    org: OrgStore,
    run: Run,
    slice: Slice,
    changes: list[Change],
    wanted: Wanted,
    start: int = 0,
    most: int = sys.maxsize,
) -> list[tuple[int, Change]]:
    """The wanted ones from `start` on with their places, at most so many, without those that were answered for."""
    left = ((at, one) for at, one in enumerate(changes) if at >= start and _is_wanted(one, wanted))
    found: list[tuple[int, Change]] = []
    while len(found) < most and (part := list(islice(left, AT_ONCE))):
        if slice.state is SliceState.FAILED:
            stored = await org.records.stored(run, [(one.row, one.key) for _, one in part])
            part = [(at, one) for at, one in part if (one.row, one.key) not in stored]
        found += part
    return found[:most]


def _is_outcome(run: Run, outcome: Outcome | None) -> bool:
    """Whether what is planned may stand under this outcome; `Pending` is all that is still to come."""
    now = OUTCOMES.get(run.state, Outcome.PENDING)
    return outcome in (None, now) or (outcome is Outcome.PENDING and not run.ended)


def _cursor(after: str | None) -> tuple[int, int]:
    number, _, position = (after or "0:-1").partition(":")
    try:
        return int(number), int(position)
    except ValueError:
        return 0, -1


def _is_wanted(change: Change, wanted: Wanted) -> bool:
    if change.action in NOT_SENT:
        return False
    if wanted.action not in (None, change.action) or wanted.key not in (None, change.key):
        return False
    values = (*change.values.values(), *change.before.values()) if wanted.text is not None else ()
    return has_text(wanted.text, change.key, change.label, change.target_id, values)


def _shown(change: Change, cursor: str, run: Run) -> dict[str, Any]:
    outcome = OUTCOMES.get(run.state, Outcome.PENDING)
    return {
        "cursor": cursor,
        "row": change.row or None,
        "key": change.key,
        "label": change.label,
        "action": change.action.value,
        "outcome": outcome.value,
        "target_id": change.target_id,
        "changes": {name: [change.before.get(name), value] for name, value in change.values.items()},
        "problems": [problem.as_dict() for problem in change.problems],
        "at": None,
    }
