"""A worker on a real broker for tests: what is sent to it, what its handlers got, and what is left in its queues."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from shared.contracts.envelope import Outgoing
from shared.contracts.messages import Message, RunRequested
from shared.contracts.topology import Pace, Topology, work_key
from shared.messaging.answers import Answer, Delivery, Done, Handlers, Handling
from shared.messaging.publisher import Publisher
from shared.messaging.worker import Lane, Worker

DEADLINE = 15.0


async def until(condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.01)


@dataclass
class Running:
    """A worker at work."""

    worker: Worker
    stop: asyncio.Event
    task: asyncio.Task[None]

    async def end(self) -> float:
        """Tell it to stop. Returns how long that took."""
        started = time.monotonic()
        self.stop.set()
        async with asyncio.timeout(DEADLINE):
            await self.task
        return time.monotonic() - started


@dataclass
class Seen:
    """A handler that notes what it got and does what `script` says next, then what `always` says."""

    script: list[Answer | BaseException] = field(default_factory=list)
    always: Answer | BaseException = field(default_factory=Done)
    got: list[tuple[Any, Delivery]] = field(default_factory=list)
    at: list[float] = field(default_factory=list)

    async def __call__(self, body: Message, delivery: Delivery) -> Answer:
        self.got.append((body, delivery))
        self.at.append(time.monotonic())
        answer = self.script.pop(0) if self.script else self.always
        if isinstance(answer, BaseException):
            raise answer
        return answer

    @property
    def attempts(self) -> list[int]:
        return [delivery.attempt for _, delivery in self.got]


class Rig:
    """A deployment of its own on the broker, and somebody who looks at it from outside."""

    def __init__(self, url: str, topology: Topology, outside: aio_pika.abc.AbstractChannel) -> None:
        self.url = url
        self.topology = topology
        self.outside = outside
        self.publisher = Publisher(url, topology, "rig")

    def lane(self, pace: Pace = "interactive") -> str:
        return self.topology.lane("import", pace)

    async def send(self, run: str = "r1", pace: Pace = "interactive", *, org: str = "o1") -> Outgoing:
        outgoing = Outgoing(
            exchange=self.topology.work,
            routing_key=work_key("import", pace, RunRequested.TYPE),
            envelope=RunRequested(organization=org, run=run).envelope(),
        )
        await self.publisher.publish([outgoing])
        return outgoing

    async def send_raw(self, body: bytes, pace: Pace = "interactive", **properties: Any) -> None:
        message = aio_pika.Message(body, message_id="odd", **properties)
        await self.publisher.send(self.topology.work, work_key("import", pace, "odd"), message)

    @contextlib.asynccontextmanager
    async def working(
        self,
        *handlings: Handling[Any],
        lanes: Sequence[Lane] = (),
        url: str | None = None,
        grace: float = 5.0,
        wait: bool = True,
    ) -> AsyncIterator[Running]:
        worker = Worker(
            url or self.url,
            self.topology,
            lanes or [Lane(self.lane(), 5), Lane(self.lane("bulk"), 5)],
            Handlers(*handlings),
            self.publisher,
            name="worker",
            grace=grace,
        )
        stop = asyncio.Event()
        running = Running(worker, stop, asyncio.create_task(worker.run(stop)))
        try:
            if wait:
                await self.ready(running)
            yield running
        finally:
            await running.end()

    async def ready(self, running: Running) -> None:
        deadline = time.monotonic() + DEADLINE
        while not await running.worker.ready():
            assert not running.task.done(), running.task
            assert time.monotonic() < deadline, "never ready"
            await asyncio.sleep(0.01)

    async def consumers(self, queue: str, expected: int) -> None:
        """Wait until the broker counts so many consumers."""
        deadline = time.monotonic() + DEADLINE
        while (found := await self.count(queue)).consumer_count != expected:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)

    async def count(self, queue: str) -> Any:
        declared = await self.outside.declare_queue(queue, passive=True)
        return declared.declaration_result

    async def take(self, queue: str) -> AbstractIncomingMessage:
        found = await self.outside.get_queue(queue, ensure=False)
        async with asyncio.timeout(DEADLINE):
            while True:
                if message := await found.get(no_ack=True, fail=False):
                    return message
                await asyncio.sleep(0.02)

    async def dead(self) -> AbstractIncomingMessage:
        return await self.take(self.topology.dead_queue)

    async def nothing_left(self) -> None:
        """Once no worker holds anything: no queue has a message, ready or waiting."""
        for queue in self.topology.queues():
            deleted = await self.outside.queue_delete(queue.name)
            assert deleted.message_count == 0, queue.name


@contextlib.asynccontextmanager
async def rigged(url: str, topology: Topology) -> AsyncIterator[Rig]:
    """A rig, and the proof that nothing is left running and that nothing was said on the quiet."""
    before = asyncio.all_tasks()
    said: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    async with await aio_pika.connect(url) as connection, connection.channel() as outside:
        rig = Rig(url, topology, outside)
        try:
            yield rig
        finally:
            await rig.publisher.aclose()
    before |= {task for task in [asyncio.current_task()] if task}
    with contextlib.suppress(AssertionError):
        await until(lambda: asyncio.all_tasks() <= before, 5)
    assert asyncio.all_tasks() <= before, asyncio.all_tasks() - before
    assert said == []
