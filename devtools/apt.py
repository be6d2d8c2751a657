"""Install a Debian package where we may. Needs nothing but Python: it also serves before the environment is there."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

LOCKED_SECONDS = 300.0
BUSY = "Could not get lock"
"""What apt says of a lock that somebody else holds. Its own DPkg::Lock::Timeout does not cover that of the lists."""


class AptFailed(Exception):
    """The text is what apt said."""


def privileged() -> list[str] | None:
    """What to put before a command to run it as root; None if we may not, or this is not Debian."""
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return None
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
        return ["sudo", "-n"]
    return None


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Among all of ours on this machine."""
    with Path(tempfile.gettempdir(), f"sync-service-install-{os.getuid()}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def install(prefix: list[str], *packages: str) -> None:
    """Install the packages; waits for whoever else uses apt.

    Raises:
        AptFailed: apt could not.
    """
    apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-qq"]
    apt += ["-o", f"DPkg::Lock::Timeout={LOCKED_SECONDS:.0f}"]
    run([*apt, "update"])
    run([*apt, "install", "-y", "--no-install-recommends", *packages])


def run(command: list[str], *, seconds: float = LOCKED_SECONDS, pause: float = 1.0) -> None:
    """Run a command of apt or beside it; again where another program holds apt's locks, for so many seconds.

    Raises:
        AptFailed: it failed.
    """
    until = time.monotonic() + seconds
    while True:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if not done.returncode:
            return
        said = done.stdout + done.stderr
        if BUSY not in said or time.monotonic() >= until:
            raise AptFailed(f"`{' '.join(command)}` failed:\n{said[-2000:]}")
        time.sleep(pause)
