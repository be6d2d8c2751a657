"""Search: the records of a run by what people know of them, and records of any run by name."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.engine.pending import PLANNED, SETTLED, pending_each, pending_look, pending_page
from shared.model.connection import Connection
from shared.model.label import plain
from shared.model.run import Run, RunState
from shared.store.buckets import label_in
from shared.store.database import OrgStore
from shared.store.records import Looked, Wanted
from shared.store.runs import stream_id, stream_of

MOST_NAMED = 50
UNAPPLIED = (RunState.NEEDS_APPROVAL, RunState.CANCELLED, RunState.FAILED, RunState.PARTIAL)
"""Not everything that is planned has to be sent in these, or ever will be."""


@dataclass(frozen=True, slots=True)
class Known:
    """A record that was sent, as it is remembered. `target_id` is blank where none is known."""

    connection: str
    key: str
    label: str
    target_id: str


async def search(org: OrgStore, run: Run, wanted: Wanted, *, after: str | None, limit: int) -> Looked:
    """Records of the run with a text in them. A whole key, or a whole id in the target, is found by an index at once;
    any other text by looking at the records, as long as a person waits: `goes_on` says where to look on."""
    for exact in await _exact(org, run, wanted) if not after else ():
        if (found := await _look(org, run, exact, None, limit)).records:
            return found
    return await _look(org, run, wanted, after, limit)


async def _exact(org: OrgStore, run: Run, wanted: Wanted) -> list[Wanted]:
    """What is looked for before the text itself: it may be a whole key, or a whole id in the target."""
    text = (wanted.text or "").strip()
    keys = dict.fromkeys([text, await org.records.key_of(stream_of(run), text)]) if text else ()
    return [replace(wanted, key=key, text=None) for key in keys if key]


async def each(org: OrgStore, run: Run, wanted: Wanted) -> AsyncIterator[dict[str, Any]]:
    """All records to which `page` or `search` leads, those first of which it is known what became of them."""
    for exact in await _exact(org, run, wanted):
        if (await _look(org, run, exact, None, 1)).records:
            wanted = exact
            break
    if wanted.outcome not in PLANNED:
        async for one in org.records.each(run, wanted):
            yield one
    if wanted.outcome in PLANNED or _begins_with_planned(run, wanted, None):
        async for one in pending_each(org, run, wanted):
            yield one


async def _look(org: OrgStore, run: Run, wanted: Wanted, after: str | None, limit: int) -> Looked:
    if wanted.outcome in PLANNED:
        return await pending_look(org, run, wanted, after=after, limit=limit)
    if not _begins_with_planned(run, wanted, after):
        return await org.records.look(run, wanted, after=after, limit=limit)
    found = await pending_look(org, run, wanted, after=after, limit=limit)
    if found.goes_on or len(found.records) >= limit:
        return found
    rest = await org.records.look(run, wanted, after=None, limit=limit - len(found.records))
    return Looked(found.records + rest.records, rest.goes_on)


async def page(org: OrgStore, run: Run, wanted: Wanted, *, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Records of the run from behind the cursor `after`; of one that was not applied the planned ones come first."""
    if wanted.outcome in PLANNED:
        return await pending_page(org, run, wanted, after=after, limit=limit)
    if not _begins_with_planned(run, wanted, after):
        return await org.records.page(run, wanted, after=after, limit=limit)
    found = await pending_page(org, run, wanted, after=after, limit=limit)
    left = limit - len(found)
    return found + (await org.records.page(run, wanted, limit=left) if left else [])


def _begins_with_planned(run: Run, wanted: Wanted, after: str | None) -> bool:
    """A cursor of a planned record names its slice; a stored one's does not."""
    return wanted.outcome in (None, SETTLED) and run.state in UNAPPLIED and (not after or ":" in after)


async def named(
    org: OrgStore, connections: Sequence[Connection], direction: str, data_type: str, text: str
) -> list[Known]:
    """Records that were sent, and whose name has all these words in it; at most so many."""
    words = plain(text).split()
    found: list[Known] = []
    for connection in connections if words else ():
        async for entries in org.buckets.every(stream_id(connection.id, direction, data_type)):
            found += [
                Known(connection.id, key, label_in(entry), entry[1])
                for key, entry in entries.items()
                if _has(label_in(entry), words)
            ]
            if len(found) >= MOST_NAMED:
                return found[:MOST_NAMED]
    return found


def _has(label: str, words: Sequence[str]) -> bool:
    told = plain(label)
    return all(word in told for word in words)
