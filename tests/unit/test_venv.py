"""The environment follows the Python it is made with."""

import sys
from pathlib import Path

from devtools.venv import LOCK, VERSION, clear, fingerprint, made_by


def environment(folder: Path, version: str) -> Path:
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f"#!/bin/sh\necho {version}\n")
    python.chmod(0o755)
    (folder / "lib" / "python").mkdir(parents=True)
    (folder / "lib64").symlink_to("lib")
    (folder / "pyvenv.cfg").touch()
    (folder / LOCK).touch()
    return folder


def test_the_python_of_an_environment_is_asked(tmp_path: Path) -> None:
    assert made_by(environment(tmp_path / "old", "3.10")) == "3.10"
    assert made_by(tmp_path / "none") == ""
    assert made_by(Path(sys.prefix)) == VERSION


def test_an_environment_of_another_python_is_cleared_but_for_the_lock_that_is_held(tmp_path: Path) -> None:
    folder = environment(tmp_path / "old", "3.10")
    clear(folder)
    assert [path.name for path in folder.iterdir()] == [LOCK]


def test_a_folder_that_is_no_environment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    clear(tmp_path)
    assert (tmp_path / "letters").exists()


def test_the_fingerprint_is_steady() -> None:
    assert fingerprint() == fingerprint()
