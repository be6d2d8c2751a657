"""Announcements that wait in the very document whose change they announce: one write, never one without the other."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.envelope import Outgoing
from shared.store.scoped import Collection

NOTHING_WAITS = {"outbox": "", "outbox_at": ""}


def announcing(messages: Sequence[Outgoing]) -> dict[str, Any]:
    """The part of an update that puts messages into the outbox; merge it with `{"$set": ...}` of your own."""
    if not messages:
        return {}
    waiting = [one.model_dump(mode="json") for one in messages]
    return {"$push": {"outbox": {"$each": waiting}}, "$max": {"outbox_at": datetime.now(UTC)}}


def announced(messages: Sequence[Outgoing]) -> dict[str, Any]:
    """The same for a document that is inserted with its announcements."""
    if not messages:
        return {}
    return {"outbox": [one.model_dump(mode="json") for one in messages], "outbox_at": datetime.now(UTC)}


class Outboxes:
    """All outboxes of the deployment, for the relay. A place is a collection name."""

    def __init__(self, places: Mapping[str, Collection]) -> None:
        self._places = places

    async def sent(self, place: str, id: str, messages: Sequence[Outgoing]) -> None:
        """Take messages out that the broker has confirmed. They were put in together, so they stand together."""
        ids = [one.envelope.id for one in messages]
        only_these = {"_id": id, "outbox": {"$size": len(ids)}, "outbox.0.envelope.id": ids[0]}
        if not await self._places[place].update(only_these, {"$unset": dict(NOTHING_WAITS)}):
            await self._places[place].update({"_id": id}, {"$pull": {"outbox": {"envelope.id": {"$in": ids}}}})

    async def tidy(self, place: str, id: str) -> None:
        """Forget the waiting mark of an outbox that is empty."""
        await self._places[place].update({"_id": id, "outbox": []}, {"$unset": dict(NOTHING_WAITS)})

    async def left_behind(self, older_than: float, limit: int = 100) -> list[tuple[str, str, list[Outgoing]]]:
        """Place, id and messages that have waited `older_than` seconds: whoever wrote them is dead or cut off."""
        before = datetime.now(UTC) - timedelta(seconds=older_than)
        found: list[tuple[str, str, list[Outgoing]]] = []
        for place, collection in self._places.items():
            async for document in collection.find({"outbox_at": {"$lt": before}}, limit=limit, fields=["outbox"]):
                messages = [Outgoing.model_validate(one) for one in document.get("outbox", [])]
                found.append((place, document["_id"], messages))
        return found
