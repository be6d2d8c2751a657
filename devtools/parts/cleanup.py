"""Remove what a test or a stack left in a shared broker or database, on connections of its own."""

import asyncio
from collections.abc import Iterable
from typing import Any

import aio_pika
from pymongo import MongoClient

from shared.contracts.topology import DEFAULT_RETRY_DELAYS, Topology


async def drop_broker_objects(
    amqp_url: str,
    prefix: str,
    *,
    retry_delays: Iterable[float] = DEFAULT_RETRY_DELAYS,
    extra_queues: Iterable[str] = (),
    timeout: float = 30.0,
) -> None:
    """Delete the exchanges and queues that start with `prefix`, whether or not they exist."""
    topology = Topology(prefix, tuple(sorted(retry_delays)))
    async with asyncio.timeout(timeout):
        connection = await aio_pika.connect(amqp_url)
        async with connection:
            channel = await connection.channel()
            # Plainly: with if_unused a quorum queue answers with error 540 and the connection is gone.
            for queue in (*(queue.name for queue in topology.queues()), *extra_queues):
                await channel.queue_delete(queue)
            for exchange in topology.exchanges():
                await channel.exchange_delete(exchange.name)


def drop_database(mongo_url: str, name: str, *, timeout: float = 30.0) -> None:
    client: MongoClient[dict[str, Any]]
    with MongoClient(mongo_url, serverSelectionTimeoutMS=round(timeout * 1000)) as client:
        client.drop_database(name)
