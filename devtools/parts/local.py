"""Choose the parts: addresses in the environment, else Docker, else child processes; start and end them together."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from devtools.parts.containers import MONGODB, RABBITMQ, ContainerPart, docker_answers
from devtools.parts.part import GivenPart, Part
from devtools.parts.probe import amqp_answers, mongo_answers
from devtools.parts.rabbitmq import RabbitPart
from devtools.parts.secantus import SecantusPart

AMQP_VARIABLE = "SYNC_TEST_AMQP_URL"
MONGO_VARIABLE = "SYNC_TEST_MONGO_URL"


@dataclass(frozen=True, slots=True)
class Addresses:
    amqp_url: str
    mongo_url: str


class LocalParts:
    """`with LocalParts() as parts:` or `async with`; then `parts.addresses`, `parts.broker`, `parts.database`.

    `env` stands in for the environment: `{}` means private parts whatever addresses were given. `broker` and
    `database` replace the choice of one part. `durable` is `SecantusPart`'s, `rabbitmq_search` and `install` are
    `RabbitPart`'s.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str] | None = None,
        broker: Part | None = None,
        database: Part | None = None,
        durable: bool = True,
        rabbitmq_search: Sequence[Path] | None = None,
        install: bool = True,
    ) -> None:
        self._env = os.environ if env is None else env
        self._broker = broker
        self._database = database
        self._durable = durable
        self._rabbitmq_search = rabbitmq_search
        self._install = install

    @property
    def broker(self) -> Part:
        if self._broker is None:
            raise RuntimeError("the parts are not started")
        return self._broker

    @property
    def database(self) -> Part:
        if self._database is None:
            raise RuntimeError("the parts are not started")
        return self._database

    @property
    def addresses(self) -> Addresses:
        return Addresses(self.broker.address, self.database.address)

    def start(self) -> Addresses:
        self._choose_given()
        if (self._broker is None or self._database is None) and docker_answers(self._env):
            given = self._broker, self._database
            try:
                return self._start(ContainerPart(RABBITMQ), ContainerPart(MONGODB))
            except Exception as error:
                logging.getLogger(__name__).warning("Docker answers but is of no use, trying without: %s", error)
                self._broker, self._database = given
        broker = RabbitPart(search=self._rabbitmq_search, install=self._install)
        return self._start(broker, SecantusPart(durable=self._durable))

    def _choose_given(self) -> None:
        if self._broker is None and (url := self._env.get(AMQP_VARIABLE)):
            self._broker = GivenPart("rabbitmq", url, amqp_answers)
        if self._database is None and (url := self._env.get(MONGO_VARIABLE)):
            self._database = GivenPart("mongodb", url, mongo_answers)

    def _start(self, broker: Part, database: Part) -> Addresses:
        self._broker = self._broker or broker
        self._database = self._database or database
        try:
            with ThreadPoolExecutor(1) as pool:
                starting = pool.submit(self._database.start)
                self._broker.start()
                starting.result()
        except BaseException:
            self.stop()
            raise
        return self.addresses

    def stop(self) -> None:
        with contextlib.ExitStack() as stack:
            for part in (self._broker, self._database):
                if part is not None:
                    stack.callback(part.stop)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait([starting])  # the thread cannot be interrupted: let it end, then undo it
            await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)
