"""Whose message is worked on next: a few at once, fewer of one organization, and those that wait take turns.

A queue is first in, first out: without turns a district whose SIS is slow, or whose file is large, holds up the others.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator


class Turns:
    """`hands` are worked on at once, and of these `each` of one owner at most."""

    def __init__(self, hands: int, each: int) -> None:
        self._free = hands
        self._each = each
        self._held = Counter[str]()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._closed = False

    def close(self) -> None:
        """Nobody gets a hand any more: those who wait are cancelled, and those who come."""
        self._closed = True
        for turn in [turn for turns in self._waiting.values() for turn in turns]:
            turn.cancel()

    @contextlib.asynccontextmanager
    async def of(self, owner: str) -> AsyncIterator[None]:
        """Wait for a hand, and have it inside. Whoever is cancelled while waiting has never had one."""
        await self._get(owner)
        try:
            yield
        finally:
            self._give_back(owner)

    async def _get(self, owner: str) -> None:
        if self._may(owner):
            self._take(owner)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        if self._closed:
            turn.cancel()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given a hand at the same moment
                self._give_back(owner)
            raise

    def _may(self, owner: str) -> bool:
        """Nobody is passed over by this: whoever waits while a hand is free has as many as are allowed."""
        return self._free > 0 and self._held[owner] < self._each and not self._closed

    def _take(self, owner: str) -> None:
        self._free -= 1
        self._held[owner] += 1

    def _give_back(self, owner: str) -> None:
        self._free += 1
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._serve()

    def _serve(self) -> None:
        """Give what is free to those who may have it; who was served goes to the end of the row."""
        for owner in list(self._waiting):
            turns = self._waiting[owner]
            while turns and turns[0].done():  # cancelled
                turns.popleft()
            if turns and self._may(owner):
                self._take(owner)
                turns.popleft().set_result(None)
                self._waiting[owner] = self._waiting.pop(owner)
            if not turns:
                del self._waiting[owner]
