"""The real products in Docker, through testcontainers. TESTCONTAINERS_RYUK_DISABLED=true switches its reaper off."""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from devtools.parts.errors import PartError
from devtools.parts.part import START_SECONDS, Part
from devtools.parts.ports import free_port
from devtools.parts.probe import amqp_answers, mongo_answers

PORT_ATTEMPTS = 4


@dataclass(frozen=True)
class Image:
    name: str
    image: str
    port: int
    url: str
    answers: Callable[[str], None]


RABBITMQ = Image(
    "rabbitmq",
    "rabbitmq:4-management",
    5672,
    "amqp://guest:guest@{host}:{port}/",
    amqp_answers,
)
MONGODB = Image("mongodb", "mongo:8", 27017, "mongodb://{host}:{port}/", mongo_answers)


def docker_answers(env: Mapping[str, str], timeout: int = 3) -> bool:
    """Whether a Docker daemon answers quickly. SYNC_TEST_DOCKER=0 says not to ask."""
    if env.get("SYNC_TEST_DOCKER", "1").lower() in {"0", "false", "no"}:
        return False
    try:
        return bool(DockerClient(timeout=timeout).client.ping())
    except Exception as error:
        logging.getLogger(__name__).debug("no Docker: %s", error)
        return False


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the driver's line about each attempt before the broker listens."""
    log, mute = logging.getLogger("aiormq.connection"), logging.Filter("nothing has this name")
    log.addFilter(mute)  # not the level: several parts may start at once
    try:
        yield
    finally:
        log.removeFilter(mute)


class ContainerPart(Part):
    def __init__(self, image: Image) -> None:
        self.name = image.name
        self._image = image
        self._container: DockerContainer | None = None
        self._address = ""

    @property
    def address(self) -> str:
        return self._address

    def start(self) -> None:
        if self._container is None:
            self._create()
        else:
            self._container.get_wrapped_container().start()
        self._wait()

    def _create(self) -> None:
        for attempt in range(1, PORT_ATTEMPTS + 1):
            # A fixed port: Docker gives a container whose port it chose another one at each start.
            container = DockerContainer(self._image.image).with_bind_ports(self._image.port, free_port())
            try:
                container.start()
            except BaseException as error:
                container.stop()
                text = str(error)
                if ("already allocated" in text or "in use" in text) and attempt < PORT_ATTEMPTS:
                    continue
                raise
            self._container = container
            try:
                host, port = container.get_container_host_ip(), container.get_exposed_port(self._image.port)
            except OSError as error:  # testcontainers' way to say that it runs no more
                raise PartError(f"{self.name} ended while starting: {error}\n{self._tail()}") from error
            self._address = self._image.url.format(host=host, port=port)
            return

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with _quiet():
                    self._image.answers(self._address)
            except Exception as error:
                if time.monotonic() >= deadline or not self._running():
                    raise PartError(f"{self.name} does not answer: {error!r}\n{self._tail()}") from error
                time.sleep(0.1)
            else:
                return

    def _running(self) -> bool:
        if self._container is None:
            return False
        wrapped = self._container.get_wrapped_container()
        wrapped.reload()
        return bool(wrapped.status == "running")

    def _tail(self) -> str:
        if self._container is None:
            return ""
        return b"".join(self._container.get_logs()).decode(errors="replace")[-4000:]

    def stop(self) -> None:
        if self._container is not None:
            self._container.stop()
            self._container = None

    def kill(self) -> None:
        if self._container is not None:
            wrapped = self._container.get_wrapped_container()
            wrapped.kill()
            wrapped.wait()

    def restart(self) -> None:
        if self._container is not None:
            self._container.get_wrapped_container().stop()
        self.start()
