"""RabbitMQ and MongoDB for tests, demo and bench: given addresses, Docker, or private child processes."""

from devtools.parts.cleanup import drop_broker_objects, drop_database
from devtools.parts.errors import NotOurs, PartError, ProgramMissing
from devtools.parts.local import Addresses, LocalParts
from devtools.parts.part import Part
from devtools.parts.rabbitmq import QUEUE_SETTLE_SECONDS, RabbitPart
from devtools.parts.secantus import SecantusPart

__all__ = [
    "QUEUE_SETTLE_SECONDS",
    "Addresses",
    "LocalParts",
    "NotOurs",
    "Part",
    "PartError",
    "ProgramMissing",
    "RabbitPart",
    "SecantusPart",
    "drop_broker_objects",
    "drop_database",
]
