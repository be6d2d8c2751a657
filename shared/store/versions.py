"""Versions that never change, of whatever has a name: saved one after the other, never twice under one number."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

import orjson
from pydantic import BaseModel

from shared.contracts.envelope import new_id
from shared.model.error_texts import said
from shared.model.errors import Conflict, Unavailable
from shared.model.saved import Saved
from shared.store.scoped import Collection, Document, Duplicate

One = TypeVar("One", bound=Saved)
Name = Mapping[str, str]
NEWEST_FIRST = [("version", -1)]


class Versions(Generic[One]):
    """A name is all that tells one thing from another, such as connection and name.

    The parts that people make (`packed`) may hold what the database does not take, so they are kept as one JSON text.
    """

    def __init__(self, collection: Collection, model: type[One], prefix: str, packed: Sequence[str]) -> None:
        self._collection = collection
        self._model = model
        self._prefix = prefix
        self._packed = frozenset(packed)

    async def add(self, draft: BaseModel, name: Name, by: str, base: int | None = None) -> One:
        """Save as the next version of `name`.

        Raises:
            Conflict: it began from version `base` (0: from none), and another one is the newest. Of two who save at
                once the number of the version lets one pass; the other one looks again, and finds it.
        """
        for _ in range(10):
            latest = await self.latest(name)
            if base is not None and base != (latest.version if latest else 0):
                raise _newer(base, latest)
            about = {"id": new_id(self._prefix), "version": latest.version + 1 if latest else 1, "created_by": by}
            made = self._model.model_validate({**draft.model_dump(), **name, **about, "created_at": datetime.now(UTC)})
            try:
                await self._collection.insert(self._document(made))
            except Duplicate:
                continue
            return made
        raise Unavailable(*said("saved.busy"))

    async def get(self, where: Document) -> One | None:
        document = await self._collection.get(where)
        return self._shape(document) if document else None

    async def latest(self, name: Name) -> One | None:
        return next(iter(await self.all(name, limit=1)), None)

    async def numbered(self, name: Name, version: int) -> One | None:
        document = await self._collection.get({**name, "version": version})
        return self._shape(document) if document else None

    async def latest_id(self, name: Name) -> str:
        """The same for whoever needs no more; blank where there is none."""
        found = await self._collection.all(name, sort=NEWEST_FIRST, limit=1)
        return str(found[0]["_id"]) if found else ""

    async def all(self, where: Name, limit: int) -> list[One]:
        """Newest first."""
        found = await self._collection.all(where, sort=NEWEST_FIRST, limit=limit)
        return [self._shape(one) for one in found]

    def _document(self, one: One) -> Document:
        made = one.model_dump(mode="json", include=set(self._packed))
        about = one.model_dump(mode="json", exclude={"id", *self._packed})
        return {**about, "_id": one.id, "made": orjson.dumps(made).decode()}

    def _shape(self, document: Document) -> One:
        about = {key: value for key, value in document.items() if key not in ("_id", "org", "made")}
        return self._model.model_validate({**about, **orjson.loads(document["made"]), "id": document["_id"]})


def _newer(base: int, latest: Saved | None) -> Conflict:
    if latest is None or latest.version < base:
        return Conflict(*said("saved.no_such_base", base=base, newest=latest.version if latest else 0))
    at = f"{latest.created_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return Conflict(*said("saved.newer", base=base, version=latest.version, by=latest.created_by, at=at))
