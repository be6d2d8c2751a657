"""How far the changes of a SIS have been read, per (connection, direction, data type, school year)."""

from shared.store.scoped import Collection


class Cursors:
    def __init__(self, collection: Collection) -> None:
        self._cursors = collection

    async def get(self, state: str) -> str:
        """What the SIS gave, to ask for changes since; blank where nothing was read yet."""
        found = await self._cursors.get({"_id": state})
        return str(found["cursor"]) if found else ""

    async def set(self, state: str, cursor: str) -> None:
        await self._cursors.update({"_id": state}, {"$set": {"cursor": cursor}}, upsert=True)

    async def forget_connection(self, connection: str) -> int:
        """Drop every cursor of a connection."""
        return await self._cursors.delete({"_id": {"$gte": f"{connection}|", "$lt": f"{connection}}}"}})
