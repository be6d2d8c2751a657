"""SecantusDB from our own environment, as a child process: MongoDB's wire protocol over WiredTiger."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from devtools.parts.child import Child
from devtools.parts.errors import ProgramMissing
from devtools.parts.part import ProcessPart
from devtools.parts.ports import HOST, free_port
from devtools.parts.probe import mongo_answers


class SecantusPart(ProcessPart):
    """`durable`: what was acknowledged outlives kill -9, as MongoDB's majority writes do; one fsync a commit.

    Without it the last tenth of a second is lost then, and small writes are about twice as fast.
    """

    name = "mongodb"

    def __init__(
        self, *, durable: bool = True, cache_size: str = "256M", choose_port: Callable[[], int] = free_port
    ) -> None:
        super().__init__()
        self._durable = durable
        self._cache_size = cache_size
        self._choose = choose_port
        self._port = 0
        self._server: Child | None = None

    @property
    def address(self) -> str:
        return f"mongodb://{HOST}:{self._port}/"

    def _choose_ports(self) -> None:
        self._port = self._choose()

    def _ports(self) -> list[int]:
        return [self._port]

    def _launch(self) -> None:
        program = Path(sys.executable).with_name("secantusd-py")
        if not program.exists():
            raise ProgramMissing(f"{program.name} is not installed beside {sys.executable}: run `make venv`")
        directory = self.directory.path
        command = [str(program), "--host", HOST, "--port", str(self._port), "--standalone"]
        command += ["--storage-path", str(directory / "data"), "--cache-size", self._cache_size]
        command += ["--log-level", "WARNING"]
        if self._durable:
            command.append("--sync-on-commit")
        # It reads ./secantusd.toml and ~/.secantus: neither is there.
        env = {"PATH": os.defpath, "HOME": str(directory), "LANG": "C.UTF-8"}
        self._server = Child("secantusd-py", command, env=env, log=directory / "log", cwd=directory)
        self._server.start()

    def _children(self) -> list[Child]:
        return [] if self._server is None else [self._server]

    def _answers(self) -> None:
        mongo_answers(self.address, timeout=1.0)
