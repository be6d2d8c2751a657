"""Archived dead letters: messages that used up their attempts, could not be read, or killed whoever took them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from shared.contracts.envelope import Outgoing
from shared.store.outbox import announcing
from shared.store.scoped import Collection, Document, Duplicate


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter as archived. `body` is the message as it was, as text."""

    id: str
    type: str
    routing_key: str
    exchange: str
    body: str
    reason: str
    error: str
    code: str
    detail: str
    frames: str
    attempts: int
    first_failed: datetime
    last_failed: datetime
    org: str
    run: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which failed messages: by id, or by any of the others. Nothing given selects all that are waiting."""

    ids: Sequence[str] = ()
    type: str | None = None
    code: str | None = None
    reason: str | None = None
    org: str | None = None
    run: str | None = None

    def filter(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            name: value for name, value in asdict(self).items() if name != "ids" and value is not None
        }
        if self.ids:
            found["_id"] = {"$in": list(self.ids)}
        return found


class FailedMessages:
    """Operators look across organizations. States: waiting, replayed, discarded."""

    def __init__(self, collection: Collection) -> None:
        self._failed = collection

    async def archive(self, letter: DeadLetter) -> None:
        """Keep it. The same message dead again (after a replay) is waiting again, since it first failed, and its
        history says so."""
        document = {**asdict(letter), "_id": letter.id, "state": "waiting", "archived_at": datetime.now(UTC)}
        document.pop("id")
        try:
            await self._failed.insert(document)
        except Duplicate:
            first = document.pop("first_failed")
            act = {"state": "returned", "by": "sync-service", "why": "", "at": letter.last_failed}
            await self._failed.update(
                {"_id": letter.id, "last_failed": {"$lt": letter.last_failed}},
                {"$set": document, "$min": {"first_failed": first}, "$inc": {"deaths": 1}, "$push": {"acts": act}},
            )

    async def find(self, selection: Selection, *, state: str | None = "waiting", limit: int = 1000) -> list[Document]:
        """Oldest first; `limit` 0 for all."""
        return await self._failed.all(_where(selection, state), sort=[("first_failed", 1)], limit=limit)

    async def count(self, selection: Selection, *, state: str | None = "waiting") -> int:
        return await self._failed.count(_where(selection, state))

    async def replay(self, id: str, message: Outgoing, *, by: str, why: str) -> bool:
        """waiting -> replayed, announcing the message again under its own id."""
        return await self._close(id, "replayed", by, why, [message])

    async def discard(self, id: str, *, by: str, why: str) -> bool:
        """waiting -> discarded. It stays archived."""
        return await self._close(id, "discarded", by, why, [])

    async def remark(self, id: str, why: str) -> None:
        """What came of a message after its replay, kept with it."""
        act = {"state": "remark", "by": "sync-service", "why": why, "at": datetime.now(UTC)}
        await self._failed.update({"_id": id}, {"$push": {"acts": act}})

    async def _close(self, id: str, state: str, by: str, why: str, messages: Sequence[Outgoing]) -> bool:
        act = {"state": state, "by": by, "why": why, "at": datetime.now(UTC)}
        change: dict[str, Any] = {"$set": {"state": state}, **announcing(messages)}
        change["$push"] = {**change.get("$push", {}), "acts": act}
        return await self._failed.update({"_id": id, "state": "waiting"}, change)


def _where(selection: Selection, state: str | None) -> dict[str, Any]:
    return selection.filter() | ({"state": state} if state is not None else {})
