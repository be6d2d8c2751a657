"""The audit log: every decision, allowed or refused, with who, what and why. Added to, never changed."""

from datetime import UTC, datetime
from typing import Any

from shared.contracts.envelope import new_id
from shared.store.scoped import Collection


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
        asked = {"actor": actor, "deed": deed, "allowed": allowed, "_id": {"$lt": before} if before else None}
        where = {name: value for name, value in asked.items() if value is not None}
        found = await self._audit.all(where, sort=[("_id", -1)], limit=min(limit, 500))
        return [{"id": one.pop("_id"), **{key: one[key] for key in one if key != "org"}} for one in found]
