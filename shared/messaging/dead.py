"""Reading a dead letter, whoever buried it: our own ladder, or the broker after too many crashes."""

import json
from datetime import UTC, datetime
from typing import Any

from aio_pika.abc import AbstractIncomingMessage

from shared.contracts.envelope import new_id
from shared.messaging.publisher import ATTEMPT_HEADER
from shared.messaging.retry import FIRST_HEADER, REASON_HEADER

BODY_LIMIT = 64 * 1024


def read_dead(message: AbstractIncomingMessage) -> dict[str, Any]:
    """The facts of a dead letter by the field names of `shared.store.failed.DeadLetter`."""
    headers = message.headers
    body = message.body[:BODY_LIMIT].decode("utf-8", "replace")
    data = _data(body)
    return {
        "id": message.message_id or new_id("dead"),
        "type": message.type or "",
        "routing_key": message.routing_key or "",
        "exchange": str(headers.get("x-sync-exchange", "")),
        "body": body,
        "reason": str(headers.get(REASON_HEADER) or headers.get("x-first-death-reason") or "unknown"),
        "error": str(headers.get("x-sync-error", "")),
        "code": str(headers.get("x-sync-code", "")),
        "detail": str(headers.get("x-sync-detail", "")),
        "frames": str(headers.get("x-sync-frames", "")),
        "attempts": _number(headers.get(ATTEMPT_HEADER), 1),
        "first_failed": _moment(headers.get(FIRST_HEADER)),
        "last_failed": _moment(headers.get("x-sync-last-failed")),
        "org": str(data.get("organization", "")),
        "run": str(data.get("run", "")),
    }


def _data(body: str) -> dict[str, Any]:
    try:
        data = json.loads(body)["data"]
    except (ValueError, KeyError, TypeError):
        return {}
    return data if isinstance(data, dict) else {}


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _moment(milliseconds: object) -> datetime:
    if isinstance(milliseconds, int):
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    return datetime.now(UTC)
