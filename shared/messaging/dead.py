"""Reading a dead letter, whoever buried it: our own ladder, or the broker after too many crashes."""

import json
from collections.abc import Mapping
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
    death = _last_death(headers)
    died = death.get("time")
    body = message.body[:BODY_LIMIT].decode("utf-8", "replace")
    data = _data(body)
    first = _moment(headers.get(FIRST_HEADER, died))
    last = _moment(headers.get("x-sync-last-failed", died))
    return {
        "id": message.message_id or new_id("dead", at=_moment(died), of=body),
        "type": message.type or "",
        "routing_key": message.routing_key or "",
        "exchange": str(headers.get("x-sync-exchange") or death.get("exchange") or ""),
        "body": body,
        "reason": str(headers.get(REASON_HEADER) or death.get("reason") or "unknown"),
        "error": str(headers.get("x-sync-error", "")),
        "code": str(headers.get("x-sync-code", "")),
        "detail": str(headers.get("x-sync-detail", "")),
        "frames": str(headers.get("x-sync-frames", "")),
        "attempts": _number(headers.get(ATTEMPT_HEADER), 1),
        "first_failed": first,
        "last_failed": max(first, last),  # the broker notes whole seconds
        "org": str(data.get("organization", "")),
        "run": str(data.get("run", "")),
    }


def _last_death(headers: Mapping[str, Any]) -> dict[str, Any]:
    """What the broker noted when it buried the message. Newest first: the rungs it once waited on are there as well."""
    deaths = headers.get("x-death")
    return deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}


def _data(body: str) -> dict[str, Any]:
    try:
        data = json.loads(body)["data"]
    except (ValueError, KeyError, TypeError):
        return {}
    return data if isinstance(data, dict) else {}


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _moment(found: object) -> datetime:
    """Of our own milliseconds, or of a time the broker noted."""
    if isinstance(found, int):
        return datetime.fromtimestamp(found / 1000, UTC)
    if isinstance(found, datetime):
        return found.replace(tzinfo=found.tzinfo or UTC)
    return datetime.now(UTC)
