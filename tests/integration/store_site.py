"""A store over a database of the test's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import TypeVar

import pytest

from shared.store.database import Store

T = TypeVar("T")


@pytest.fixture
async def store(mongo_url: str, unique: str) -> AsyncIterator[Store]:
    opened = Store(mongo_url, unique)
    await opened.ensure_indexes()
    yield opened
    opened.close()


async def at_once(work: Iterable[Awaitable[T]]) -> list[T]:
    return list(await asyncio.gather(*work))


async def refused(kind: type[Exception], work: Callable[[], Awaitable[object]]) -> None:
    with pytest.raises(kind):
        await work()
