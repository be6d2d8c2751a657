"""Run a command with RabbitMQ and MongoDB at hand: `python -m devtools.run -- pytest -n 2 ...`."""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from devtools.parts import Addresses, LocalParts, PartError
from devtools.parts.child import Child
from devtools.parts.local import AMQP_VARIABLE, MONGO_VARIABLE

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(argv: Sequence[str] | None = None) -> int:
    command = list(sys.argv[1:] if argv is None else argv)
    if command[:1] == ["--"]:
        del command[0]
    if not command:
        print("usage: python -m devtools.run -- COMMAND [ARGUMENT ...]", file=sys.stderr)
        return 2
    for number in FORWARDED:  # while the parts start; later the command gets them
        signal.signal(number, leave)
    try:
        with LocalParts(durable=False) as parts:
            return run(command, parts.addresses)
    except PartError as error:
        print(error, file=sys.stderr)
        return 1


def leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def run(command: Sequence[str], addresses: Addresses) -> int:
    """The command's exit status, as a shell would give it. Our own programs come first on its PATH."""
    env = {
        **os.environ,
        AMQP_VARIABLE: addresses.amqp_url,
        MONGO_VARIABLE: addresses.mongo_url,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    child = Child(command[0], command, env=env, log=None)
    received: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        child.signal(number)

    for number in FORWARDED:
        signal.signal(number, forward)
    try:
        child.start()
        if received:  # came in before there was anybody to forward it to
            child.signal(received[-1])
        status = child.wait()
    finally:
        child.kill()
    return 1 if status is None else status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
