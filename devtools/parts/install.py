"""Get rabbitmq-server from Debian's packages: installed without leaving its system service running or enabled, or
unpacked for us alone where we may not install."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from devtools import apt, unpacked
from devtools.parts.errors import ProgramMissing

PACKAGE = "rabbitmq-server"
ADVICE = f"{PACKAGE} is not installed. Install it with: sudo apt-get install {PACKAGE}"
POLICY = Path("/usr/sbin/policy-rc.d")
MARK = "written by sync-service devtools for the length of one installation"


def get_rabbitmq(*, allowed: bool = True) -> None:
    """So that it is found, or raise `ProgramMissing` with what a person has to type."""
    if not allowed:
        raise ProgramMissing(ADVICE)
    prefix = apt.privileged()
    print(f"{'unpacking' if prefix is None else 'installing'} {PACKAGE}", flush=True)
    try:
        with apt.one_at_a_time():
            if prefix is None:
                unpacked.get(PACKAGE)
            else:
                _install(prefix)
    except apt.AptFailed as error:
        raise ProgramMissing(f"{ADVICE}\n{error}") from None
    unpacked.use()


def _install(prefix: list[str]) -> None:
    with no_services(prefix):
        apt.install(prefix, PACKAGE)
    if shutil.which("systemctl"):  # it must not come up with the next boot either
        subprocess.run([*prefix, "systemctl", "disable", PACKAGE], capture_output=True, check=False)


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
