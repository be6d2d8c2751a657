"""Install rabbitmq-server from Debian's packages without leaving its system service running or enabled."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from devtools import apt
from devtools.parts.errors import ProgramMissing

ADVICE = "rabbitmq-server is not installed. Install it with: sudo apt-get install rabbitmq-server"
POLICY = Path("/usr/sbin/policy-rc.d")
MARK = "written by sync-service devtools for the length of one installation"


def install_rabbitmq(*, allowed: bool = True) -> None:
    """Install it, or raise `ProgramMissing` with what a person has to type."""
    prefix = apt.privileged() if allowed else None
    if prefix is None:
        raise ProgramMissing(ADVICE)
    print("installing rabbitmq-server", flush=True)
    try:
        with apt.one_at_a_time(), no_services(prefix):
            apt.install(prefix, "rabbitmq-server")
    except apt.AptFailed as error:
        raise ProgramMissing(f"{ADVICE}\n{error}") from None
    if shutil.which("systemctl"):  # it must not come up with the next boot either
        subprocess.run([*prefix, "systemctl", "disable", "rabbitmq-server"], capture_output=True, check=False)


@contextlib.contextmanager
def no_services(prefix: list[str]) -> Iterator[None]:
    """While it lasts packages start no services: Debian's maintainer scripts ask policy-rc.d first."""
    kept = POLICY.with_name("policy-rc.d.sync-service-kept")
    ours = POLICY.exists() and MARK in POLICY.read_text(errors="replace")  # left by one of us that was killed
    if POLICY.exists() and not ours:
        apt.run([*prefix, "mv", str(POLICY), str(kept)])
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as script:
        script.write(f"#!/bin/sh\n# {MARK}\nexit 101\n")
        script.flush()
        apt.run([*prefix, "install", "-m", "755", script.name, str(POLICY)])
    try:
        yield
    finally:
        if kept.exists():
            apt.run([*prefix, "mv", str(kept), str(POLICY)])
        else:
            apt.run([*prefix, "rm", "-f", str(POLICY)])
