"""The sandbox process: HTTP and SFTP until a signal says stop."""

import asyncio
import contextlib
import json
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware

from services.sandbox.admin import AdminApi
from services.sandbox.aeries import AeriesApi
from services.sandbox.enroll import EnrollApi
from services.sandbox.enroll_site import EnrollSite
from services.sandbox.errors import add_error_handlers
from services.sandbox.faults import FaultGate
from services.sandbox.oneroster import OneRosterApi
from services.sandbox.paths import TolerantPaths
from services.sandbox.powerschool import PowerSchoolApi
from services.sandbox.recording import Calls, Recorder
from services.sandbox.server import bind, serving
from services.sandbox.settings import SandboxSettings
from services.sandbox.sftp import SftpAccount, SftpAddress, sftp_server
from services.sandbox.skyward import SkywardApi
from services.sandbox.world import World
from shared.settings import Settings
from shared.telemetry.http import health_routes

log = logging.getLogger(__name__)


def create_app(world: World, sync_url: str = "") -> Starlette:
    """The simulated Enroll over `world`, the simulated SISs, with the admin endpoints and the faults."""
    calls = Calls()
    app = Starlette(
        routes=[
            *calls.routes(),
            *PowerSchoolApi().routes(),
            *AeriesApi().routes(),
            *SkywardApi().routes(),
            *EnrollApi(world).routes(),
            *EnrollSite(world, sync_url).routes(),
            *OneRosterApi().routes(),
            *AdminApi(world).routes(),
            *health_routes({}),
        ],
        middleware=[
            Middleware(Recorder, calls=calls),
            Middleware(FaultGate, faults=world.faults),
            Middleware(TolerantPaths),
        ],
    )
    add_error_handlers(app)
    return app


async def main(settings: Settings) -> None:
    """Runs the sandbox until SIGTERM or SIGINT."""
    own = SandboxSettings()
    world = World(own.service_token or settings.enroll_token, own.base_url, own.organizations)
    stop = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(_stopped_by_signals(stop))
        sftp = await _open_sftp(stack, own, settings.host)
        listener = bind(settings.host, settings.port)
        app = create_app(world, own.sync_url)
        await stack.enter_async_context(serving(app, listener))
        if own.tls_certificate is not None:
            secure = bind(settings.host, own.tls_port)
            address = await stack.enter_async_context(serving(app, secure, own.tls_certificate, own.tls_key))
            log.info("sandbox answers at %s too", address)
        port = listener.getsockname()[1]
        if settings.announce is not None:
            _announce(settings.announce, port, sftp)
        log.info("sandbox ready on port %d", port)
        await stop.wait()


async def _open_sftp(stack: contextlib.AsyncExitStack, own: SandboxSettings, host: str) -> SftpAddress | None:
    if own.sftp_folder is None:
        return None
    account = SftpAccount(own.sftp_user, own.sftp_password, own.sftp_authorized_key)
    server = sftp_server(own.sftp_folder, account, host, own.sftp_port, own.sftp_host_key)
    return await stack.enter_async_context(server)


@contextlib.contextmanager
def _stopped_by_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    caught = (signal.SIGTERM, signal.SIGINT)
    for number in caught:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


def _announce(path: Path, port: int, sftp: SftpAddress | None) -> None:
    facts = {
        "port": port,
        "sftp_port": sftp.port if sftp else None,
        "sftp_host_key": sftp.host_key if sftp else None,
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(json.dumps(facts), encoding="utf-8")
    partial.replace(path)
