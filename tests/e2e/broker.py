"""The broker seen from outside: everything the stack publishes, and events as Enroll publishes them."""

import json
from collections import Counter
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import aio_pika
import httpx
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue

from devtools.district import YEAR, District
from devtools.stack import Stack
from shared.security.trust import trusted
from tests.e2e.waiting import until

APPROVED = "enroll.registration.approved.v1"


SENT: Counter[tuple[str, str]] = Counter()
"""How many of Enroll's events a stack got from here, by its prefix and their type."""


class Tap:
    """A queue of our own behind every exchange. What was published before a call was answered is in it by then."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None
        self._queue: AbstractQueue | None = None
        self._heard: list[tuple[str, bytes]] = []

    async def __aenter__(self) -> Self:
        self._connection = await aio_pika.connect(self._stack.addresses.amqp_url)
        self._channel = await self._connection.channel()
        self._queue = await self._channel.declare_queue(exclusive=True, auto_delete=True)
        for name in ("sync.work", "sync.events", "sync.dead", "sync.retry"):
            exchange = await self._channel.get_exchange(self._stack.broker_prefix + name, ensure=False)
            await self._queue.bind(exchange, "#", arguments={"x-match": "all"} if name == "sync.retry" else {})
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def heard(self, about: str = "") -> list[tuple[str, bytes]]:
        """Routing key and body of every message so far whose body holds `about` (an organization, a run)."""
        assert self._queue is not None
        while (message := await self._queue.get(no_ack=True, fail=False)) is not None:
            self._heard.append((message.routing_key or "", message.body))
        return [one for one in self._heard if about.encode() in one[1]]

    async def enroll_says(
        self, body: dict[str, Any] | bytes, type: str = "enroll.sync.requested.v1", *, bare: bool = False
    ) -> None:
        """Publish on `enroll.events` as Enroll does; `bare`: the broker is not told its type."""
        assert self._channel is not None
        exchange = await self._channel.get_exchange(self._stack.broker_prefix + "enroll.events", ensure=False)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        await exchange.publish(
            aio_pika.Message(content, content_type="application/cloudevents+json", type=None if bare else type),
            routing_key=type,
        )
        SENT[self._stack.broker_prefix, type] += 1

    async def left_over(self, body: dict[str, Any]) -> None:
        """Put an approval straight into the queue by which gateways heard of them once."""
        assert self._channel is not None
        message = aio_pika.Message(json.dumps(body).encode(), content_type="application/cloudevents+json")
        queue = self._stack.broker_prefix + "gateway.enroll-events"
        await self._channel.default_exchange.publish(message, routing_key=queue)

    async def all_handled(self, type: str) -> None:
        """Return once every event of this type that was published here has been dealt with by whoever hears it."""
        hears = "exporter" if type == APPROVED else "gateway"
        url = f"{self._stack.url(hears)}/metrics"

        async def done() -> bool:
            async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
                page = (await client.get(url)).text
            told = [one for one in page.splitlines() if one.startswith("sync_messages_total{") and type in one]
            ended = sum(float(one.rsplit(" ", 1)[1]) for one in told if 'outcome="retry"' not in one)
            return ended >= SENT[self._stack.broker_prefix, type]

        await until(done, f"the {hears} has handled {type}")


def approved(district: District, registration: int, **data: Any) -> dict[str, Any]:
    """Enroll's event about a registration of the district."""
    return {
        "specversion": "1.0",
        "id": str(uuid4()),
        "source": "/enroll",
        "type": APPROVED,
        "time": datetime.now(UTC).isoformat(),
        "data": {
            "organization": district.org,
            "registration": str(registration),
            "school_year": YEAR,
            "school_code": "100",
            **data,
        },
    }
