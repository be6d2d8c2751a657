"""Connections of one organization. Sealed secrets stand beside a connection and are read only to open them."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bson import Binary

from shared.contracts.envelope import new_id
from shared.model.connection import Connection, Instance
from shared.model.error_texts import said
from shared.model.errors import Conflict, NotFound
from shared.model.zone import zone_of
from shared.store.scoped import Collection, Document, Duplicate

_NAMED: Final = {"name", "kind", "instance", "time_zone", "created_at", "created_by"}


class Connections:
    """Of one that was deleted a stone is left, with what names it and nothing that opens anything."""

    def __init__(self, collection: Collection, stones: Collection) -> None:
        self._connections = collection
        self._stones = stones

    async def add(self, connection: Connection, sealed: bytes | None) -> None:
        """Raises Conflict where the organization has a connection of this name."""
        document = {**connection.model_dump(exclude={"id", "org"}), "_id": connection.id}
        if sealed is not None:
            document |= _credentials(sealed)
        try:
            await self._connections.insert(document)
        except Duplicate:
            raise Conflict(*said("connection.name_taken")) from None

    async def get(self, id: str) -> Connection:
        """Raises NotFound."""
        connection = await self.find(id)
        if connection is None:
            raise NotFound(*said("connection.not_found"))
        return connection

    async def find(self, id: str) -> Connection | None:
        document = await self._connections.get({"_id": id})
        return to_connection(document) if document else None

    async def known(self, id: str) -> Connection:
        """The same, also where it was deleted: by its name, kind, instance and time zone. Raises NotFound."""
        document = await self._connections.get({"_id": id}) or await self._stones.get({"_id": id})
        if document is None:
            raise NotFound(*said("connection.not_found"))
        return to_connection(document)

    async def known_of(self, ids: Sequence[str]) -> dict[str, Connection]:
        """Those of these ids that there are or were, as `known` has them."""
        found = {one["_id"]: one for one in await self._connections.with_ids(ids)}
        found |= {one["_id"]: one for one in await self._stones.with_ids([one for one in ids if one not in found])}
        return {id: to_connection(one) for id, one in found.items()}

    async def gone(self, *, search: str = "", limit: int = 50) -> list[Connection]:
        """Those that were deleted, as `known` has them, by name; whose names have `search` in them, in any case."""
        found = await self._stones.all(_called(search), sort=[("name", 1)], limit=limit)
        return [to_connection(one) for one in found]

    async def gone_last(self, limit: int) -> list[Connection]:
        """Those that were deleted last, the last first, as `known` has them."""
        return [to_connection(one) for one in await self._stones.all({}, sort=[("deleted_at", -1)], limit=limit)]

    async def of_instance(self, instance: Instance) -> list[str]:
        """The ids of those that belong to this Enroll, or did until they were deleted."""
        found = [one for held in (self._connections, self._stones) for one in await _ids(held, instance)]
        return sorted(set(found))

    async def names(self) -> list[tuple[str, str]]:
        """Name and time zone of each, by name: all that is read of them."""
        fields = ["name", "time_zone", "schedule.zone", "export_schedule.zone"]
        return [(one["name"], _zone(one)) for one in await self._connections.all({}, sort=[("name", 1)], fields=fields)]

    async def all(self) -> list[Connection]:
        return [to_connection(one) for one in await self._connections.all({}, sort=[("name", 1)])]

    async def page(self, *, search: str = "", after: str = "", limit: int = 50) -> list[Connection]:
        """By name, from behind the name `after`; those whose names have `search` in them, in any case."""
        found = await self._connections.all(_called(search, after), sort=[("name", 1)], limit=limit)
        return [to_connection(one) for one in found]

    async def named(self, name: str) -> Connection | None:
        """The one of exactly this name."""
        found = await self._connections.get({"name": name})
        return to_connection(found) if found else None

    async def count(self, search: str) -> int:
        """How many have `search` in their names."""
        return await self._connections.count(_called(search))

    async def set(self, id: str, **values: Any) -> Connection:
        """Replace some values. Raises NotFound."""
        if not await self._connections.update({"_id": id}, {"$set": values}):
            raise NotFound(*said("connection.not_found"))
        return await self.get(id)

    async def replace(self, before: Connection, **values: Any) -> Connection | None:
        """`set`, where it still is as it was `before`; None where it is not. Of two who do it at once one succeeds."""
        found = await self._connections.get({"_id": before.id})
        if found is None or to_connection(found) != before:
            return None
        held = {name: found.get(name, {"$exists": False}) for name in values}
        if not await self._connections.update({"_id": before.id, **held}, {"$set": values}):
            return None
        return await self.get(before.id)

    async def delete(self, connection: Connection, by: str) -> None:
        """With its settings, schedules and credentials. The stone comes first: cut off in between, both are there.

        Raises NotFound.
        """
        await self.get(connection.id)
        kept = connection.model_dump(include=_NAMED)
        stone = {**kept, "_id": connection.id, "deleted_at": datetime.now(UTC), "deleted_by": by}
        await self._stones.replace({"_id": connection.id}, stone, upsert=True)
        await self._connections.delete({"_id": connection.id})

    async def set_secrets(self, id: str, sealed: bytes) -> None:
        if not await self._connections.update({"_id": id}, {"$set": _credentials(sealed)}):
            raise NotFound(*said("connection.not_found"))

    async def secrets(self, id: str) -> bytes | None:
        document = await self._connections.get({"_id": id}, ["secrets"])
        return bytes(document["secrets"]) if document and "secrets" in document else None


async def _ids(held: Collection, instance: Instance) -> list[str]:
    return [one["_id"] for one in await held.all({"instance": instance}, fields=["_id"])]


def _credentials(sealed: bytes) -> Document:
    return {"secrets": Binary(sealed), "credentials_id": new_id("login")}


def _called(search: str, after: str = "") -> Document:
    name: Document = {"$gt": after} if after else {}
    if search:
        name |= {"$regex": re.escape(search), "$options": "i"}
    return {"name": name} if name else {}


def _zone(document: Document) -> str:
    planned = (document.get(name) or {} for name in ("schedule", "export_schedule"))
    return zone_of(document.get("time_zone", ""), *(one.get("zone", "") for one in planned))


def to_connection(document: Document) -> Connection:
    return Connection.model_validate({**document, "id": document["_id"]})
