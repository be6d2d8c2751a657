"""Which browser the tests take."""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path

import pytest

from devtools import apt
from devtools.parts import chromium as module
from devtools.parts.chromium import ATOMIC, NAMES, SHELL, VARIABLE, chromium
from devtools.parts.errors import ProgramMissing


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All there is on the machine."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "find_library", lambda name: f"lib{name}.so.1")
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def put(programs: Path, name: str) -> str:
    path = programs / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_the_shell_before_a_whole_browser_and_what_is_said_before_both(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = put(programs, "chromium")
    assert chromium() == whole
    shell = put(programs, SHELL)
    assert chromium() == shell
    monkeypatch.setenv(VARIABLE, "/somewhere/else")
    assert chromium() == "/somewhere/else"


def test_without_one_and_without_a_way_to_install_it_a_person_is_told_what_to_type(programs: Path) -> None:
    assert not [name for name in NAMES if (programs / name).exists()]
    with pytest.raises(ProgramMissing, match=f"sudo apt-get install {SHELL}"):
        chromium()


def test_a_browser_alone_is_not_enough_for_who_drives_it(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(programs, SHELL)
    monkeypatch.setattr(module, "find_library", lambda name: None)
    with pytest.raises(ProgramMissing, match=ATOMIC):
        chromium()


def test_one_that_is_being_installed_is_waited_for(programs: Path) -> None:
    shell = put(programs, SHELL)
    with ThreadPoolExecutor(1) as pool:
        with apt.one_at_a_time():
            asked = pool.submit(chromium)
            with pytest.raises(NotYet):
                asked.result(0.2)
        assert asked.result(30) == shell
