"""A lease with a fence on a document: who works on it, until when, and a number that grows at every take-over.

Fields: `owner`, `lease_until`, `fence`. Every later write names the fence, so a worker that was thought dead and comes
back changes nothing. Clocks of the machines may differ by less than the lease; the fence holds whatever they say.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.store.scoped import Collection, Document

FIRST = 1
"""The fence of whoever is the first to hold a document."""
RELEASED = {"owner": "", "lease_until": ""}


async def acquire(
    collection: Collection,
    id: str,
    *,
    states: Sequence[str],
    owner: str,
    seconds: float,
    also: Mapping[str, Any] | None = None,
    is_new: bool = False,
) -> Document | None:
    """The document with its new fence, or None where somebody holds it or its state is another.

    Read, then taken if nobody was faster: SecantusDB scans the collection for a find-and-modify (docs/decisions.md).
    `is_new`: it has probably never been held, so that it is taken while it is read.
    """
    now = datetime.now(UTC)
    taken = held_by(owner, seconds)
    change = {"$set": taken, "$inc": {"fence": 1}, **(also or {})}
    is_first = False
    if is_new:
        first = fenced(id, 0, state={"$in": list(states)})
        found, is_first = await asyncio.gather(collection.get({"_id": id}), collection.update(first, change))
    else:
        found = await collection.get({"_id": id})
    if is_first and (found is None or found["state"] not in states):
        found = await collection.get({"_id": id})  # it came into this state between the two
    if found is None or found["state"] not in states:
        return None
    if is_first:
        return {**found, **taken, "fence": FIRST}
    if _is_held(found, now) or not await collection.update(fenced(id, found["fence"], state=found["state"]), change):
        return None
    return {**found, **taken, "fence": found["fence"] + 1}


def first_held_by(owner: str, seconds: float) -> Document:
    """The values of a document that nobody has held, when it is taken."""
    return {**held_by(owner, seconds), "fence": FIRST}


def held_by(owner: str, seconds: float) -> Document:
    return {"owner": owner, "lease_until": datetime.now(UTC) + timedelta(seconds=seconds)}


def _is_held(document: Document, now: datetime) -> bool:
    return "lease_until" in document and bool(document["lease_until"] >= now)


async def renew(collection: Collection, id: str, *, fence: int, seconds: float) -> bool:
    """False where the lease was lost."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    return await collection.update({"_id": id, "fence": fence}, {"$set": {"lease_until": until}})


async def release(collection: Collection, id: str, *, fence: int) -> None:
    await collection.update({"_id": id, "fence": fence}, {"$unset": dict(RELEASED)})


def fenced(id: str, fence: int, **more: Any) -> dict[str, Any]:
    """The filter of a write that only the holder of the fence may do."""
    return {"_id": id, "fence": fence, **more}
