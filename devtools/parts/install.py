"""Install rabbitmq-server from Debian's packages without leaving its system service running or enabled."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from devtools.parts.errors import ProgramMissing

ADVICE = "rabbitmq-server is not installed. Install it with: sudo apt-get install rabbitmq-server"
POLICY = Path("/usr/sbin/policy-rc.d")
MARK = "written by sync-service devtools for the length of one installation"


def install_rabbitmq(*, allowed: bool = True) -> None:
    """Install it, or raise `ProgramMissing` with what a person has to type."""
    prefix = privileged() if allowed else None
    if prefix is None or not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        raise ProgramMissing(ADVICE)
    lock = Path(tempfile.gettempdir(), f"sync-service-install-{os.getuid()}.lock")
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        apt = [*prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
        with no_services(prefix):
            run([*apt, "update"])
            run([*apt, "install", "-y", "--no-install-recommends", "rabbitmq-server"])
        if shutil.which("systemctl"):  # it must not come up with the next boot either
            subprocess.run([*prefix, "systemctl", "disable", "rabbitmq-server"], capture_output=True, check=False)


def privileged() -> list[str] | None:
    """What to put before a command to run it as root; None if we may not."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and not subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode:
        return ["sudo", "-n"]
    return None


@contextlib.contextmanager
def no_services(prefix: list[str]) -> Iterator[None]:
    """While it lasts packages start no services: Debian's maintainer scripts ask policy-rc.d first."""
    kept = POLICY.with_name("policy-rc.d.sync-service-kept")
    ours = POLICY.exists() and MARK in POLICY.read_text(errors="replace")  # left by one of us that was killed
    if POLICY.exists() and not ours:
        run([*prefix, "mv", str(POLICY), str(kept)])
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as script:
        script.write(f"#!/bin/sh\n# {MARK}\nexit 101\n")
        script.flush()
        run([*prefix, "install", "-m", "755", script.name, str(POLICY)])
    try:
        yield
    finally:
        if kept.exists():
            run([*prefix, "mv", str(kept), str(POLICY)])
        else:
            run([*prefix, "rm", "-f", str(POLICY)])


def run(command: list[str]) -> None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProgramMissing(f"{ADVICE}\n`{' '.join(command)}` failed:\n{(done.stdout + done.stderr)[-2000:]}")
