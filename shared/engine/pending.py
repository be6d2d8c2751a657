"""Records that are planned and not applied, or not any more, read from the change sets."""

import asyncio
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

OUTCOMES = {RunState.APPLYING: Outcome.IN_PROGRESS, RunState.CANCELLED: Outcome.CANCELLED}
PLANNED = frozenset({Outcome.PENDING, Outcome.CANCELLED})
"""How a record ended that was not applied, or not yet."""
NOT_SENT = (Action.ADOPT, Action.NONE)


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
        for at, one in enumerate(changes):
            if _is_wanted(one, wanted):
                yield _shown(one, f"{slice.number}:{at}", run)


async def _look(org: OrgStore, run: Run, wanted: Wanted, after: str | None, limit: int, until: float) -> Looked:
    first, position = _cursor(after)
    page: list[dict[str, Any]] = []
    async for slice, changes in _planned(org, run, wanted, first):
        start = position + 1 if slice.number == first else 0
        sent = ((at, one) for at, one in enumerate(changes) if at >= start and _is_wanted(one, wanted))
        page += [_shown(one, f"{slice.number}:{at}", run) for at, one in islice(sent, limit - len(page))]
        if len(page) >= limit:
            break
        if start < len(changes) and monotonic() >= until:
            return Looked(page, f"{slice.number}:{len(changes)}")
    return Looked(page)


async def _planned(org: OrgStore, run: Run, wanted: Wanted, first: int) -> AsyncIterator[tuple[Slice, list[Change]]]:
    """The change sets from slice `first` on, one after the other."""
    if (run.ended and run.state is not RunState.CANCELLED) or wanted.code is not None:
        return
    bucket = None if wanted.key is None else bucket_of(wanted.key)
    for slice in await org.slices.of(run.id):
        if slice.state is not SliceState.COMPARED or slice.number < first or not slice.changes:
            continue
        if bucket is None or slice.low <= bucket <= slice.high:
            content = await org.artifacts.get(slice.changes)
            yield slice, await asyncio.to_thread(changesets.unpack, content)


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
