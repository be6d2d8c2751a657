"""Starts processes of Sync Service by forking one that has imported everything already.

A fresh interpreter takes more than a second of processor time to import what a service is made of, and the tests start
hundreds. A forked process is a process like any other: it has its own group, environment and log, can be killed with
-9 and stopped, and dies with whoever started it. The benchmark and the demo start theirs afresh.
"""

import contextlib
import ctypes
import functools
import gc
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

from devtools.parts.errors import PartError

VARIABLE = "SYNC_TEST_NURSERY"
PROGRAM = "services.cli"
PR_SET_PDEATHSIG = 1
SERVICES = ("gateway", "importer", "exporter", "scheduler", "sandbox")
OPERATOR = "ops"


class Nursery:
    """The starter's side. One for each process that starts services; its own process is started when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ended: dict[int, int] = {}
        self._born = threading.Condition()
        self._pids: list[int] = []
        command = [sys.executable, "-c", f"from {__name__} import main; main()", str(os.getpid())]
        pipe, env = subprocess.PIPE, {**os.environ, "MALLOC_ARENA_MAX": "2"}
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1, env=env)
        threading.Thread(target=self._listen, name="nursery", daemon=True).start()

    def start(self, arguments: Sequence[str], env: Mapping[str, str], log: Path | None, cwd: Path | None) -> int:
        """The process id. Raises PartError where the nursery itself has died."""
        told = {"arguments": list(arguments), "env": dict(env), "log": str(log or os.devnull), "cwd": str(cwd or ".")}
        with self._lock, self._born:
            stdin = self._process.stdin
            assert stdin is not None  # noqa: S101  (for the type checker: it is a pipe)
            with contextlib.suppress(BrokenPipeError):
                stdin.write(json.dumps(told) + "\n")
                stdin.flush()
            if not self._born.wait_for(lambda: self._pids or self._process.poll() is not None, 60) or not self._pids:
                raise PartError("the nursery starts nothing any more")
            return self._pids.pop()

    def returncode(self, pid: int) -> int | None:
        """As that of a child of ours; None while it runs. Of a nursery that has died all have died."""
        code = self._ended.get(pid)
        return -signal.SIGKILL if code is None and self._process.poll() is not None else code

    def _listen(self) -> None:
        stdout = self._process.stdout
        for line in stdout or ():
            told = json.loads(line)
            with self._born:
                if "status" in told:
                    self._ended[told["pid"]] = told["status"]
                else:
                    self._ended.pop(told["pid"], None)  # ids of processes are given out again
                    self._pids.append(told["pid"])
                self._born.notify_all()
        with self._born:
            self._born.notify_all()


class Forked:
    """A process that the nursery has started, with what `child.py` needs of a `Popen`."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], log: Path | None, cwd: Path | None) -> None:
        self._nursery = nursery(os.getpid())
        self.pid = self._nursery.start(arguments, env, log, cwd)

    def poll(self) -> int | None:
        return self._nursery.returncode(self.pid)


@functools.cache
def nursery(_pid: int) -> Nursery:
    """That of the process with this id. It dies with the thread that asks first."""
    return Nursery()


def arguments_of(command: Sequence[str]) -> Sequence[str] | None:
    """What the command line of Sync Service is given, where the command is one that may be forked; else None."""
    usual = [sys.executable, "-m", PROGRAM]
    first, *more = command[3:] or ("",)
    fits = list(command[:3]) == usual and (first == OPERATOR or (first in SERVICES and not more))
    return command[3:] if fits and os.environ.get(VARIABLE) else None


def main() -> None:
    """The nursery itself: forks for each line that comes in, and tells who has ended."""
    die_with(int(sys.argv[1]))
    for service in SERVICES:
        import_module(f"services.{service}.main")
    program = import_module(PROGRAM)
    gc.freeze()
    waker, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders, rest = sys.stdin.fileno(), b""
    while True:
        ready, _, _ = select.select([orders, waker], [], [])
        if waker in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(waker, 4096)
            _reap()
        if orders in ready:
            read = os.read(orders, 65536)
            if not read:
                return
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                _tell({"pid": _forked(json.loads(line), program)})


def _forked(order: Mapping[str, Any], program: Any) -> int:
    """The process id, once it is that of a group of its own: who is told of it may signal the group."""
    parent = os.getpid()
    heard, apart = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if not pid:
        os.close(heard)
        _become(order, program, parent, apart)
    os.close(apart)
    os.read(heard, 1)  # the end of it, as the child has closed it
    os.close(heard)
    return pid


def _become(order: Mapping[str, Any], program: Any, parent: int, apart: int) -> NoReturn:
    """What the interpreter does at its start, for a process that had one already."""
    status = 1
    try:
        os.setsid()
        os.close(apart)
        die_with(parent)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL if number is signal.SIGCHLD else signal.default_int_handler)
        with open(os.devnull, "rb") as nothing, open(order["log"], "ab") as log:
            for source, target in ((nothing, 0), (log, 1), (log, 2)):
                os.dup2(source.fileno(), target)
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(write_through=True)  # type: ignore[union-attr]
        os.environ.clear()
        os.environ.update(order["env"])
        os.chdir(order["cwd"])
        random.seed()
        sys.argv = [program.__file__, *order["arguments"]]
        program.main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _tell({"pid": pid, "status": os.waitstatus_to_exitcode(status)})


def _tell(what: Mapping[str, int], out: IO[str] = sys.stdout) -> None:
    out.write(json.dumps(what) + "\n")
    out.flush()
