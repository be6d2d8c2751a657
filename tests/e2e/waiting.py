"""Waiting for something that will be so, within a time, in place of sleeping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(ask: Callable[[], Awaitable[T]], what: str, *, seconds: float = 90, every: float = 0.05) -> T:
    """The first answer that counts as true. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: still {answer!r} after {seconds} s")
        await asyncio.sleep(every)
