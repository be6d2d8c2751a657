"""Debian's packages for whoever we are alone, unpacked into a folder: what there is where we may not install.

Needs nothing but Python: it also serves before the environment is there.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from devtools import apt

HOME: Final = Path(sys.prefix, "debian")
"""That of our own environment, of which it is a part: thrown away with it."""
PROGRAMS: Final = ("usr/sbin", "usr/bin", "sbin", "bin")
SCRIPTS: Final = (*PROGRAMS, "usr/lib/erlang/bin")
OWN: Final = re.compile(rb"(?<![\w.}/])/usr/lib/[\w.+-]+")
"""What a script that was made for /usr says of where its own things are."""
LIBRARIES: Final = ("usr/lib/*-linux-gnu/lib*.so*", "usr/lib/*-linux-gnu/*/lib*.so*", "lib/*-linux-gnu/lib*.so*")
FONTS: Final = "fonts.conf"
SOURCE: Final = """\
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
<dir>/usr/share/fonts</dir>
<dir prefix="relative">usr/share/fonts</dir>
<cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
"""


def get(*packages: str, home: Path = HOME) -> Path:
    """Unpack the packages, and what they need that is not installed, into a folder below `home`; returns it.

    Raises:
        AptFailed: apt could not, or this is not Debian.
    """
    root = home / "+".join(packages)
    if root.exists():
        return root
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise apt.AptFailed("There is no apt-get here.")
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix=".") as work:
        made = Path(work, "root")
        made.mkdir()
        for package in _downloaded(Path(work), packages):
            apt.run(["dpkg-deb", "-x", str(package), str(made)])
        _settle(made, root)
        made.rename(root)
    return root


def _settle(made: Path, root: Path) -> None:
    """What was unpacked into `made` finds its own things below `root`, where it is going to stand."""
    if Path(made, "usr/share/fonts").exists():
        Path(made, FONTS).write_text(SOURCE)

    def moved(place: re.Match[bytes]) -> bytes:
        return os.fsencode(root) + place[0] if Path(made, os.fsdecode(place[0][1:])).exists() else place[0]

    for script in _below([made], tuple(f"{folder}/*" for folder in SCRIPTS)):
        if script.is_file() and not script.is_symlink() and (text := script.read_bytes()).startswith(b"#!"):
            script.write_bytes(OWN.sub(moved, text))


def _downloaded(work: Path, packages: tuple[str, ...]) -> list[Path]:
    """In folders of our own apt needs neither root nor its lock."""
    for name in ("lists/partial", "archives/partial"):
        Path(work, name).mkdir(parents=True)
    places = {"Dir::State::lists": "lists", "Dir::Cache": ".", "Dir::Cache::archives": "archives", "Dir::Log": "."}
    own = {name: str(work / place) for name, place in places.items()}
    own |= {"Debug::NoLocking": "1", "APT::Sandbox::User": ""}
    command = ["env", "LC_ALL=C", "apt-get", "-qq"]
    for name, value in own.items():
        command += ["-o", f"{name}={value}"]
    apt.run([*command, "update"])
    apt.run([*command, "install", "--download-only", "-y", "--no-install-recommends", *packages])
    return sorted(Path(work, "archives").glob("*.deb"))


def environment(home: Path = HOME) -> Mapping[str, str]:
    """What a process needs to find all that was unpacked, its libraries and fonts; nothing where there is none."""
    roots = sorted(one for one in home.glob("[!.]*") if one.is_dir())
    if not roots:
        return {}
    found = {"PATH": _joined("PATH", _below(roots, PROGRAMS), os.defpath)}
    found["LD_LIBRARY_PATH"] = _joined("LD_LIBRARY_PATH", (one.parent for one in _below(roots, LIBRARIES)))
    if fonts := next(_below(roots, (FONTS,)), None):
        found["FONTCONFIG_FILE"] = str(fonts)
    return {name: value for name, value in found.items() if value}


def use() -> None:
    """What was unpacked is found by this process and by those that it starts from now on."""
    os.environ.update(environment())


def _below(roots: list[Path], places: tuple[str, ...]) -> Iterator[Path]:
    return (found for root in roots for place in places for found in root.glob(place))


def _joined(name: str, ours: Iterator[Path], otherwise: str = "") -> str:
    """Ours first, each once, then what was there."""
    held = os.environ.get(name, otherwise).split(os.pathsep)
    return os.pathsep.join(dict.fromkeys([*map(str, ours), *filter(None, held)]))
