"""What a handler may answer, and the table of handlers."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeAlias, TypeVar

from shared.contracts.messages import Message

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Done:
    """Handled, for good or for ill: what went wrong was recorded where people see it."""


@dataclass(frozen=True, slots=True)
class Later:
    """Not now, and nobody's fault (somebody else is at it, a file still grows). Does not use up an attempt."""

    seconds: float
    reason: str


Answer: TypeAlias = Done | Later


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the worker knows about a message beside its body. `last` says that no further attempt will follow."""

    message_id: str
    queue: str
    sent_at: datetime
    attempt: int
    last: bool


Handler: TypeAlias = Callable[[M, Delivery], Awaitable[Answer]]
GaveUp: TypeAlias = Callable[[M, BaseException], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Handling(Generic[M]):
    """One kind of message and what to do with it.

    `handle` may raise: a `Transient` error, or one nobody foresaw, is tried again along the retry ladder. When the
    attempts are used up `gave_up` records the failure where people see it, and the message goes to the dead letters.
    """

    message: type[M]
    handle: Handler[M]
    gave_up: GaveUp[M] | None = None


class Handlers:
    """The handlings of one worker, by message type."""

    def __init__(self, *handlings: Handling[Any]) -> None:
        self._by_type = {handling.message.TYPE: handling for handling in handlings}

    def find(self, message_type: str) -> Handling[Any] | None:
        return self._by_type.get(message_type)
