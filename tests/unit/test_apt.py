"""apt: somebody else's lock is waited for, any other failure is told at once."""

from pathlib import Path

import pytest

from devtools.apt import BUSY, AptFailed, run

COUNTING = 'echo again >> "$1"; [ "$(wc -l < "$1")" -ge 3 ] || {{ echo "E: {said}" >&2; exit 100; }}'


def command(said: str, tries: Path) -> list[str]:
    """Fails with these words until it is tried the third time."""
    return ["sh", "-c", COUNTING.format(said=said), "sh", str(tries)]


def tried(tries: Path) -> int:
    return len(tries.read_text().splitlines())


def test_a_lock_of_another_program_is_waited_for(tmp_path: Path) -> None:
    run(command(BUSY, tmp_path / "tries"), pause=0.01)
    assert tried(tmp_path / "tries") == 3


def test_not_for_ever(tmp_path: Path) -> None:
    with pytest.raises(AptFailed, match=BUSY):
        run(command(BUSY, tmp_path / "tries"), seconds=0, pause=0.01)
    assert tried(tmp_path / "tries") == 1


def test_another_failure_is_told_with_what_apt_said(tmp_path: Path) -> None:
    with pytest.raises(AptFailed, match=r"sh -c .* failed:\nE: Unable to locate package"):
        run(command("Unable to locate package", tmp_path / "tries"), pause=0.01)
    assert tried(tmp_path / "tries") == 1
