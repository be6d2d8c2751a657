"""What people of one organization have not saved yet. It goes away by itself; what is kept is one JSON text each."""

from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel

from shared.store.scoped import Collection, Duplicate

Kept = TypeVar("Kept", bound=BaseModel)


class Drafts:
    """`owner` is the person: nobody sees the drafts of somebody else. A `name` tells one thing from another."""

    def __init__(self, collection: Collection) -> None:
        self._drafts = collection

    async def get(self, owner: str, connection: str, name: str, shape: type[Kept]) -> Kept | None:
        """None where there is none, or it is too old."""
        found = await self._drafts.get({**_key(owner, connection, name), "gone_at": {"$gt": datetime.now(UTC)}})
        return shape.model_validate_json(found["made"]) if found else None

    async def replace(
        self, owner: str, connection: str, name: str, before: Kept | None, made: Kept, keep: timedelta
    ) -> bool:
        """`put`, where there still is what there was `before` (None: nothing). Whether it was so; of two who do it at
        once one succeeds."""
        key, now = _key(owner, connection, name), datetime.now(UTC)
        change = {"$set": {"made": made.model_dump_json(), "gone_at": now + keep}}
        found = await self._drafts.get({**key, "gone_at": {"$gt": now}})
        if (type(made).model_validate_json(found["made"]) if found else None) != before:
            return False
        if found:
            return await self._drafts.update({**key, "made": found["made"]}, change)
        try:
            return await self._drafts.update({**key, "gone_at": {"$lte": now}}, change, upsert=True)
        except Duplicate:
            return False

    async def put(self, owner: str, connection: str, name: str, made: BaseModel, keep: timedelta) -> None:
        """In place of what was there, for as long as `keep`."""
        change = {"made": made.model_dump_json(), "gone_at": datetime.now(UTC) + keep}
        try:
            await self._drafts.update(_key(owner, connection, name), {"$set": change}, upsert=True)
        except Duplicate:  # two requests of the same person made it at the same moment
            await self._drafts.update(_key(owner, connection, name), {"$set": change})

    async def drop(self, owner: str, connection: str, name: str) -> None:
        await self._drafts.delete(_key(owner, connection, name))


def _key(owner: str, connection: str, name: str) -> dict[str, str]:
    return {"owner": owner, "connection": connection, "name": name}
