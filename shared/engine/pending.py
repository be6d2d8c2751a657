"""Records that are planned and not applied, or not any more, read from the change sets."""

import asyncio
from itertools import islice
from typing import Any

from shared.engine import changes as changesets
from shared.model.record import Action, Change, Outcome
from shared.model.run import Run, RunState
from shared.store.buckets import bucket_of
from shared.store.database import OrgStore
from shared.store.records import EVERY, Wanted
from shared.store.slices import SliceState

OUTCOMES = {RunState.APPLYING: Outcome.IN_PROGRESS, RunState.CANCELLED: Outcome.CANCELLED}
NOT_SENT = (Action.ADOPT, Action.NONE)


async def pending_page(
    org: OrgStore, run: Run, wanted: Wanted = EVERY, *, after: str | None, limit: int
) -> list[dict[str, Any]]:
    """Planned records, slice by slice, from behind the cursor `after` (`slice:position`)."""
    if (run.ended and run.state is not RunState.CANCELLED) or wanted.code is not None:
        return []
    bucket = None if wanted.key is None else bucket_of(wanted.key)
    first, position = _cursor(after)
    page: list[dict[str, Any]] = []
    for slice in await org.slices.of(run.id):
        if slice.state is not SliceState.COMPARED or slice.number < first or not slice.changes:
            continue
        if bucket is not None and not slice.low <= bucket <= slice.high:
            continue
        content = await org.artifacts.get(slice.changes)
        changes = await asyncio.to_thread(changesets.unpack, content)
        start = position + 1 if slice.number == first else 0
        outcome = OUTCOMES.get(run.state, Outcome.PENDING)
        sent = ((at, one) for at, one in enumerate(changes) if at >= start and _is_wanted(one, wanted))
        page += [_shown(one, f"{slice.number}:{at}", outcome) for at, one in islice(sent, limit - len(page))]
        if len(page) >= limit:
            break
    return page


def _cursor(after: str | None) -> tuple[int, int]:
    number, _, position = (after or "0:-1").partition(":")
    try:
        return int(number), int(position)
    except ValueError:
        return 0, -1


def _is_wanted(change: Change, wanted: Wanted) -> bool:
    if change.action in NOT_SENT:
        return False
    return wanted.action in (None, change.action) and wanted.key in (None, change.key)


def _shown(change: Change, cursor: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "cursor": cursor,
        "row": change.row or None,
        "key": change.key,
        "action": change.action.value,
        "outcome": outcome.value,
        "target_id": change.target_id,
        "changes": {name: [change.before.get(name), value] for name, value in change.values.items()},
        "problems": [],
        "at": None,
    }
