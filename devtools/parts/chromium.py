"""The browser of the tests: Debian's chromium without its windows, else a whole one that is there."""

import os
import shutil
from ctypes.util import find_library
from pathlib import Path

from devtools import apt, unpacked
from devtools.parts.errors import ProgramMissing

VARIABLE = "SYNC_TEST_CHROMIUM"
SHELL = "chromium-headless-shell"
NAMES = (SHELL, "chromium", "chromium-browser", "google-chrome")
ATOMIC = "libatomic1"
"""What Playwright's driver is linked with, and nothing else here needs."""
ADVICE = f"""\
The tests of the pages need Chromium and {ATOMIC}. Install them with: sudo apt-get install {SHELL} {ATOMIC} \
(or say in {VARIABLE} where a Chromium is)"""
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-sync",
)
"""It shows our own pages alone. As root Chromium has no sandbox of its own."""


def chromium() -> str:
    """Its path. Raises ProgramMissing with what a person has to type.

    One worker of the tests may be installing it: its program is there before all that it needs is.
    """
    if given := os.environ.get(VARIABLE):
        return given
    with apt.one_at_a_time():
        unpacked.use()
        if _found() is None or not _has_atomic():
            get()
        found = _found()
    if found is None:
        raise ProgramMissing(ADVICE)
    return found


def _found() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def _has_atomic() -> bool:
    ours = unpacked.environment().get("LD_LIBRARY_PATH", "").split(os.pathsep)
    return find_library("atomic") is not None or any(Path(one, "libatomic.so.1").exists() for one in ours if one)


def get() -> None:
    prefix = apt.privileged()
    print(f"{'unpacking' if prefix is None else 'installing'} {SHELL} and {ATOMIC}", flush=True)
    try:
        if prefix is None:
            unpacked.get(SHELL, ATOMIC)
            unpacked.use()
        else:
            apt.install(prefix, SHELL, ATOMIC)
    except apt.AptFailed as error:
        raise ProgramMissing(f"{ADVICE}\n{error}") from None
