"""The browser of the tests: one that is there already, else Debian's chromium."""

import os
import shutil

from devtools import apt
from devtools.parts.errors import ProgramMissing

VARIABLE = "SYNC_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
ADVICE = f"Chromium is not installed. Install it with: sudo apt-get install chromium (or say in {VARIABLE} where it is)"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-sync",
)
"""It shows our own pages alone. As root Chromium has no sandbox of its own."""


def chromium() -> str:
    """Its path. Raises ProgramMissing with what a person has to type."""
    found = os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        install()
        found = shutil.which(NAMES[0])
    if found is None:
        raise ProgramMissing(ADVICE)
    return found


def install() -> None:
    prefix = apt.privileged()
    if prefix is None:
        raise ProgramMissing(ADVICE)
    print("installing chromium", flush=True)
    try:
        with apt.one_at_a_time():
            if shutil.which(NAMES[0]) is None:
                apt.install("chromium", prefix)
    except apt.AptFailed as error:
        raise ProgramMissing(f"{ADVICE}\n{error}") from None
