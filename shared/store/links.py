"""The link ledger: which student of Enroll is which student of the SIS, and which creations are under way.

An entry is written before a student is created. One that stays without the SIS's id tells that the attempt was cut off.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from shared.store.scoped import Collection, Duplicate


class Link(NamedTuple):
    """`sis` is the id in the SIS, blank while the creation is under way. `own`: this very run began the creation."""

    sis: str
    own: bool


class Links:
    def __init__(self, collection: Collection) -> None:
        self._links = collection

    async def forget_connection(self, connection: str) -> int:
        """Drop the ledger of a connection."""
        return await self._links.delete({"connection": connection})

    def of(self, connection: str, run: str) -> "ConnectionLinks":
        return ConnectionLinks(self._links, connection, run)


class ConnectionLinks:
    """Those of one connection, as a run sees them. Students are Enroll's ids."""

    def __init__(self, links: Collection, connection: str, run: str) -> None:
        self._links = links
        self._connection = connection
        self._run = run

    async def known(self, students: Sequence[str]) -> dict[str, Link]:
        """Of each student who has an entry."""
        found = await self._links.with_ids([self._id(one) for one in students])
        return {one["student"]: Link(one.get("sis", ""), one.get("run") == self._run) for one in found}

    async def holders(self, ids: Sequence[str]) -> dict[str, str]:
        """The student of Enroll to whom each of these SIS ids belongs."""
        if not ids:
            return {}
        found = await self._links.all({"connection": self._connection, "sis": {"$in": list(ids)}})
        return {one["sis"]: one["student"] for one in found}

    async def begin(self, students: Sequence[str]) -> set[str]:
        """Note that these are about to be created. Gives back those who have an entry already."""
        now = datetime.now(UTC)
        about = {"connection": self._connection, "run": self._run, "at": now}
        entries = [{"_id": self._id(one), "student": one, **about} for one in students]
        return {students[place] for place in await self._links.insert_many(entries)}

    async def link(self, pairs: Mapping[str, str]) -> set[str]:
        """Student of Enroll to id in the SIS. Gives back the students whose SIS id belongs to somebody else."""
        taken = await asyncio.gather(*(self._link(*pair) for pair in pairs.items()))
        return {student for student, is_taken in zip(pairs, taken, strict=True) if is_taken}

    async def drop(self, students: Sequence[str]) -> None:
        """The SIS has refused to create these: nothing is under way any more."""
        if students:
            await self._links.delete({"_id": {"$in": [self._id(one) for one in students]}, "sis": {"$exists": False}})

    async def forget(self, students: Sequence[str]) -> None:
        """The SIS does not have these any more."""
        if students:
            await self._links.delete({"_id": {"$in": [self._id(one) for one in students]}})

    async def _link(self, student: str, id: str) -> bool:
        entry = {"connection": self._connection, "student": student, "sis": id, "at": datetime.now(UTC)}
        try:
            await self._links.update({"_id": self._id(student)}, {"$set": entry}, upsert=True)
        except Duplicate:
            return True
        return False

    def _id(self, student: str) -> str:
        return f"{self._connection}|{student}"
