"""JSON logs. Only keys of one list are ever written, so a name or a secret cannot slip in as a field."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared.model.errors import SyncError

FIELDS = frozenset(
    {
        "action",
        "attempt",
        "attempts",
        "bytes",
        "code",
        "connection",
        "counts",
        "data_type",
        "decision",
        "deed",
        "delay",
        "duration_ms",
        "error",
        "event",
        "exchange",
        "fence",
        "frames",
        "lane",
        "level",
        "message_id",
        "message_type",
        "method",
        "org",
        "outcome",
        "phase",
        "port",
        "queue",
        "reason",
        "route",
        "rows",
        "run",
        "service",
        "slice",
        "slices",
        "state",
        "status",
        "timestamp",
        "user",
        "version",
    }
)


def keep_known_fields(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every key that is not in `FIELDS`; a dropped key's name is not logged either, for it may be data."""
    return {key: value for key, value in event.items() if key in FIELDS}


def describe(error: BaseException) -> dict[str, Any]:
    """An exception as it may be logged or stored: kind, our own code, and where. Never its text, never a local.

    The text of a library's exception may quote what it choked on, which may be somebody's birth date.
    """
    frames = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno}:{frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    found: dict[str, Any] = {"error": type(error).__name__, "frames": frames[-12:]}
    if isinstance(error, SyncError):
        found["code"] = error.code
        found["reason"] = error.message
    return found


def setup(service: str, level: str = "INFO") -> None:
    """Logs of ours and of libraries go to standard output, one JSON object a line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_known_fields,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(handlers=[_LibraryHandler()], level=logging.ERROR, force=True)


class _LibraryHandler(logging.Handler):
    """What libraries log, reduced to who and how bad: their texts may hold addresses, keys or data."""

    def emit(self, record: logging.LogRecord) -> None:
        found = describe(record.exc_info[1]) if record.exc_info and record.exc_info[1] else {}
        structlog.get_logger().warning("library", **{"error": record.levelname, **found, "reason": record.name})
