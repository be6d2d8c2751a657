"""Proof that a part answers: a real AMQP handshake, a real ping."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import aio_pika
from pymongo import MongoClient

T = TypeVar("T")


def apart(function: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function in a thread and loop of its own: callers may or may not be inside a loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(function())).result()


def amqp_answers(url: str, timeout: float = 5.0) -> None:
    """Raise unless a connection can be opened and a channel used."""

    async def handshake() -> None:
        async with asyncio.timeout(timeout):
            connection = await aio_pika.connect(url)
            async with connection:
                await connection.channel()

    apart(handshake)


def mongo_answers(url: str, timeout: float = 5.0) -> None:
    """Raise unless the server answers a ping."""
    milliseconds = round(timeout * 1000)
    client: MongoClient[dict[str, Any]]
    with MongoClient(url, serverSelectionTimeoutMS=milliseconds, connectTimeoutMS=milliseconds) as client:
        client.admin.command("ping")
