"""The audit log: every decision, allowed or refused, with who, what and why. Added to, never changed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.envelope import ids_since, made_at, new_id
from shared.store.scoped import Collection, Document

SPANS = tuple(timedelta(hours=hours) for hours in (1, 8, 64, 512, 4096))


class Audit:
    def __init__(self, collection: Collection) -> None:
        self._audit = collection

    async def add(self, *, actor: str, deed: str, subject: str, allowed: bool, why: str) -> None:
        await self._audit.insert(
            {
                "_id": new_id("aud"),
                "at": datetime.now(UTC),
                "actor": actor,
                "deed": deed,
                "subject": subject,
                "allowed": allowed,
                "why": why,
            }
        )

    async def page(
        self,
        *,
        actor: str | None = None,
        deed: str | None = None,
        allowed: bool | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> list[dict[str, Any]]:
        """Newest first, from before the entry `before`; those of one person, of one deed, or allowed or refused."""
        asked = {"actor": actor, "deed": deed, "allowed": allowed}
        where: Document = {name: value for name, value in asked.items() if value is not None}
        most, found = min(limit, 500), list[Document]()
        for ids in looked_through(before, datetime.now(UTC)):
            found += await self._audit.all({**where, "_id": ids}, sort=[("_id", -1)], limit=most - len(found))
            if len(found) >= most:
                break
        return [{"id": one.pop("_id"), **{key: one[key] for key in one if key != "org"}} for one in found]


def looked_through(before: str | None, now: datetime) -> Iterator[Document]:
    """Bounds of ids, one behind the other from the newest on: each a longer while than the last, then all that is left.

    Ids are in the order of time, so that of very many entries only the newest are read.
    """
    try:
        newest = made_at(before) if before else now
    except ValueError:
        newest = now
    upper: Document = {"$lt": before} if before else {}
    for span in SPANS:
        lowest = ids_since("aud", newest - span)
        yield {"$gte": lowest, **upper}
        upper = {"$lt": lowest}
    yield upper
