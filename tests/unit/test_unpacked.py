"""Packages unpacked for us alone: by the real apt, from a repository in a folder."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from devtools import unpacked
from devtools.apt import AptFailed

needs_apt = pytest.mark.skipif(
    not (shutil.which("apt-get") and shutil.which("dpkg-deb")), reason="needs apt-get and dpkg-deb, which Debian has"
)
CONTROL = """\
Package: {name}
Version: 1
Architecture: all
Maintainer: Nobody <nobody@example.org>
Depends: {needs}
Description: a package of a test
"""


def package(repository: Path, name: str, path: str, needs: str = "") -> str:
    """A package with one file that prints its own name, and its entry in the list."""
    root = repository / name
    control, program = root / "DEBIAN" / "control", root / path
    held = root / "usr/lib" / name / "held"
    for one in (control, program, held):
        one.parent.mkdir(parents=True, exist_ok=True)
    about = "".join(line for line in CONTROL.format(name=name, needs=needs).splitlines(True) if line != "Depends: \n")
    control.write_text(about)
    held.touch()
    program.write_text(f"#!/bin/sh\nHELD=/usr/lib/{name}\n[ -e $HELD/held ] && echo {name} /usr/lib/elsewhere\n")
    program.chmod(0o755)
    file = repository / f"{name}.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, file], check=True, capture_output=True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return f"{about}Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that apt knows of: `sync-tool`, which needs `sync-library`, and one that can never be had."""
    made = tmp_path / "repository"
    listed = [
        package(made, "sync-tool", "usr/bin/sync-tool", "sync-library"),
        package(made, "sync-library", "usr/lib/x86_64-linux-gnu/libsync.so"),
        package(made, "sync-broken", "usr/bin/sync-broken", "there-is-no-such-package"),
    ]
    (made / "Packages").write_text("\n".join(listed))
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] copy:{made} ./\n")
    settings = f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "-";\n'
    (tmp_path / "apt.conf").write_text(settings)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    return made


@needs_apt
def test_what_is_unpacked_is_found_with_what_it_needs(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    assert unpacked.environment(home) == {}
    root = unpacked.get("sync-tool", home=home)
    found = unpacked.environment(home)
    assert found["LD_LIBRARY_PATH"] == str(root / "usr/lib/x86_64-linux-gnu")
    first, *others = found["PATH"].split(os.pathsep)
    assert (first, set(others)) == (str(root / "usr/bin"), set(os.environ["PATH"].split(os.pathsep)))
    done = subprocess.run(["sync-tool"], env=found, capture_output=True, text=True, check=True)
    assert done.stdout == "sync-tool /usr/lib/elsewhere\n"
    assert [one.name for one in home.iterdir()] == ["sync-tool"]

    shutil.rmtree(repository)
    assert unpacked.get("sync-tool", home=home) == root
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    assert unpacked.environment(home) == found, "used twice it grows no longer"


@needs_apt
@pytest.mark.parametrize("name", ["sync-broken", "sync-nowhere"])
def test_what_cannot_be_had_leaves_nothing_behind(repository: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(AptFailed, match=r"apt-get .* failed"):
        unpacked.get("sync-tool", name, home=tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


def test_where_there_is_no_apt_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AptFailed, match="no apt-get"):
        unpacked.get("sync-tool", home=tmp_path / "home")


def test_libraries_and_fonts_are_found_where_they_were_unpacked(tmp_path: Path) -> None:
    folder = "a/usr/lib/x86_64-linux-gnu"
    for place in ("b/usr/sbin", "a/usr/bin", f"{folder}/nss", f"{folder}/plugins", ".half-way/usr/bin"):
        (tmp_path / place).mkdir(parents=True)
    for library in ("libc.so.1", "nss/libn.so", "plugins/n.so"):
        (tmp_path / folder / library).touch()
    (tmp_path / "a" / unpacked.FONTS).write_text(unpacked.SOURCE)
    found = unpacked.environment(tmp_path)
    assert found["FONTCONFIG_FILE"] == str(tmp_path / "a" / unpacked.FONTS)
    first, second, *others = found["PATH"].split(os.pathsep)
    assert (first, second) == (str(tmp_path / "a/usr/bin"), str(tmp_path / "b/usr/sbin"))
    assert not [one for one in others if one.startswith(str(tmp_path))]
    libraries = found["LD_LIBRARY_PATH"].split(os.pathsep)
    assert libraries == [str(tmp_path / folder / one) for one in ("", "nss")]
    (tmp_path / "c/d").mkdir(parents=True)
    assert set(unpacked.environment(tmp_path / "c")) == {"PATH"}
