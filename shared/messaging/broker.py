"""Connecting to RabbitMQ and declaring the topology."""

import asyncio
import contextlib
from collections.abc import Iterator

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from yarl import URL

from shared.contracts.topology import Topology
from shared.model.error_texts import said
from shared.model.errors import BadSettings, Unavailable

OLDEST = (3, 10)
CONNECT_SECONDS = 10.0
DECLARE_SECONDS = 15.0
CLOSE_SECONDS = 3.0
LOST = (aio_pika.exceptions.AMQPError, ConnectionError, OSError, TimeoutError, RuntimeError)
"""What aio-pika raises when the broker goes away in the middle of anything."""


class CutShort(ConnectionError):
    """What was waited for was cancelled, though nobody cancelled us."""


@contextlib.contextmanager
def own_cancellation_only() -> Iterator[None]:
    """aio-pika may end whoever waits for a lost connection by CancelledError, which would quietly end our task.

    Raises:
        CutShort: in its place, unless this very task was told to end.
    """
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise CutShort from None


async def connect(url: str, name: str) -> AbstractConnection:
    """A plain connection: whoever owns it watches it close and makes a new one.

    Raises:
        Unavailable: nobody answers. The address is never in the message: it carries a password.
        BadSettings: the credentials are refused, or the broker is too old.
    """
    where = URL(url).host
    connection = aio_pika.Connection(URL(url), client_properties={"connection_name": name})
    try:
        await connection.connect(timeout=CONNECT_SECONDS)
    except BaseException as error:
        await close(connection)  # one that is left open closes itself when it is collected, in whatever loop runs then
        if isinstance(error, aio_pika.exceptions.ProbableAuthenticationError):
            raise BadSettings(*said("broker.login_refused", where=where)) from None
        if isinstance(error, LOST):
            raise Unavailable(*said("broker.unreachable", where=where, name=type(error).__name__)) from None
        raise
    version = broker_version(connection)
    if version < OLDEST:
        await close(connection)
        found = ".".join(map(str, version))
        raise BadSettings(*said("broker.too_old", found=found))
    return connection


def broker_version(connection: AbstractConnection) -> tuple[int, ...]:
    transport = connection.transport
    if transport is None:
        raise Unavailable(*said("broker.cut"))
    text = str(transport.connection.server_properties.get("version", "0"))
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


async def declare(channel: AbstractChannel, topology: Topology) -> None:
    """Declare everything. Doing it again changes nothing. What is bound no more goes last, so that nothing is lost.

    Raises:
        TimeoutError: a quorum queue without a majority answers nothing at all.
    """
    async with asyncio.timeout(DECLARE_SECONDS):
        for exchange in topology.exchanges():
            await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
        for queue in topology.queues():
            declared = await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments))
            for binding in queue.bindings:
                await declared.bind(binding.exchange, binding.routing_key, arguments=binding.headers)
        for queue in topology.queues():
            for binding in queue.unbound:
                declared = await channel.get_queue(queue.name, ensure=False)
                await declared.unbind(binding.exchange, binding.routing_key, arguments=binding.headers)


async def close(connection: AbstractConnection) -> None:
    """Close it, or give up on a broker that does not answer."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.close()
