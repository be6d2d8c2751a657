"""A lease with a fence on a document: who works on it, until when, and a number that grows at every take-over.

Fields: `owner`, `lease_until`, `fence`. Every later write names the fence, so a worker that was thought dead and comes
back changes nothing. Clocks of the machines may differ by less than the lease; the fence holds whatever they say.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.store.scoped import Collection, Document

RELEASED = {"owner": "", "lease_until": ""}


async def acquire(
    collection: Collection,
    id: str,
    *,
    states: Sequence[str],
    owner: str,
    seconds: float,
    also: Mapping[str, Any] | None = None,
) -> Document | None:
    """The document with its new fence, or None where somebody holds it or its state is another."""
    now = datetime.now(UTC)
    return await collection.change(
        {
            "_id": id,
            "state": {"$in": list(states)},
            "$or": [{"lease_until": {"$exists": False}}, {"lease_until": {"$lt": now}}],
        },
        {
            "$set": {"owner": owner, "lease_until": now + timedelta(seconds=seconds)},
            "$inc": {"fence": 1},
            **(also or {}),
        },
    )


async def renew(collection: Collection, id: str, *, fence: int, seconds: float) -> bool:
    """False where the lease was lost."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    return await collection.update({"_id": id, "fence": fence}, {"$set": {"lease_until": until}})


async def release(collection: Collection, id: str, *, fence: int) -> None:
    await collection.update({"_id": id, "fence": fence}, {"$unset": dict(RELEASED)})


def fenced(id: str, fence: int, **more: Any) -> dict[str, Any]:
    """The filter of a write that only the holder of the fence may do."""
    return {"_id": id, "fence": fence, **more}
