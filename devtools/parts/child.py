"""A child process in a group of its own that never outlives us, not even when we are killed with -9."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from devtools.parts.errors import PartError
from devtools.parts.nursery import Forked, arguments_of

SHIM = Path(__file__).with_name("shim.py")
GONE_SECONDS = 15.0


@functools.cache
def spawner(_pid: int) -> ThreadPoolExecutor:
    """The one thread that starts children. They die with the thread that forked them, so it must live on."""
    return ThreadPoolExecutor(1, thread_name_prefix="spawner")


class Child:
    """One program: started, signalled as a group, and gone with all its descendants after `stop` or `kill`."""

    def __init__(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path | None, cwd: Path | None = None
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.env = dict(env)
        self.log = log
        self.cwd = cwd
        self._process: subprocess.Popen[bytes] | Forked | None = None
        self._lock = threading.RLock()  # a signal handler may come in while we hold it

    @property
    def pid(self) -> int:
        """The process id of the program itself: the shim has become it."""
        if self._process is None:
            raise PartError(f"{self.name} was never started")
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        with self._lock:
            return None if self._process is None else self._process.poll()

    @property
    def running(self) -> bool:
        return self._process is not None and self.returncode is None

    def start(self) -> None:
        if self.running:
            raise PartError(f"{self.name} is already running")
        self._process = spawner(os.getpid()).submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes] | Forked:
        if (arguments := arguments_of(self.command)) is not None:
            return Forked(arguments, self.env, self.log, self.cwd)
        shim = [sys.executable, "-I", "-S", str(SHIM), str(os.getpid())]
        with contextlib.ExitStack() as stack:
            output = None if self.log is None else stack.enter_context(self.log.open("ab"))
            return subprocess.Popen(
                [*shim, *self.command],
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=None if output is None else subprocess.STDOUT,
                start_new_session=True,
            )

    def signal(self, number: int) -> None:
        """Send a signal to the whole group."""
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, number)

    def wait(self, timeout: float | None = None) -> int | None:
        """The exit status, or None when it still runs after `timeout` seconds."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while self.running:
            if deadline is not None and time.monotonic() >= deadline:
                return None
            time.sleep(0.02)
        return self.returncode

    def stop(self, grace: float = 15.0) -> int | None:
        """SIGTERM, then after `grace` seconds SIGKILL; the exit status."""
        family = self.family()
        self.signal(signal.SIGTERM)
        self.wait(grace)
        self._end(family)
        return self.returncode

    def kill(self) -> None:
        """SIGKILL to the program and all its descendants at once."""
        self._end(self.family())

    def family(self) -> list[psutil.Process]:
        """The program's descendants, whatever group they moved to."""
        if not self.running:
            return []
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _end(self, family: Iterable[psutil.Process]) -> None:
        if self._process is None:
            return
        # The leader first: one that sees its helpers die might otherwise still write something down.
        self.signal(signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        deadline = time.monotonic() + GONE_SECONDS
        while self.running or any(alive(process) for process in family):
            if time.monotonic() >= deadline:
                raise PartError(f"{self.name} survives SIGKILL")
            time.sleep(0.01)

    def tail(self, lines: int = 40) -> str:
        """The end of what it wrote."""
        if self.log is None or not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - 200 * lines))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])


def alive(process: psutil.Process) -> bool:
    """Whether it still runs. One that only waits for its parent to notice its end does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
