"""CloudEvents 1.0, JSON, structured mode: the one wrapping of every message on the broker."""

import hashlib
import secrets
import time
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

CONTENT_TYPE = "application/cloudevents+json"
SOURCE = "/sync-service"


def new_id(kind: str, *, at: datetime | None = None, of: str = "") -> str:
    """An identifier that sorts by the time it was made, such as `run_0193f2c1a7b84e1f9c20d7a3`.

    Given `at` and `of` it is always the same for the same two: for what may be asked for twice.
    """
    moment = _moment(at) if at is not None else time.time_ns() // 1_000_000
    tail = hashlib.sha256(of.encode()).hexdigest()[:12] if of else secrets.token_hex(6)
    return f"{kind}_{moment:012x}{tail}"


def ids_since(kind: str, at: datetime) -> str:
    """What no identifier of this kind that was made at `at` or later sorts before."""
    return f"{kind}_{_moment(at):012x}"


def made_at(id: str) -> datetime:
    """When such an identifier was made. Raises ValueError where it is none."""
    try:
        return datetime.fromtimestamp(int(id.partition("_")[2][:12], 16) / 1000, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(id) from error


def _moment(at: datetime) -> int:
    """Milliseconds since 1970; 0 before, so that a strange clock makes no strange identifier."""
    return max(0, round(at.timestamp() * 1000))


class Envelope(BaseModel):
    """One message. Attributes we do not know are ignored; `type` carries the version of `data`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(default_factory=lambda: new_id("msg"), min_length=1, max_length=200)
    source: str = SOURCE
    type: str = Field(min_length=1, max_length=200)
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    subject: str | None = None
    datacontenttype: str = "application/json"
    data: dict[str, Any]

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()


class Outgoing(BaseModel):
    """A message with its address, as it waits in a document's outbox."""

    model_config = ConfigDict(frozen=True)

    exchange: str
    routing_key: str
    envelope: Envelope
    attempt: int = 1
    mandatory: bool = True


def organization_in(body: bytes) -> str:
    """Whose message this is; blank where that cannot be read, or it is nobody's."""
    try:
        return str(orjson.loads(body)["data"]["organization"])
    except (ValueError, TypeError, KeyError):
        return ""
