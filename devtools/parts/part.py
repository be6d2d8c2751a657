"""What every part can do, and the common half of those that are child processes."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import psutil

from devtools.parts.child import Child
from devtools.parts.errors import NotOurs, PartError
from devtools.parts.ports import is_free
from devtools.parts.workdir import WorkDir

START_SECONDS = 90.0
PORT_ATTEMPTS = 4


class Part(ABC):
    """A broker or a database. All methods block; from asyncio call them with `asyncio.to_thread`."""

    name: str

    @property
    @abstractmethod
    def address(self) -> str:
        """The URL. It stays the same over kill and restart."""

    @abstractmethod
    def start(self) -> None:
        """Start it, or start it again after `kill` with the same data; return when it answers.

        One that runs is left alone.
        """

    @abstractmethod
    def stop(self) -> None:
        """End it and remove its data."""

    @abstractmethod
    def kill(self) -> None:
        """Kill it as -9 does, at once, and keep its data."""

    @abstractmethod
    def restart(self) -> None:
        """Stop it in good order if it runs, and start it again: same address, same data."""

    def pids(self) -> list[int]:
        """Its processes on this machine."""
        return []


class GivenPart(Part):
    """A part that runs somewhere already."""

    def __init__(self, name: str, address: str, answers: Callable[[str], None]) -> None:
        self.name = name
        self._address = address
        self._answers = answers

    @property
    def address(self) -> str:
        return self._address

    def start(self) -> None:
        try:
            self._answers(self._address)
        except Exception as error:
            raise PartError(f"the {self.name} given in the environment does not answer: {error}") from error

    def stop(self) -> None:
        """It is not ours: leave it."""

    def kill(self) -> None:
        raise NotOurs(f"the {self.name} given in the environment is not ours to kill")

    def restart(self) -> None:
        raise NotOurs(f"the {self.name} given in the environment is not ours to restart")


class ProcessPart(Part):
    """A part made of child processes, with a data directory and ports of its own."""

    def __init__(self) -> None:
        self._dir: WorkDir | None = None
        self._answered_once = False

    @abstractmethod
    def _choose_ports(self) -> None: ...

    @abstractmethod
    def _ports(self) -> list[int]:
        """The ports chosen, the one clients connect to first."""

    @abstractmethod
    def _launch(self) -> None:
        """Start the processes that do not run, the server last."""

    @abstractmethod
    def _children(self) -> list[Child]:
        """The processes started so far, the server last."""

    @abstractmethod
    def _answers(self) -> None: ...

    @property
    def directory(self) -> WorkDir:
        if self._dir is None:
            self._dir = WorkDir(self.name)
        return self._dir

    def start(self) -> None:
        if self._answered_once and all(child.running for child in self._children()):
            return
        for attempt in range(1, PORT_ATTEMPTS + 1):
            if not self._answered_once:
                self._choose_ports()
            try:
                self._launch()
                self._wait()
            except BaseException as error:
                self._end(0)
                # With our processes gone, a port that is not free is somebody else's.
                taken = isinstance(error, PartError) and not all(is_free(port) for port in self._ports())
                if taken and not self._answered_once and attempt < PORT_ATTEMPTS:
                    continue
                raise
            self._answered_once = True
            return

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            for child in self._children():
                if not child.running:
                    raise PartError(f"{child.name} ended with {child.returncode} while starting:\n{child.tail()}")
            try:
                # Somebody else's server on our port would answer just as well.
                if not listens(self._children()[-1].pid, self._ports()[0]):
                    raise PartError("it does not listen yet")
                self._answers()
            except Exception as error:
                if time.monotonic() >= deadline:
                    tail = self._children()[-1].tail()
                    raise PartError(f"{self.name} does not answer: {error!r}\n{tail}") from error
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        try:
            self._end(15)
        finally:
            self._answered_once = False
            if self._dir is not None:
                self._dir.remove()
                self._dir = None

    def kill(self) -> None:
        if children := self._children():
            children[-1].kill()

    def restart(self) -> None:
        if children := self._children():
            children[-1].stop()
        self.start()

    def _end(self, grace: float) -> None:
        for child in reversed(self._children()):
            if grace:
                child.stop(grace)
            else:
                child.kill()

    def pids(self) -> list[int]:
        running = [child for child in self._children() if child.running]
        return [pid for child in running for pid in (child.pid, *(p.pid for p in child.family()))]


def listens(pid: int, port: int) -> bool:
    """Whether this very process listens on the port."""
    try:
        sockets = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(s.status == psutil.CONN_LISTEN and s.laddr.port == port for s in sockets)
