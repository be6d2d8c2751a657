"""Services started by forking: their own environment, log and end, and none that outlives whoever started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from devtools.parts.child import Child
from devtools.parts.errors import PartError
from devtools.parts.nursery import VARIABLE, arguments_of
from devtools.stack import ROOT, service_command

STARTER = """
import os, sys, time
from pathlib import Path
from devtools.parts.child import Child
from devtools.stack import ROOT, service_command
folder = Path(sys.argv[1])
env = {**os.environ, "SYNC_ANNOUNCE": str(folder / "port")}
child = Child("sandbox", service_command("sandbox"), env=env, log=folder / "log", cwd=ROOT)
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""


def sandbox(folder: Path, **env: str) -> Child:
    given = {**os.environ, "SYNC_ANNOUNCE": str(folder / "port"), **env}
    return Child("sandbox", service_command("sandbox"), env=given, log=folder / "log", cwd=ROOT)


def wait_for(path: Path, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.02)


def test_it_is_a_process_of_its_own_and_ends_in_good_order(tmp_path: Path) -> None:
    child = sandbox(tmp_path, SYNC_LOG_LEVEL="INFO", ONLY_HERE="yes")
    child.start()
    wait_for(tmp_path / "port")
    assert os.getpgid(child.pid) == child.pid != os.getpgrp()
    assert "nursery" in " ".join(psutil.Process(child.pid).cmdline())
    assert "ONLY_HERE" not in os.environ
    assert child.stop() == 0
    assert not psutil.pid_exists(child.pid)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
def test_a_signal_that_ends_it_is_its_status(tmp_path: Path, number: int) -> None:
    child = sandbox(tmp_path)
    child.start()
    wait_for(tmp_path / "port")
    child.signal(number)
    assert child.wait(10) == -number


def test_what_it_says_when_it_cannot_start_is_in_its_log(tmp_path: Path) -> None:
    child = sandbox(tmp_path, SYNC_PORT="not a port")
    child.start()
    assert child.wait(30) == 1
    assert "SYNC_PORT" in child.tail() or "port" in child.tail()


def test_several_at_once_have_settings_of_their_own(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(3)]
    for folder in folders:
        folder.mkdir()
    children = [sandbox(folder) for folder in folders]
    try:
        for child in children:
            child.start()
        for folder in folders:
            wait_for(folder / "port")
        assert len({(folder / "port").read_text() for folder in folders}) == 3
    finally:
        for child in children:
            child.kill()


def test_none_outlives_a_starter_that_is_killed(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    wait_for(tmp_path / "port")
    starter.kill()
    starter.wait(10)
    starter.stdout.close()
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_only_services_are_forked_and_only_where_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(arguments_of(service_command("gateway")) or ()) == ["gateway"]
    assert arguments_of([sys.executable, "-m", "services.cli", "ops", "failed", "list"]) == ["ops", "failed", "list"]
    assert arguments_of([sys.executable, "-m", "services.cli", "gateway", "--help"]) is None
    assert arguments_of(["rabbitmq-server"]) is None
    monkeypatch.setenv(VARIABLE, "")
    assert arguments_of(service_command("gateway")) is None


def test_a_child_is_started_once(tmp_path: Path) -> None:
    child = sandbox(tmp_path)
    child.start()
    try:
        with pytest.raises(PartError):
            child.start()
    finally:
        child.kill()


def test_whoever_is_told_of_a_child_can_signal_it_at_once(tmp_path: Path) -> None:
    for _ in range(20):
        child = sandbox(tmp_path)
        child.start()
        child.signal(signal.SIGKILL)
        try:
            assert child.wait(10) == -signal.SIGKILL
        finally:
            child.kill()
