"""What was last sent, per record key: `key -> (digest, target id, missing, mark, label)`, 256 documents per state.

A state belongs to one (connection, direction, data type, school year). Keys come from people, so a bucket's entries
are one compressed JSON value and never field names. A bucket is written whole, under a version that only grows
(`run number << 20 | fence`), so a worker that was overtaken cannot put old entries back.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from typing import TypeAlias

import orjson
from bson import Binary

from shared.model.run import Run
from shared.store.scoped import Collection, Document, Duplicate

BUCKETS = 256
AT_ONCE = 16
FEW = 4
"""So few are opened on the spot: that takes less than handing them to a thread."""

Entry: TypeAlias = tuple[str, str, int, str] | tuple[str, str, int, str, str]
"""Digest, target id, 1 where the record was missing from the last complete source, the mark of its row; and what people
call it (`label_in`), but for what was kept before records had labels."""

Entries: TypeAlias = dict[str, Entry]


def label_in(entry: Entry | None) -> str:
    return "".join(entry[4:]) if entry is not None else ""


def partly_sent(entries: Entries) -> Entries:
    """The same without digests and marks: a run looks at each record anew, whatever was sent of it."""
    return {key: ("", entry[1], entry[2], "", label_in(entry)) for key, entry in entries.items()}


def bucket_of(key: str) -> int:
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) & 0xFF


def version_of(number: int, fence: int) -> int:
    """The version under which a slice of a run is remembered: later runs stand above earlier ones."""
    return (number << 20) | min(fence, 0xFFFFF)


def state_id(connection: str, direction: str, data_type: str, school_year: int) -> str:
    return f"{connection}|{direction}|{data_type}|{school_year}"


def state_of(run: Run) -> str:
    return state_id(run.connection, run.direction, run.data_type, run.school_year)


class Buckets:
    """A bucket is found by its id alone: the collection needs no other index, which every write would pay for."""

    def __init__(self, collection: Collection) -> None:
        self._buckets = collection

    async def load(self, state: str, low: int, high: int) -> dict[int, Entries]:
        """Buckets `low` to `high`, both included; those never written are left out. One read."""
        documents = await self._buckets.with_ids([_id(state, number) for number in range(low, high + 1)])
        return _open(documents) if len(documents) <= FEW else await asyncio.to_thread(_open, documents)

    async def every(self, stream: str) -> AsyncIterator[Entries]:
        """All entries of a stream (connection, direction, data type), of any school year: a few buckets at a time."""
        ids = await self._buckets.ids_between(f"{stream}|", f"{stream}}}")
        for at in range(0, len(ids), AT_ONCE):
            for document in await self._buckets.with_ids(ids[at : at + AT_ONCE]):
                for entries in (await asyncio.to_thread(_open, [document])).values():
                    yield entries

    async def save(
        self, state: str, version: int, buckets: Mapping[int, Entries], *, held: Container[int] = frozenset()
    ) -> bool:
        """Write these buckets whole. False where a newer version already stands in one of them.

        `held` are those known to be there already. Two calls, more only where somebody else was at the same buckets.
        """
        sealed = await asyncio.to_thread(_seal, buckets)
        contents = {number: _content(state, version, number, sealed[number]) for number in sealed}
        fresh = [number for number in contents if number not in held]
        met = await self._buckets.insert_many([{"_id": _id(state, one), **contents[one]} for one in fresh])
        there = [number for number in contents if number in held] + [fresh[place] for place in met]
        changes = [(_older(state, number, version), {"$set": contents[number]}) for number in there]
        if await self._buckets.update_each(changes) == len(there):
            return True
        return all([await self._write(state, version, number, contents[number]) for number in there])

    async def _write(self, state: str, version: int, number: int, content: Document) -> bool:
        for _ in range(2):  # once more where an older version was made in between
            try:
                return await self._buckets.update(_older(state, number, version), {"$set": content}, upsert=True)
            except Duplicate:
                continue
        return False

    async def forget(self, state: str) -> int:
        """Drop a whole state: the next run looks everything up in the target."""
        return await self._buckets.delete({"_id": {"$in": [_id(state, number) for number in range(BUCKETS)]}})

    async def forget_connection(self, connection: str) -> int:
        """Drop every state of a connection."""
        return await self._buckets.delete({"_id": {"$gte": f"{connection}|", "$lt": f"{connection}}}"}})


def _id(state: str, number: int) -> str:
    return f"{state}|{number:02x}"


def _older(state: str, number: int, version: int) -> Document:
    return {"_id": _id(state, number), "version": {"$lte": version}}


def _content(state: str, version: int, number: int, sealed: bytes) -> Document:
    return {"state": state, "number": number, "version": version, "entries": Binary(sealed)}


def _open(documents: Sequence[Document]) -> dict[int, Entries]:
    return {document["number"]: orjson.loads(zlib.decompress(document["entries"])) for document in documents}


def _seal(buckets: Mapping[int, Entries]) -> dict[int, bytes]:
    return {number: zlib.compress(orjson.dumps(entries), 1) for number, entries in buckets.items()}
