"""From `enroll.registration.approved.v1` on the broker to the student in the SIS, beside the bare cost of it.

The bare cost is one publish and consume over a quorum queue, and the very calls that the services made until the
student was there, repeated one after the other over a connection that is open.
"""

import asyncio
import json
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import aio_pika
import httpx
from rich.console import Console
from rich.table import Table

from devtools.district import EXPORTER, YEAR, District
from devtools.parts import LocalParts
from devtools.sis_districts import SISS, SisDistrict, enrolled
from devtools.stack import Stack
from shared.security.trust import trusted

WARM = 5
LOOK_SECONDS = 0.25
"""The simulated SIS says when it was called: who looks more often takes the time of those who are watched."""
CREATES = {"powerschool": "/ws/v1/student", "aeries": "/InsertStudent", "skyward": "/Enrollment/EntryWithdrawal"}
APPROVED = "enroll.registration.approved.v1"


class Broker:
    """Publishes as Enroll does, with confirms; and one publish and consume of our own."""

    def __init__(self, connection: aio_pika.abc.AbstractConnection, prefix: str) -> None:
        self._connection = connection
        self._prefix = prefix

    async def open(self) -> None:
        self._channel = await self._connection.channel()
        self._events = await self._channel.get_exchange(self._prefix + "enroll.events", ensure=False)
        arguments: dict[str, Any] = {"x-queue-type": "quorum"}
        self._queue = await self._channel.declare_queue(f"bench-{uuid4()}", durable=True, arguments=arguments)
        self._got: asyncio.Queue[float] = asyncio.Queue()

        async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            await message.ack()
            self._got.put_nowait(time.perf_counter())

        await self._queue.consume(take)

    async def approve(self, org: str, registration: int) -> float:
        """When it was published."""
        data = {"organization": org, "registration": str(registration), "school_year": YEAR, "school_code": "100"}
        body = {"specversion": "1.0", "id": str(uuid4()), "source": "/enroll", "type": APPROVED, "data": data}
        body["time"] = datetime.now(UTC).isoformat()
        at = time.time()
        await self._events.publish(_message(body), routing_key=APPROVED)
        return at

    async def hop(self) -> float:
        """Seconds of one publish and consume."""
        started = time.perf_counter()
        await self._channel.default_exchange.publish(_message({"id": "x" * 200}), routing_key=self._queue.name)
        return await self._got.get() - started

    async def close(self) -> None:
        await self._queue.delete(if_unused=False, if_empty=False)


def _message(body: Any) -> aio_pika.Message:
    persistent = aio_pika.DeliveryMode.PERSISTENT
    return aio_pika.Message(json.dumps(body).encode(), type=APPROVED, delivery_mode=persistent)


async def _exported(sis: SisDistrict, broker: Broker, registration: int) -> tuple[float, list[dict[str, Any]]]:
    """Seconds until the SIS had made the student, and the calls that were made until then."""
    await sis.district.enroll.delete("/sandbox/calls")
    published = await broker.approve(sis.district.org, registration)
    for _ in range(300):
        await asyncio.sleep(LOOK_SECONDS)
        calls = (await sis.district.enroll.get("/sandbox/calls")).json()
        made = next((place for place, one in enumerate(calls) if _creates(sis.kind, one)), None)
        if made is not None:
            return calls[made]["at"] - published, calls[: made + 1]
    raise TimeoutError("the student never came")


def _creates(kind: str, call: dict[str, Any]) -> bool:
    path = str(call["url"]).partition("?")[0]
    return call["method"] in ("POST", "PUT") and path.endswith(CREATES[kind])


async def _bare(http: httpx.AsyncClient, broker: Broker, calls: list[dict[str, Any]]) -> float:
    spent = await broker.hop()
    started = time.perf_counter()
    for one in calls:
        headers = {name: one["headers"][name] for name in KEPT if name in one["headers"]}
        await http.request(one["method"], one["url"], content=one["body"] or None, headers=headers)
    return spent + time.perf_counter() - started


KEPT = ("authorization", "aeries-cert", "accept", "content-type")


async def _settled(district: District) -> None:
    """The run that has just been is over, so that it does not share the machine with the next."""
    (latest, *_) = (await district.api.get("/runs", params={"limit": 1})).json()
    await district.watch(latest["id"])


async def measure(stack: Stack, kind: str, count: int) -> tuple[list[float], list[float], int]:
    """Seconds of each approval, of its bare cost, and how many HTTP calls one takes."""
    async with (
        District(stack, f"bench-{kind}", permissions=EXPORTER) as district,
        httpx.AsyncClient(base_url=stack.url("sandbox"), trust_env=False, timeout=60, verify=trusted()) as http,
    ):
        sis = SISS[kind](district)
        await sis.make()
        with tempfile.TemporaryDirectory() as folder:
            students = await enrolled(district, Path(folder), count + WARM)
        registrations = await district.register(students)
        connection = await sis.connect()
        (await district.api.patch(f"/connections/{connection}", json={"enable_export": True})).raise_for_status()
        link = await aio_pika.connect(stack.addresses.amqp_url)
        broker = Broker(link, stack.broker_prefix)
        await broker.open()
        through, bare, most = list[float](), list[float](), 0
        for place, one in enumerate(registrations):
            spent, calls = await _exported(sis, broker, one)
            await _settled(district)
            base = await _bare(http, broker, calls)
            if place >= WARM:
                through.append(spent)
                bare.append(base)
                most = max(most, len(calls))
        await broker.close()
        await link.close()
        return through, bare, most


async def report(console: Console, parts: LocalParts, count: int) -> None:
    heads = ("SIS", "calls", "median ms", "p99 ms", "bare median", "bare p99", "median / bare")
    table = Table(*heads, title=f"approved to the student in the SIS, {count} one by one; reach: 2 at the median")
    services = ("gateway", "importer", "exporter", "sandbox")
    for kind in sorted(SISS):
        async with Stack(parts.addresses, services=services) as stack:
            through, bare, calls = await measure(stack, kind, count)
        told = [f"{1000 * one:.0f}" for spent in (through, bare) for one in (statistics.median(spent), _p99(spent))]
        table.add_row(kind, str(calls), *told, f"{statistics.median(through) / statistics.median(bare):.2f}")
    console.print(table)


def _p99(spent: list[float]) -> float:
    return sorted(spent)[max(0, round(0.99 * len(spent)) - 1)]
