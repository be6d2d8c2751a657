"""Connecting to RabbitMQ and declaring the topology."""

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from yarl import URL

from shared.contracts.topology import Topology
from shared.model.errors import BadSettings, Unavailable

OLDEST = (3, 10)
LOST = (aio_pika.exceptions.AMQPError, ConnectionError, OSError, TimeoutError, RuntimeError)
"""What aio-pika raises when the broker goes away in the middle of anything."""


async def connect(url: str, name: str) -> AbstractConnection:
    """A plain connection: whoever owns it watches it close and makes a new one.

    Raises:
        Unavailable: nobody answers. The address is never in the message: it carries a password.
        BadSettings: the credentials are refused, or the broker is too old.
    """
    where = URL(url).host
    try:
        connection = await aio_pika.connect(url, timeout=10, client_properties={"connection_name": name})
    except aio_pika.exceptions.ProbableAuthenticationError:
        raise BadSettings(
            "broker.login_refused", f"RabbitMQ at {where} refused the login.", "Check SYNC_AMQP_URL."
        ) from None
    except LOST as error:
        raise Unavailable(
            "broker.unreachable", f"RabbitMQ at {where} does not answer ({type(error).__name__})."
        ) from None
    version = broker_version(connection)
    if version < OLDEST:
        await connection.close()
        found = ".".join(map(str, version))
        raise BadSettings("broker.too_old", f"RabbitMQ {found} is too old.", "Use RabbitMQ 3.10 or later.")
    return connection


def broker_version(connection: AbstractConnection) -> tuple[int, ...]:
    transport = connection.transport
    if transport is None:
        raise Unavailable("broker.unreachable", "The connection to RabbitMQ was lost while it was made.")
    text = str(transport.connection.server_properties.get("version", "0"))
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


async def declare(channel: AbstractChannel, topology: Topology) -> None:
    """Declare everything. Doing it again changes nothing."""
    for exchange in topology.exchanges():
        await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
    for queue in topology.queues():
        declared = await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments))
        for binding in queue.bindings:
            await declared.bind(binding.exchange, binding.routing_key, arguments=binding.headers)
