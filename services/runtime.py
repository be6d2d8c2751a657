"""The one place where a process is put together: store, publisher, engine, health page, signals."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog

from shared.adapters.enroll import enroll_client
from shared.adapters.enroll_sites import EnrollSites
from shared.contracts.topology import Direction
from shared.engine.context import Engine
from shared.engine.ends import RealEnds
from shared.engine.handlers import Steps
from shared.engine.planning import Planner
from shared.engine.relay import Relay
from shared.messaging.answers import Handlers, Handling
from shared.messaging.publisher import Publisher
from shared.messaging.worker import Lane, Worker
from shared.model.errors import Transient
from shared.settings import Settings
from shared.store.database import Store
from shared.telemetry.http import Check, health_app, serve
from shared.telemetry.logs import describe, setup

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a service builds on. `stop` is set by SIGTERM or SIGINT."""

    settings: Settings
    store: Store
    publisher: Publisher
    enroll: EnrollSites
    engine: Engine
    ends: RealEnds
    stop: asyncio.Event

    def checks(self, **more: Check) -> dict[str, Check]:
        return {"mongodb": self.store.ready, "rabbitmq": self.publisher.ready, **more}


Heard: TypeAlias = Callable[[Runtime, Steps], tuple[str, Handling[Any]]]
"""A queue that a service listens to, and what it does with the messages there."""


@contextlib.asynccontextmanager
async def runtime(service: str, settings: Settings) -> AsyncIterator[Runtime]:
    """Set up, wait for the database, and take everything down again."""
    setup(service, settings.log_level)
    async with composed(service, settings) as base:
        loop = asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, base.stop.set)
        await _prepared(base.store, base.stop)
        log.info("started", action="start", service=service)
        yield base
    log.info("stopped", action="stop", service=service)


@contextlib.asynccontextmanager
async def composed(service: str, settings: Settings) -> AsyncIterator[Runtime]:
    """The parts of a process, put together. Nothing is called before it is needed."""
    store = Store(settings.mongo_url, settings.mongo_database)
    publisher = Publisher(settings.amqp_url, settings.topology(), service)
    enroll = _sites(settings)
    ends = RealEnds(store, settings, enroll)
    relay = Relay(store.outboxes, publisher)
    engine = Engine(store, relay, settings.topology(), ends, Planner(store, enroll.codes), settings)
    try:
        yield Runtime(settings, store, publisher, enroll, engine, ends, asyncio.Event())
    finally:
        await publisher.aclose()
        await ends.aclose()
        await enroll.aclose()
        store.close()


def _sites(settings: Settings) -> EnrollSites:
    sandbox = None
    if settings.enroll_sandbox_url:
        sandbox = enroll_client(settings.enroll_sandbox_url, settings.enroll_sandbox_token)
    return EnrollSites(enroll_client(settings.enroll_url, settings.enroll_token), sandbox)


async def _prepared(store: Store, stop: asyncio.Event) -> None:
    """Indexes made; the database may come up after us."""
    while not stop.is_set():
        try:
            await store.ensure_indexes()
        except Transient as error:
            log.warning("waiting for the database", action="start", **describe(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1)
        else:
            return


async def until_stopped(stop: asyncio.Event, *work: Coroutine[Any, Any, None]) -> None:
    """Run all of it; when one part ends or fails, the others are told to stop."""
    async with asyncio.TaskGroup() as group:
        for one in work:
            group.create_task(_then_stop(one, stop))


async def _then_stop(work: Coroutine[Any, Any, None], stop: asyncio.Event) -> None:
    try:
        await work
    finally:
        stop.set()


async def run_worker(service: str, direction: Direction, settings: Settings, *heard: Heard) -> None:
    """Importer and exporter: the engine's handlers on the two lanes of a direction, and what else is `heard`."""
    async with runtime(service, settings) as base:
        topology, steps = settings.topology(), Steps(base.engine)
        lanes = [
            _lane(topology.lane(direction, "interactive"), settings.interactive_hands, settings),
            _lane(topology.lane(direction, "bulk"), settings.bulk_hands, settings),
        ]
        handlings = steps.handlings()
        for queue, handling in (one(base, steps) for one in heard):
            lanes.append(_lane(queue, settings.interactive_hands, settings))
            handlings.append(handling)
        worker = Worker(
            settings.amqp_url,
            topology,
            lanes,
            Handlers(*handlings),
            base.publisher,
            name=base.engine.owner,
            grace=settings.grace_seconds,
        )
        app = health_app(base.checks(consuming=worker.ready))
        await until_stopped(
            base.stop,
            worker.run(base.stop),
            base.engine.relay.run(base.stop, settings.sweep_seconds),
            serve(app, settings.host, settings.port, settings.announce, base.stop),
        )


def _lane(queue: str, hands: int, settings: Settings) -> Lane:
    """As many are taken from the queue as its hands could be kept busy with by runs whose windows are full."""
    return Lane(queue, hands, each=settings.organization_hands, prefetch=hands * settings.window)


def start(main: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main(Settings()))
