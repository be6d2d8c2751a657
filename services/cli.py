"""One command line: `sync-service gateway | importer | exporter | scheduler | sandbox | ops ...`."""

from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any

import typer

from services.ops.main import app as ops
from services.runtime import start
from shared.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(ops, name="ops")

HELP = {
    "gateway": "People and Enroll come in here: dashboard, HTTP API, Enroll events, dead letters.",
    "importer": "Worker: SIS to Enroll.",
    "exporter": "Worker: Enroll to SIS, or to files.",
    "scheduler": "Emits the daily triggers.",
    "sandbox": "A simulated Enroll, SFTP folder and SISs, for the demo and for tests.",
}


def _command(service: str) -> Callable[[], None]:
    def run() -> None:
        main: Callable[[Settings], Coroutine[Any, Any, None]] = import_module(f"services.{service}.main").main
        start(main)

    return run


for name, text in HELP.items():
    app.command(name, help=text)(_command(name))


def main() -> None:
    app()


if __name__ == "__main__":
    main()
