"""The one place where queries are scoped by organization: whoever holds a `Scoped` cannot reach anyone else's data."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from motor.motor_asyncio import AsyncIOMotorCollection
from pymongo import ReturnDocument, UpdateOne, errors

from shared.model.error_texts import said
from shared.model.errors import Unavailable

Document: TypeAlias = dict[str, Any]
Filter: TypeAlias = Mapping[str, Any]
Sort: TypeAlias = Sequence[tuple[str, int]]


class Duplicate(Exception):
    """A unique index already holds this."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Driver errors that pass by themselves become `Unavailable`; the address (it holds a password) is left out.

    Raises:
        Unavailable: the database is away, or busy changing its primary.
        Duplicate: a unique index refused.
    """
    try:
        yield
    except errors.DuplicateKeyError:
        raise Duplicate from None
    except (
        errors.ConnectionFailure,
        errors.WriteConcernError,
        errors.ExecutionTimeout,
        errors.CursorNotFound,
    ) as error:
        raise _unreachable(error) from None


def _unreachable(error: BaseException) -> Unavailable:
    return Unavailable(*said("store.unreachable", name=type(error).__name__))


class Collection:
    """A collection whose every filter and document carries `scope`. An empty scope is for system work only."""

    def __init__(self, collection: AsyncIOMotorCollection[Document], scope: Document) -> None:
        self._collection = collection
        self._scope = scope

    def within(self, where: Filter | None = None) -> Document:
        return {**(where or {}), **self._scope}

    async def insert(self, document: Document) -> None:
        """Raises Duplicate."""
        with translated():
            await self._collection.insert_one(self.within(document))

    async def insert_many(self, documents: Sequence[Document]) -> list[int]:
        """Insert in any order. Returns the positions of those that were there already."""
        if not documents:
            return []
        try:
            with translated():
                await self._collection.insert_many([self.within(one) for one in documents], ordered=False)
        except errors.BulkWriteError as error:
            failures = (error.details or {}).get("writeErrors", [])
            if (error.details or {}).get("writeConcernErrors"):
                raise _unreachable(error) from None  # written, but nobody knows for how long
            if any(failure.get("code") != 11000 for failure in failures):
                raise
            return [int(failure["index"]) for failure in failures]
        return []

    async def update_each(self, changes: Sequence[tuple[Filter, Mapping[str, Any]]]) -> int:
        """Update one document for each filter, in any order and in one call. How many there were."""
        if not changes:
            return 0
        updates = [UpdateOne(self.within(where), change) for where, change in changes]
        with translated():
            try:
                result = await self._collection.bulk_write(updates, ordered=False)
            except errors.BulkWriteError as error:
                if (error.details or {}).get("writeConcernErrors"):
                    raise _unreachable(error) from None
                raise
        return int(result.matched_count)

    async def get(self, where: Filter, fields: Sequence[str] | None = None) -> Document | None:
        if list(where) == ["_id"] and not isinstance(where["_id"], Mapping) and fields is None:
            return await self._by_id(where)
        with translated():
            return await self._collection.find_one(self.within(where), list(fields) if fields else None)

    async def _by_id(self, where: Filter) -> Document | None:
        """By nothing but the id, which servers are quickest at; whose it is, is looked at here."""
        with translated():
            found = await self._collection.find_one(where)
        return found if found is not None and self._is_ours(found) else None

    async def with_ids(self, ids: Sequence[str]) -> list[Document]:
        """Those of these ids that there are, in any order: asked for as `get` asks for one by its id."""
        with translated():
            found = await self._collection.find({"_id": {"$in": list(ids)}}).to_list(None)
        return [one for one in found if self._is_ours(one)]

    async def ids_between(self, low: str, high: str) -> list[str]:
        """The ids from `low` to below `high`, asked for like `with_ids`."""
        with translated():
            found = await self._collection.find({"_id": {"$gte": low, "$lt": high}}, list(self._scope)).to_list(None)
        return sorted(one["_id"] for one in found if self._is_ours(one))

    def _is_ours(self, document: Document) -> bool:
        return all(document.get(name) == value for name, value in self._scope.items())

    async def find(
        self, where: Filter, *, sort: Sort = (), limit: int = 0, fields: Sequence[str] | None = None, batch: int = 0
    ) -> AsyncIterator[Document]:
        """`batch` documents at a time travel over the wire; 0 leaves it to the driver."""
        cursor = self._collection.find(
            self.within(where), list(fields) if fields else None, limit=limit, batch_size=batch
        )
        if sort:
            cursor = cursor.sort(list(sort))
        with translated():
            async for document in cursor:
                yield document

    async def all(
        self, where: Filter, *, sort: Sort = (), limit: int = 0, fields: Sequence[str] | None = None
    ) -> list[Document]:
        return [one async for one in self.find(where, sort=sort, limit=limit, fields=fields)]

    async def update(self, where: Filter, change: Mapping[str, Any], *, upsert: bool = False) -> bool:
        """True where a document matched (or was made). Raises Duplicate."""
        with translated():
            result = await self._collection.update_one(self.within(where), change, upsert=upsert)
        return result.matched_count > 0 or result.upserted_id is not None

    async def update_many(self, where: Filter, change: Mapping[str, Any]) -> int:
        with translated():
            result = await self._collection.update_many(self.within(where), change)
        return int(result.modified_count)

    async def change(
        self, where: Filter, change: Mapping[str, Any], *, upsert: bool = False, sort: Sort = ()
    ) -> Document | None:
        """Update one and return it as it is afterwards. Raises Duplicate."""
        with translated():
            return await self._collection.find_one_and_update(
                self.within(where),
                change,
                upsert=upsert,
                sort=list(sort) or None,
                return_document=ReturnDocument.AFTER,
            )

    async def replace(self, where: Filter, document: Document, *, upsert: bool = False) -> bool:
        """Raises Duplicate."""
        with translated():
            result = await self._collection.replace_one(self.within(where), self.within(document), upsert=upsert)
        return result.matched_count > 0 or result.upserted_id is not None

    async def delete(self, where: Filter) -> int:
        with translated():
            result = await self._collection.delete_many(self.within(where))
        return int(result.deleted_count)

    async def count(self, where: Filter, *, limit: int = 0) -> int:
        options: dict[str, Any] = {"limit": limit} if limit else {}
        with translated():
            return int(await self._collection.count_documents(self.within(where), **options))
