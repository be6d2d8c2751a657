"""The gateway: HTTP for people, the consumer of Enroll's events, and the archive of dead letters."""

from datetime import timedelta

from aio_pika.abc import AbstractIncomingMessage

from services.gateway.app import create_app
from services.gateway.context import Gateway
from services.gateway.events import EnrollEvents
from services.runtime import runtime, until_stopped
from shared.engine.gate import Gate
from shared.engine.handlers import Steps
from shared.messaging.dead import read_dead
from shared.messaging.worker import Lane, Worker
from shared.security.marks import Marks
from shared.security.tokens import TokenReader
from shared.settings import Settings
from shared.store.failed import DeadLetter
from shared.telemetry.http import serve


async def main(settings: Settings) -> None:
    async with runtime("gateway", settings) as base:
        directory = base.enroll.directory()
        gate = Gate(base.store, base.enroll, settings.permission_cache_seconds)
        tokens = TokenReader(settings.enroll_url, directory.signing_keys)
        topology = settings.topology()

        steps = Steps(base.engine)

        async def archive(message: AbstractIncomingMessage) -> None:
            letter = DeadLetter(**read_dead(message))
            await steps.buried(letter.reason, letter.body)
            await base.store.failed.archive(letter)

        worker = Worker(
            settings.amqp_url,
            topology,
            [Lane(topology.enroll_queue, 10), Lane(topology.dead_queue, 10, raw=archive)],
            EnrollEvents(base.engine, gate, directory).handlers(),
            base.publisher,
            name=base.engine.owner,
            grace=settings.grace_seconds,
        )
        limits = timedelta(minutes=settings.session_idle_minutes), timedelta(hours=settings.session_hours)
        gateway = Gateway(base, gate, tokens, base.store.sessions(*limits), Marks(settings.secret_keys))
        app = create_app(gateway, base.checks(consuming=worker.ready))
        await until_stopped(
            base.stop,
            worker.run(base.stop),
            base.engine.relay.run(base.stop, settings.sweep_seconds),
            serve(app, settings.host, settings.port, settings.announce, base.stop),
        )
