"""Sync Service's processes as the demo, the end-to-end and fault tests and the benchmark run them."""

import asyncio
import contextlib
import json
import logging
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from cryptography.fernet import Fernet

from devtools.parts import Addresses, drop_broker_objects, drop_database
from devtools.parts.child import Child
from devtools.parts.ports import free_port
from devtools.parts.probe import apart
from devtools.parts.workdir import WorkDir
from shared.contracts.topology import DEFAULT_RETRY_DELAYS
from shared.security.trust import trusted

ROOT = Path(__file__).resolve().parents[1]
SANDBOX = "sandbox"
REHEARSAL = "sandbox-2"
"""Where it is among the services, the simulated Enroll that plays the sandbox of the first one."""
ADDRESSED = ("gateway", SANDBOX, REHEARSAL)
HOST = "127.0.0.1"
STOP_SECONDS = 20.0

Command = Callable[[str], Sequence[str]]


class StackError(Exception):
    """A process ended or did not get ready. The text ends with the tail of its log."""


@dataclass(frozen=True, slots=True)
class Sftp:
    """The sandbox's SFTP folder."""

    host: str
    port: int
    user: str
    password: str
    host_key: str
    folder: Path


def service_command(service: str) -> Sequence[str]:
    return (sys.executable, "-m", "services.cli", service)


class Stack:
    """`async with Stack(addresses) as stack:` - every process is ready inside, and gone afterwards.

    `services` may hold one service more than once: "importer", "importer-2". `env` overrides any setting.
    `directory` keeps the logs; without it they go with the stack. `command` turns a service's name into a command.
    """

    def __init__(
        self,
        addresses: Addresses,
        *,
        env: Mapping[str, str] | None = None,
        services: Sequence[str] = ("gateway", "importer", "exporter", "scheduler", "sandbox"),
        command: Command = service_command,
        directory: Path | None = None,
        ready_seconds: float = 60.0,
    ) -> None:
        self.addresses = addresses
        self.services = tuple(services)
        self.ready_seconds = ready_seconds
        self._command = command
        self._given_env = dict(env or {})
        self._given_directory = directory
        self._own_directory: WorkDir | None = None
        self._processes: dict[str, Child] = {}
        self._announced: dict[str, dict[str, Any]] = {}
        self._ports: dict[str, int] = {}
        self.env: dict[str, str] = {}

    @property
    def directory(self) -> Path:
        if self._given_directory is not None:
            return self._given_directory
        if self._own_directory is None:
            self._own_directory = WorkDir("stack")
        return self._own_directory.path

    @property
    def mongo_database(self) -> str:
        return self.env["SYNC_MONGO_DATABASE"]

    @property
    def broker_prefix(self) -> str:
        return self.env["SYNC_BROKER_PREFIX"]

    @property
    def enroll_token(self) -> str:
        return self.env["SYNC_ENROLL_TOKEN"]

    @property
    def sftp(self) -> Sftp:
        announced = self.announced(SANDBOX)
        return Sftp(
            HOST,
            announced["sftp_port"],
            self.env["SANDBOX_SFTP_USER"],
            self.env["SANDBOX_SFTP_PASSWORD"],
            announced["sftp_host_key"],
            Path(self.env["SANDBOX_SFTP_FOLDER"]),
        )

    def announced(self, name: str) -> dict[str, Any]:
        """What the process wrote to its announce file when it last got ready."""
        if name not in self._announced:
            raise StackError(f"{name} has not announced its port")
        return self._announced[name]

    def url(self, name: str) -> str:
        return f"http://{HOST}:{self.announced(name)['port']}"

    def process(self, name: str) -> Child:
        return self._processes[name]

    def log_tail(self, name: str, lines: int = 40) -> str:
        return self._processes[name].tail(lines)

    async def start(self, name: str, *, wait: bool = True) -> None:
        """Start a process, or start it again with the same settings and ports; `wait` until it is ready."""
        if name in self._processes and self._processes[name].running:
            raise StackError(f"{name} is already running")
        self._announce_file(name).unlink(missing_ok=True)
        log = self.directory / f"{name}.log"
        command = self._command(re.sub(r"-\d+$", "", name))
        child = Child(name, command, env=self._settings(name), log=log, cwd=ROOT)
        self._processes[name] = child
        await asyncio.to_thread(child.start)
        if wait:
            await self.wait_ready(name)

    async def stop(self, name: str) -> int | None:
        """SIGTERM; the exit status. One that takes too long is killed: -9."""
        return await asyncio.to_thread(self._processes[name].stop, STOP_SECONDS)

    async def kill(self, name: str) -> None:
        """SIGKILL."""
        await asyncio.to_thread(self._processes[name].kill)

    async def wait_ready(self, *names: str) -> None:
        """Return when the processes named, or all, have announced a port and answer /readyz with 200."""
        async with httpx.AsyncClient(timeout=5, trust_env=False, verify=trusted()) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    for name in names or self.services:
                        group.create_task(self._wait_ready(name, client))
            except ExceptionGroup as errors:
                raise StackError("\n\n".join(str(error) for error in errors.exceptions)) from errors

    async def _wait_ready(self, name: str, client: httpx.AsyncClient) -> None:
        child = self._processes[name]
        deadline = time.monotonic() + self.ready_seconds
        last = "no port announced"
        while time.monotonic() < deadline:
            if not child.running:
                raise StackError(f"{name} ended with {child.returncode}:\n{child.tail()}")
            if self._read_announced(name):
                try:
                    response = await client.get(f"{self.url(name)}/readyz")
                except httpx.TransportError as error:
                    last = repr(error)
                else:
                    if response.is_success:
                        return
                    last = f"/readyz says {response.status_code} {response.text[:500]}"
            await asyncio.sleep(0.05)
        raise StackError(f"{name} is not ready after {self.ready_seconds} s, {last}:\n{child.tail()}")

    def _read_announced(self, name: str) -> bool:
        try:
            announced = json.loads(self._announce_file(name).read_text())
        except (OSError, ValueError):  # not there yet, or half written
            return False
        self._announced[name] = announced
        return True

    def _announce_file(self, name: str) -> Path:
        return self.directory / f"{name}.json"

    def _settings(self, name: str) -> dict[str, str]:
        settings = {**self.env, "SYNC_ANNOUNCE": str(self._announce_file(name))}
        settings.setdefault("SYNC_PORT", str(self._port(name) if name in ADDRESSED else 0))
        if name == SANDBOX:
            settings.setdefault("SANDBOX_SFTP_PORT", str(self._port("sftp")))
            settings.setdefault("SANDBOX_SYNC_URL", f"http://{HOST}:{self._port('gateway')}")
        elif name == REHEARSAL:
            settings["SANDBOX_SERVICE_TOKEN"] = settings["SYNC_ENROLL_SANDBOX_TOKEN"]
        else:
            for each, variable in ((SANDBOX, "SYNC_ENROLL_URL"), (REHEARSAL, "SYNC_ENROLL_SANDBOX_URL")):
                if each in self._announced:
                    settings.setdefault(variable, self.url(each))
        return settings

    def _port(self, name: str) -> int:
        """The same at every start, for whoever knows the address; nobody else takes it while the process is away."""
        return self._ports.setdefault(name, free_port())

    def _common_settings(self) -> dict[str, str]:
        label = secrets.token_hex(4)
        token = secrets.token_urlsafe(24)
        folder = self.directory / "sftp"
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SYNC_", "SANDBOX_"))}
        return {
            **inherited,
            "PYTHONUNBUFFERED": "1",
            "MALLOC_ARENA_MAX": "2",
            "SYNC_AMQP_URL": self.addresses.amqp_url,
            "SYNC_MONGO_URL": self.addresses.mongo_url,
            "SYNC_MONGO_DATABASE": f"stack_{label}",
            "SYNC_BROKER_PREFIX": f"s{label}.",
            "SYNC_SECRET_KEYS": json.dumps([Fernet.generate_key().decode()]),
            "SYNC_ENROLL_TOKEN": token,
            "SYNC_ENROLL_SANDBOX_TOKEN": secrets.token_urlsafe(24),
            "SYNC_ALLOW_PRIVATE_ADDRESSES": "true",
            "SANDBOX_SERVICE_TOKEN": token,
            "SANDBOX_SFTP_FOLDER": str(folder),
            "SANDBOX_SFTP_USER": "district",
            "SANDBOX_SFTP_PASSWORD": secrets.token_urlsafe(12),
            **self._given_env,
        }

    async def __aenter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.env = self._common_settings()
        Path(self.env["SANDBOX_SFTP_FOLDER"]).mkdir(parents=True, exist_ok=True)
        try:
            first = [name for name in (SANDBOX, REHEARSAL) if name in self.services]
            for name in first:
                await self.start(name)
            for name in self.services:
                if name not in first:
                    await self.start(name, wait=False)
            await self.wait_ready()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    @contextlib.contextmanager
    def shared(self) -> Iterator[Self]:
        """The same for several tests, each of which has an event loop of its own."""
        apart(self.__aenter__)
        try:
            yield self
        finally:
            apart(lambda: self.__aexit__(None, None, None))

    async def _end(self) -> None:
        last = [name for name in (SANDBOX, REHEARSAL) if name in self._processes]
        try:
            await asyncio.gather(*(self.stop(name) for name in self._processes if name not in last))
            await asyncio.gather(*(self.stop(name) for name in last))
            await self._clean_up()
        finally:
            if self._own_directory is not None:
                self._own_directory.remove()

    async def _clean_up(self) -> None:
        delays = json.loads(self.env.get("SYNC_RETRY_DELAYS", "null")) or DEFAULT_RETRY_DELAYS
        for name, work in (
            ("broker", drop_broker_objects(self.addresses.amqp_url, self.broker_prefix, retry_delays=delays)),
            ("database", asyncio.to_thread(drop_database, self.addresses.mongo_url, self.mongo_database)),
        ):
            try:
                await work
            except Exception as error:  # the parts themselves may be gone by now
                logging.getLogger(__name__).warning("nothing removed from the %s: %r", name, error)
