"""How far a slice came that failed: what of its plan was written, and what was not reached."""

import asyncio

from shared.engine import changes as changesets
from shared.model.errors import NotFound
from shared.model.record import Action, Outcome
from shared.model.run import PLANNED, Run
from shared.store.database import OrgStore
from shared.store.slices import Slice, SliceState

AT_ONCE = 200
WRITTEN_AS = {Action.CREATE: "created", Action.REMOVE: "removed"}


def not_reached(slice: Slice) -> int:
    """How many of its records were planned and not reached, where its run ends now."""
    if slice.state is SliceState.APPLIED:
        return 0
    return slice.counts.get("stopped", sum(slice.counts.get(name, 0) for name in PLANNED))


async def reached(org: OrgStore, run: Run, slice: Slice) -> dict[str, int]:
    """The counts of a compared slice that fails now: the records that were answered for, and those `stopped`.

    Nothing where it was not compared.
    """
    if not slice.changes:
        return {}
    try:
        content = await org.artifacts.get(slice.changes)
    except NotFound:
        return {}
    plan = await asyncio.to_thread(changesets.unpack, content)
    sent = [(one.row, one.key) for one in plan if one.is_sent]
    counts = dict.fromkeys(("created", "updated", "removed", "failed", "partial"), 0)
    known = 0
    for at in range(0, len(sent), AT_ONCE):
        for action, outcome in await org.records.became(run, sent[at : at + AT_ONCE]):
            known += 1
            if outcome is Outcome.FAILED:
                counts["failed"] += 1
                continue
            counts[WRITTEN_AS.get(action, "updated")] += 1
            counts["partial"] += outcome is Outcome.PARTIAL
    return {**counts, "stopped": len(sent) - known}
