"""What a connection of Enroll's sandbox reaches, in people's words: of Enroll the sandbox, and else what is real."""

from collections.abc import Callable, Mapping
from typing import Final

from shared.model.connection import Connection
from shared.model.kind import Kind
from shared.model.run import Run

ENROLL_ONLY: Final = "Sandbox: this reaches Enroll's sandbox only"
OF_ENROLL: Final = "Sandbox of Enroll, but"
READ: Final = f"{OF_ENROLL} {{host}} is read for real"
TAKEN: Final = f"{OF_ENROLL} files are taken from {{host}} for real"
WRITTEN: Final = f"{OF_ENROLL} {{host}} is written to for real"
IMPORTS: Final[Mapping[str, str]] = {"sftp": TAKEN, "api": READ}
"""By what an import reads."""


def reached(connection: Connection) -> str:
    """What everything that a connection does may reach; blank in production."""
    if connection.instance == "production":
        return ""
    return {
        Kind.AD_HOC: ENROLL_ONLY,
        Kind.SFTP: f"{TAKEN}, and exports are put there for real",
        Kind.ONEROSTER: READ,
    }.get(connection.kind, f"{READ}, and exports write to it for real").format(host=_host(connection))


def reached_by(run: Run, connection: Connection) -> str:
    """What a run reaches; blank in production."""
    if connection.instance == "production":
        return ""
    says = WRITTEN if run.delivery in ("sis", "sftp") else IMPORTS.get(run.source.kind, ENROLL_ONLY)
    return says.format(host=_host(connection))


def reached_as(kind: Kind) -> str:
    """What a connection of a kind will reach, before anybody has said where that is."""
    if kind is Kind.ONEROSTER:
        return f"{OF_ENROLL} what you name here is read for real"
    return f"{OF_ENROLL} what you name here is read, and written to, for real"


def _host(connection: Connection) -> str:
    """One that was deleted has told."""
    return connection.host or "the SIS"


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "reached": reached,
    "reached_by": reached_by,
    "reached_as": reached_as,
}
