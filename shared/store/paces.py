"""How fast a SIS may be called: one clock for each connection, shared by all workers."""

import asyncio
import time

from shared.model.error_texts import said
from shared.model.errors import Throttled
from shared.store.scoped import Collection, Duplicate

MAX_WAIT_SECONDS = 30.0
GLANCE_SECONDS = 0.25


class Paces:
    def __init__(self, collection: Collection) -> None:
        self._paces = collection

    async def forget_connection(self, connection: str) -> int:
        return await self._paces.delete({"_id": connection})

    def of(self, connection: str, per_second: float) -> "Pace":
        return Pace(self._paces, connection, 1 / per_second if per_second else 0.0)


class Pace:
    """Hands out moments to call, `interval` seconds apart. The machines' clocks may differ by less than that.

    Without an interval only a pause matters, and whether another worker was told to make one is looked at four times a
    second.
    """

    def __init__(self, collection: Collection, connection: str, interval: float) -> None:
        self._paces = collection
        self._connection = connection
        self.interval = interval
        self._glanced = 0.0

    async def slot(self, patience: float) -> None:
        """Return when it is this caller's turn. Raises Throttled where that is more than `patience` seconds away."""
        while True:
            now = time.time()
            if not self.interval and now - self._glanced < GLANCE_SECONDS:
                return
            held = await self._paces.get({"_id": self._connection})
            free = max(now, held["free_at"]) if held else now
            if free - now > patience:
                raise Throttled(*said("sis.paused"), retry_after=free - now)
            if free - now > MAX_WAIT_SECONDS:
                await asyncio.sleep(MAX_WAIT_SECONDS)
            elif not self.interval or await self._take(held["free_at"] if held else None, free + self.interval):
                await asyncio.sleep(free - now)
                self._glanced = time.time()
                return

    async def glance(self) -> None:
        """Look ahead of the first call, which then need not look where nothing stands against it."""
        if self.interval:
            return
        held = await self._paces.get({"_id": self._connection})
        if held is None or held["free_at"] <= time.time():
            self._glanced = time.time()

    async def pause(self, seconds: float) -> None:
        """The SIS asked to wait: nobody calls before that."""
        until = time.time() + seconds
        self._glanced = 0.0
        await self._paces.update({"_id": self._connection}, {"$max": {"free_at": until}}, upsert=True)

    async def _take(self, was: float | None, free_at: float) -> bool:
        """False where somebody else was faster."""
        if was is None:
            try:
                await self._paces.insert({"_id": self._connection, "free_at": free_at})
            except Duplicate:
                return False
            return True
        return await self._paces.update({"_id": self._connection, "free_at": was}, {"$set": {"free_at": free_at}})
