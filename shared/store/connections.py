"""Connections of one organization. Sealed secrets stand beside a connection and are read only to open them."""

from typing import Any

from bson import Binary

from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import Conflict, NotFound
from shared.store.scoped import Collection, Document, Duplicate


class Connections:
    def __init__(self, collection: Collection) -> None:
        self._connections = collection

    async def add(self, connection: Connection, sealed: bytes | None) -> None:
        """Raises Conflict where the organization has a connection of this name."""
        document = {**connection.model_dump(exclude={"id", "org"}), "_id": connection.id}
        if sealed is not None:
            document["secrets"] = Binary(sealed)
        try:
            await self._connections.insert(document)
        except Duplicate:
            raise Conflict(*said("connection.name_taken")) from None

    async def get(self, id: str) -> Connection:
        """Raises NotFound."""
        document = await self._connections.get({"_id": id})
        if document is None:
            raise NotFound(*said("connection.not_found"))
        return to_connection(document)

    async def all(self) -> list[Connection]:
        return [to_connection(one) for one in await self._connections.all({}, sort=[("name", 1)])]

    async def set(self, id: str, **values: Any) -> Connection:
        """Replace some values. Raises NotFound."""
        if not await self._connections.update({"_id": id}, {"$set": values}):
            raise NotFound(*said("connection.not_found"))
        return await self.get(id)

    async def set_secrets(self, id: str, sealed: bytes) -> None:
        if not await self._connections.update({"_id": id}, {"$set": {"secrets": Binary(sealed)}}):
            raise NotFound(*said("connection.not_found"))

    async def secrets(self, id: str) -> bytes | None:
        document = await self._connections.get({"_id": id}, ["secrets"])
        return bytes(document["secrets"]) if document and "secrets" in document else None


def to_connection(document: Document) -> Connection:
    return Connection.model_validate({**document, "id": document["_id"]})
