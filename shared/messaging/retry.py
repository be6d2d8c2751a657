"""The retry ladder and the dead letters: where a message that was not handled goes next.

Always a fresh publish that is confirmed before the old delivery is acknowledged, without the old `x-death` header:
RabbitMQ silently drops a message that goes round time-to-live queues with nothing but expiry in between.
"""

import time
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from shared.contracts.topology import RETRY_RUNG_HEADER, Topology, rung_label
from shared.messaging.publisher import ATTEMPT_HEADER, Publisher
from shared.model.errors import Throttled
from shared.telemetry.logs import describe

FIRST_HEADER = "x-sync-first-failed"
REASON_HEADER = "x-sync-reason"


def attempt_of(message: AbstractIncomingMessage) -> int:
    """Which attempt this delivery is, from 1."""
    found = message.headers.get(ATTEMPT_HEADER, 1)
    return found if isinstance(found, int) and found > 0 else 1


def delay_after(topology: Topology, attempt: int, error: BaseException) -> float:
    """Seconds until the next attempt: the rung of this attempt, or the one that covers a Retry-After."""
    rung = topology.retry_delays[min(attempt, len(topology.retry_delays)) - 1]
    return max(rung, topology.rung_for(error.retry_after)) if isinstance(error, Throttled) else rung


class Ladder:
    """As many attempts as there are rungs, and one more."""

    def __init__(self, publisher: Publisher, topology: Topology) -> None:
        self._publisher = publisher
        self._topology = topology

    @property
    def attempts(self) -> int:
        return len(self._topology.retry_delays) + 1

    def delay(self, attempt: int, error: BaseException) -> float:
        return delay_after(self._topology, attempt, error)

    async def again(self, message: AbstractIncomingMessage, delay: float, attempt: int) -> None:
        """Put the message on the rung that covers `delay`; it comes back with its own routing key."""
        rung = self._topology.rung_for(delay)
        headers = {
            ATTEMPT_HEADER: attempt,
            RETRY_RUNG_HEADER: rung_label(rung),
            FIRST_HEADER: message.headers.get(FIRST_HEADER, _now()),
        }
        await self._publisher.send(self._topology.retry, message.routing_key or "", _copy(message, headers))

    async def bury(self, message: AbstractIncomingMessage, reason: str, error: BaseException | None) -> None:
        """Send to the dead letters with why, where in the code, how often and since when."""
        told = describe(error) if error is not None else {}
        headers = {
            REASON_HEADER: reason,
            "x-sync-error": str(told.get("error", "")),
            "x-sync-code": str(told.get("code", "")),
            "x-sync-detail": str(told.get("reason", "")),
            "x-sync-frames": "\n".join(told.get("frames", [])),
            "x-sync-exchange": message.exchange or "",
            ATTEMPT_HEADER: attempt_of(message),
            FIRST_HEADER: message.headers.get(FIRST_HEADER, _now()),
            "x-sync-last-failed": _now(),
        }
        await self._publisher.send(self._topology.dead, message.routing_key or "", _copy(message, headers))


def _now() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def _copy(message: AbstractIncomingMessage, headers: dict[str, Any]) -> aio_pika.Message:
    return aio_pika.Message(
        message.body,
        headers=headers,
        message_id=message.message_id,
        type=message.type,
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
