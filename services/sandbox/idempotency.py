"""Answers remembered under the idempotency key of their call, and the highest sequence seen."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from services.sandbox.errors import ApiError

KEPT_SECONDS = 7 * 24 * 3600.0


@dataclass(slots=True)
class _Entry:
    digest: bytes
    answer: bytes | None
    at: float


class Answers:
    """First answers by idempotency key, kept for seven days. Holds a digest of the body, never the body."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def claim(self, key: str, digest: bytes) -> bytes | None:
        """The first answer if there is one; otherwise None, and the key is taken until `keep` or `release`.

        Raises:
            ApiError: the key was used with another body, or its first call is still being worked on.
        """
        self._forget_old()
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(digest, None, self._clock())
            return None
        if entry.digest != digest:
            raise ApiError(422, "idempotency_key_reused", "This Idempotency-Key was used with another body.")
        if entry.answer is None:
            wait = {"Retry-After": "1"}
            raise ApiError(409, "in_progress", "The first call with this Idempotency-Key still runs.", wait)
        return entry.answer

    def keep(self, key: str, answer: bytes) -> None:
        """Remembers the answer of a claimed key."""
        entry = self._entries.pop(key)
        self._entries[key] = _Entry(entry.digest, answer, self._clock())

    def release(self, key: str) -> None:
        """Gives up a claimed key: nothing was done under it."""
        del self._entries[key]

    def _forget_old(self) -> None:
        oldest_kept = self._clock() - KEPT_SECONDS
        for key, entry in list(islice(self._entries.items(), 8)):
            if entry.answer is None or entry.at >= oldest_kept:
                return
            del self._entries[key]


class Sequences:
    """The highest sequence seen for each connection and data type."""

    def __init__(self) -> None:
        self._highest: dict[tuple[str, str], int] = {}

    def advance(self, connection: str, data_type: str, sequence: int) -> None:
        """Notes `sequence`.

        Raises:
            ApiError: a higher one has been seen.
        """
        stream = connection, data_type
        highest = self._highest.get(stream, sequence)
        if sequence < highest:
            raise ApiError(409, "stale_sequence", f"Sequence {highest} has been seen; {sequence} is out of date.")
        self._highest[stream] = sequence
