"""The worker loop: takes messages from its lanes, hands them to handlers, and answers the broker for them.

Each lane has a channel and hands of its own, so what waits in one never holds up the other, and within a lane
organizations take turns. Handlers run in tasks of ours: a cut connection does not cancel them, they finish, their
acknowledgement fails, and the message comes again.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage, AbstractQueue
from pydantic import ValidationError

from shared.contracts.envelope import Envelope, organization_in
from shared.contracts.messages import Message
from shared.contracts.topology import Topology
from shared.messaging.answers import Delivery, Done, Handlers, Handling, Later
from shared.messaging.broker import CLOSE_SECONDS, LOST, close, connect, declare, own_cancellation_only
from shared.messaging.publisher import Publisher
from shared.messaging.retry import Ladder, attempt_of
from shared.messaging.turns import Turns
from shared.model.errors import Permanent
from shared.telemetry.logs import describe
from shared.telemetry.metrics import CONSUMERS, HANDLING, MESSAGES

log = structlog.get_logger()

REQUEUE_SECONDS = 1.0
CONSUME_SECONDS = 10.0
CUT_OFF_SECONDS = 1.0
RECONNECT_SECONDS = (0.2, 0.5, 1, 2, 5)


@dataclass(frozen=True, slots=True)
class Lane:
    """A queue, how many of its messages are worked on at once, and how many of these may be of one organization.

    `prefetch` are taken from the queue, so that one of another organization is among those that wait for a hand.
    """

    queue: str
    hands: int
    each: int = 0
    """0: all of them."""
    prefetch: int = 0
    """0: no more than are worked on."""
    raw: Callable[[AbstractIncomingMessage], Awaitable[None]] | None = None
    """Takes every message of the queue as it is, in place of the typed handlers (dead letters)."""


class Worker:
    """Runs until told to stop; survives the loss of the broker."""

    def __init__(
        self,
        url: str,
        topology: Topology,
        lanes: Sequence[Lane],
        handlers: Handlers,
        publisher: Publisher,
        *,
        name: str,
        grace: float = 8.0,
    ) -> None:
        self._url = url
        self._topology = topology
        self._lanes = lanes
        self._handlers = handlers
        self._ladder = Ladder(publisher, topology)
        self._name = name
        self._grace = grace
        self._stopping = False
        self._turns = {lane.queue: Turns(lane.hands, lane.each or lane.hands) for lane in lanes}
        self._in_hand: set[asyncio.Task[None]] = set()
        self._consumers: list[tuple[AbstractQueue, str]] = []

    async def ready(self) -> bool:
        """For the readiness check: every lane is consumed."""
        return len(self._consumers) == len(self._lanes)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set, then finish what is in hand, for at most `grace` seconds."""
        consuming = asyncio.create_task(self._keep_consuming())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({consuming, stopped}, return_when=asyncio.FIRST_COMPLETED)
            await self._stop_taking()
            if self._in_hand:
                await asyncio.wait(self._in_hand, timeout=self._grace)
            if consuming.done():
                consuming.result()
        finally:
            stopped.cancel()
            await _cut_off(self._in_hand)  # the broker gives these to somebody else as soon as the connection is closed
            await _cut_off({consuming}, CLOSE_SECONDS + 1)

    async def _keep_consuming(self) -> None:
        """Until cancelled. Sessions come and go with the broker."""
        failures = 0
        while True:
            try:
                with own_cancellation_only():
                    async with self._session() as lost:
                        failures = 0
                        await lost.wait()
                log.warning("broker lost", action="reconnect")
            except Exception as error:  # whatever it was, consuming goes on; readiness and the log tell
                log.warning("broker lost", action="reconnect", **describe(error))
            await asyncio.sleep(RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)])
            failures += 1

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncio.Event]:
        """Consume all lanes over one connection. The event is set when any of it is lost."""
        lost = asyncio.Event()
        connection = await connect(self._url, self._name)
        try:
            async with connection.channel() as channel:
                await declare(channel, self._topology)
            connection.close_callbacks.add(lambda *_: lost.set())
            async with asyncio.timeout(CONSUME_SECONDS):
                for lane in self._lanes:
                    await self._consume(connection, lane, lost)
            log.info("consuming", action="consume", queue=",".join(lane.queue for lane in self._lanes))
            yield lost
        finally:
            lost.set()
            self._consumers.clear()
            CONSUMERS.set(0)
            await close(connection)

    async def _consume(self, connection: AbstractConnection, lane: Lane, lost: asyncio.Event) -> None:
        channel = await connection.channel()
        channel.close_callbacks.add(lambda *_: lost.set())
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(lambda _: lost.set())
        await channel.set_qos(prefetch_count=lane.prefetch or lane.hands)
        queue = await channel.get_queue(lane.queue, ensure=False)

        async def take(message: AbstractIncomingMessage) -> None:
            if self._stopping or lost.is_set():
                return  # never answered for, so the broker gives it to somebody else
            task = asyncio.create_task(self._deliver(message, lane))
            self._in_hand.add(task)
            task.add_done_callback(self._in_hand.discard)

        tag = await queue.consume(take, consumer_tag=f"{lane.queue}.{self._name}.{time.time_ns()}")
        self._consumers.append((queue, tag))
        CONSUMERS.set(len(self._consumers))

    async def _stop_taking(self) -> None:
        self._stopping = True
        for turns in self._turns.values():
            turns.close()
        consumers = self._consumers.copy()
        self._consumers.clear()
        CONSUMERS.set(0)
        with contextlib.suppress(*LOST), own_cancellation_only():
            async with asyncio.timeout(2):
                for queue, tag in consumers:
                    await queue.cancel(tag)

    async def _deliver(self, message: AbstractIncomingMessage, lane: Lane) -> None:
        """One delivery from taking it to answering for it."""
        started = time.monotonic()
        kind, queue = "unknown", lane.queue
        with structlog.contextvars.bound_contextvars(message_id=message.message_id or "", queue=queue):
            try:
                async with self._turns[queue].of(organization_in(message.body)):
                    started = time.monotonic()
                    kind, outcome = await self._answered(message, lane)
            except asyncio.CancelledError:
                outcome = "cut off"
            except Exception as error:
                outcome = "not acknowledged"
                log.warning("message comes again", action="redeliver", **describe(error))
                await self._give_back(message)
            spent = time.monotonic() - started
            MESSAGES.labels(queue.removeprefix(self._topology.prefix), kind, outcome).inc()
            HANDLING.labels(queue.removeprefix(self._topology.prefix), kind).observe(spent)
            log.info(
                "message",
                action="handle",
                message_type=kind,
                outcome=outcome,
                duration_ms=round(spent * 1000),
            )

    async def _answered(self, message: AbstractIncomingMessage, lane: Lane) -> tuple[str, str]:
        """The message type and the outcome, once the broker knows. What it has taken back meanwhile is nobody's."""
        if message.channel.is_closed:
            return "unknown", "cut off"
        if lane.raw is not None:
            kind, outcome = "raw", "done"
            with own_cancellation_only():
                await lane.raw(message)
        else:
            kind, outcome = await self._handle(message, lane.queue)
        with own_cancellation_only():
            await message.ack()
        return kind, outcome

    async def _give_back(self, message: AbstractIncomingMessage) -> None:
        """After a pause, or the message would spin. Over a lost channel the broker has taken it back already."""
        with contextlib.suppress(asyncio.CancelledError, *LOST):
            if not message.channel.is_closed:
                await asyncio.sleep(REQUEUE_SECONDS)
                await message.nack(requeue=True)

    async def _handle(self, message: AbstractIncomingMessage, queue: str) -> tuple[str, str]:
        """Handle and, where that failed, publish what comes next. Returns the message type and the outcome."""
        try:
            envelope = Envelope.model_validate_json(message.body)
        except ValidationError as error:
            await self._ladder.bury(message, "undecodable", error)
            return "undecodable", "dead"
        handling = self._handlers.find(envelope.type)
        if handling is None:
            await self._ladder.bury(message, "unknown type or version", None)
            return "unknown", "dead"
        try:
            body = handling.message.model_validate(envelope.data)
        except ValidationError as error:
            await self._ladder.bury(message, "undecodable", error)
            return envelope.type, "dead"
        with structlog.contextvars.bound_contextvars(**_ids(body)):
            attempt = attempt_of(message)
            delivery = Delivery(envelope.id, queue, envelope.time, attempt, attempt >= self._ladder.attempts)
            return envelope.type, await self._try(message, handling, body, delivery)

    async def _try(
        self, message: AbstractIncomingMessage, handling: Handling[Message], body: Message, delivery: Delivery
    ) -> str:
        attempt = delivery.attempt
        try:
            with own_cancellation_only():
                answer = await handling.handle(body, delivery)
        except Exception as error:
            log.warning("handler failed", action="retry", attempt=attempt, **describe(error))
            if delivery.last:
                await _give_up(handling, body, error)
                await self._ladder.bury(message, "out of attempts", error)
                return "dead"
            await self._ladder.again(message, self._ladder.delay(attempt, error), attempt + 1)
            return "retry"
        match answer:
            case Later(seconds):
                await self._ladder.again(message, seconds, attempt)
                return "later"
            case Done():
                return "done"


async def _give_up(handling: Handling[Message], body: Message, error: Exception) -> None:
    """What fails for good here is only logged: the message is archived with its own error all the same."""
    if handling.gave_up is None:
        return
    try:
        await handling.gave_up(body, error)
    except Permanent as failure:
        log.warning("failure not told", action="give up", **describe(failure))


def _ids(body: Message) -> dict[str, str | int]:
    names = {"organization": "org", "connection": "connection", "run": "run", "slice": "slice"}
    return {key: getattr(body, name) for name, key in names.items() if hasattr(body, name)}


async def _cut_off(tasks: set[asyncio.Task[None]], within: float = CUT_OFF_SECONDS) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=within)
