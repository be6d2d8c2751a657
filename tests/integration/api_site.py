"""A simulated SIS in this process, for the adapters that read it over its API."""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import httpx

from services.sandbox.faults import FaultRule
from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import World
from shared.adapters.sis_http import SisHttp
from shared.model.ports import Source
from shared.security.trust import trusted

GOOD = "secret"


@dataclass
class Beat:
    """A pace that only takes down what is asked of it."""

    interval: float = 0.0
    slots: int = 0
    pauses: list[float] = field(default_factory=list)

    async def slot(self, patience: float) -> None:
        self.slots += 1

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


class ApiSite(ABC):
    """The district `d` of one kind of SIS."""

    kind: ClassVar[str]

    def __init__(self, world: World, url: str) -> None:
        self.world = world
        self.url = url
        self.beat = Beat()

    @abstractmethod
    def settings(self, **more: Any) -> Any: ...

    @abstractmethod
    def http(self, settings: Any, secret: str = GOOD) -> SisHttp: ...

    @abstractmethod
    async def check(self, http: SisHttp, settings: Any) -> dict[str, Any]: ...

    async def make(self, **spec: Any) -> None:
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
            (await client.put(f"{self.url}/sandbox/{self.kind}/d", json=spec)).raise_for_status()

    async def patch(self, path: str, **values: Any) -> None:
        async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
            (await client.patch(f"{self.url}/sandbox/{self.kind}/d{path}", json=values)).raise_for_status()

    def fault(self, path: str, **rule: Any) -> None:
        """From now on, instead of any other."""
        self.world.faults.replace([FaultRule(path=path, **rule)])

    async def checked(self, secret: str = GOOD, **more: Any) -> dict[str, Any]:
        """What Test connection says."""
        settings = self.settings(**more)
        async with self.http(settings, secret) as http:
            return await self.check(http, settings)


S = TypeVar("S", bound=ApiSite)


@contextlib.asynccontextmanager
async def opened(kind: type[S]) -> AsyncIterator[S]:
    world = World("token")
    async with serving(create_app(world), bind("127.0.0.1", 0)) as url:
        site = kind(world, url)
        await site.make()
        yield site


async def table(source: Source) -> list[dict[str, str]]:
    async with source:
        columns = source.info.columns
        return [dict(zip(columns, row, strict=True)) async for batch in source.batches() for _, row in batch.rows]
