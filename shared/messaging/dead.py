"""Reading a dead letter, whoever buried it: our own ladder, or the broker after too many crashes."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from aio_pika.abc import AbstractIncomingMessage

from shared.contracts.envelope import new_id
from shared.messaging.publisher import ATTEMPT_HEADER
from shared.messaging.retry import FIRST_HEADER, REASON_HEADER

BODY_LIMIT = 64 * 1024
NAME_LIMIT = 200
_TYPE = re.compile(rf"[\w.:/+-]{{1,{NAME_LIMIT}}}", re.ASCII)


def read_dead(message: AbstractIncomingMessage) -> dict[str, Any]:
    """The facts of a dead letter by the field names of `shared.store.failed.DeadLetter`."""
    headers = message.headers
    death = _last_death(headers)
    died = death.get("time")
    body = message.body[:BODY_LIMIT].decode("utf-8", "replace")
    envelope = _object(body)
    data = _data(envelope)
    first = _moment(headers.get(FIRST_HEADER, died))
    last = _moment(headers.get("x-sync-last-failed", died))
    return {
        "id": _id(envelope) or message.message_id or new_id("dead", at=_moment(died), of=body),
        "type": _type(message.type) or _type(envelope.get("type")),
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
        "org": str(data.get("organization", ""))[:NAME_LIMIT],
        "run": str(data.get("run", ""))[:NAME_LIMIT],
    }


def _last_death(headers: Mapping[str, Any]) -> dict[str, Any]:
    """What the broker noted when it buried the message. Newest first: the rungs it once waited on are there as well."""
    deaths = headers.get("x-death")
    return deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], dict) else {}


def _object(body: str) -> dict[str, Any]:
    """Not by `json`, which takes depths that it cannot read and halves of characters that nothing can store."""
    try:
        found = orjson.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _data(envelope: Mapping[str, Any]) -> dict[str, Any]:
    found = envelope.get("data")
    return found if isinstance(found, dict) else {}


def _id(envelope: Mapping[str, Any]) -> str:
    """The message's own, under which it is sent again, so that dead once more it is the same letter. The broker's
    property is not needed by those who send us something, and may be another one."""
    found = envelope.get("id")
    return found if isinstance(found, str) and len(found) <= NAME_LIMIT and found.isprintable() else ""


def _type(found: object) -> str:
    """What has the form of a type; blank for anything else, which may be somebody's name."""
    return found if isinstance(found, str) and _TYPE.fullmatch(found) else ""


def _number(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _moment(found: object) -> datetime:
    """Of our own milliseconds, or of a time the broker noted."""
    if isinstance(found, int):
        return datetime.fromtimestamp(found / 1000, UTC)
    if isinstance(found, datetime):
        return found.replace(tzinfo=found.tzinfo or UTC)
    return datetime.now(UTC)
