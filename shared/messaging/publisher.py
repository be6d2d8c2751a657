"""Publishing with confirms: when `publish` returns, the broker has the message safe in a queue."""

import asyncio
from collections.abc import Iterable
from typing import Any, Protocol

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange

from shared.contracts.envelope import CONTENT_TYPE, Outgoing
from shared.contracts.topology import Topology
from shared.messaging.broker import close, connect, declare, own_cancellation_only
from shared.model.error_texts import said
from shared.model.errors import SyncError, Unavailable
from shared.telemetry.metrics import PUBLISHED

ATTEMPT_HEADER = "x-sync-attempt"
CONFIRM_SECONDS = 15.0
PUBLISH_SECONDS = 20.0  # all of it: waiting for a place in the window, connecting, declaring, the confirm
WINDOW = 100


class Publishing(Protocol):
    """What whoever has something to announce needs."""

    async def publish(self, messages: Iterable[Outgoing]) -> None:
        """All of them confirmed, or Unavailable."""


class Publisher:
    """A connection of its own for publishing, made when first needed and made anew after it was lost.

    Raises:
        Unavailable: the broker is away, refuses, or (for a mandatory message) no queue takes it.
    """

    def __init__(self, url: str, topology: Topology, name: str) -> None:
        self._url = url
        self._topology = topology
        self._name = f"{name}-publisher"
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._exchanges: dict[str, AbstractExchange] = {}
        self._lock = asyncio.Lock()
        self._window = asyncio.Semaphore(WINDOW)

    async def publish(self, messages: Iterable[Outgoing]) -> None:
        results = await asyncio.gather(*(self._publish(one) for one in messages), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _publish(self, outgoing: Outgoing) -> None:
        headers = {ATTEMPT_HEADER: outgoing.attempt}
        await self.send(
            outgoing.exchange,
            outgoing.routing_key,
            to_message(outgoing, headers),
            mandatory=outgoing.mandatory,
        )
        PUBLISHED.labels(outgoing.envelope.type).inc()

    async def send(self, exchange: str, routing_key: str, message: aio_pika.Message, *, mandatory: bool = True) -> None:
        """One raw message, confirmed."""
        try:
            async with asyncio.timeout(PUBLISH_SECONDS), self._window:
                await self._confirmed(await self._exchange(exchange), routing_key, message, mandatory)
        except aio_pika.exceptions.PublishError:
            raise Unavailable(*said("broker.unroutable", routing_key=routing_key, exchange=exchange)) from None
        except SyncError:
            raise
        except Exception as error:  # cut while it connects, aio-pika may raise a bare Exception
            raise Unavailable(*said("broker.lost", name=type(error).__name__)) from None

    async def _confirmed(
        self, target: AbstractExchange, routing_key: str, message: aio_pika.Message, mandatory: bool
    ) -> None:
        try:
            with own_cancellation_only():
                await target.publish(message, routing_key, mandatory=mandatory, timeout=CONFIRM_SECONDS)
        except aio_pika.exceptions.PublishError:
            raise
        except Exception:
            await self._lost(target)
            raise

    async def _exchange(self, name: str) -> AbstractExchange:
        async with self._lock:
            if self._channel is None or self._channel.is_closed:
                await self._open()
            assert self._channel is not None  # noqa: S101  (for the type checker: _open just set it)
            if name not in self._exchanges:
                self._exchanges[name] = await self._channel.get_exchange(name, ensure=False)
            return self._exchanges[name]

    async def _open(self) -> None:
        await self._drop()
        with own_cancellation_only():
            connection = await connect(self._url, self._name)
            try:
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                await declare(channel, self._topology)
            except BaseException:
                await close(connection)
                raise
        self._connection, self._channel = connection, channel

    async def _lost(self, target: AbstractExchange) -> None:
        async with self._lock:
            if target in self._exchanges.values():
                await self._drop()

    async def _drop(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        self._exchanges.clear()
        if connection is not None:
            await close(connection)

    async def ready(self) -> bool:
        """For the readiness check: the broker can be reached now."""
        await self._exchange(self._topology.work)
        return True

    async def aclose(self) -> None:
        async with self._lock:
            await self._drop()


def to_message(outgoing: Outgoing, headers: dict[str, Any]) -> aio_pika.Message:
    envelope = outgoing.envelope
    return aio_pika.Message(
        envelope.to_json(),
        headers=headers,
        message_id=envelope.id,
        type=envelope.type,
        content_type=CONTENT_TYPE,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
