"""Names of every exchange and queue, and how they are bound. Declared by `shared.messaging.broker`.

All queues are quorum queues with an explicit delivery limit and a dead letter exchange. New arguments need a new
queue name: a broker refuses to redeclare a queue with other arguments.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

DEFAULT_RETRY_DELAYS = (5.0, 30.0, 120.0, 600.0, 3600.0)
RETRY_RUNG_HEADER = "sync-rung"
"""Not "x-…": a headers exchange ignores those in a binding, and every rung would take every message."""
DELIVERY_LIMIT = 20
NEVER = 1_000_000_000
REQUESTS: Final = "enroll.sync.requested.#"
APPROVALS: Final = "enroll.registration.approved.#"
"""Enroll's events: the first are heard by the gateway, the second by the exporter."""
APPROVALS_LANE: Final = "exporter.approvals"

Direction = Literal["import", "export"]
Pace = Literal["interactive", "bulk"]


@dataclass(frozen=True, slots=True)
class Exchange:
    name: str
    kind: Literal["topic", "headers", "fanout"]


@dataclass(frozen=True, slots=True)
class Binding:
    exchange: str
    routing_key: str = ""
    headers: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """`unbound` are bindings that an older release has made: what they brought goes to another queue now."""

    name: str
    arguments: dict[str, Any]
    bindings: tuple[Binding, ...]
    unbound: tuple[Binding, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """The broker objects of one deployment.

    `prefix` keeps deployments (and tests) that share a broker apart. `retry_delays` are seconds, shortest first.
    """

    prefix: str = ""
    retry_delays: tuple[float, ...] = DEFAULT_RETRY_DELAYS

    @property
    def enroll_events(self) -> str:
        return f"{self.prefix}enroll.events"

    @property
    def work(self) -> str:
        return f"{self.prefix}sync.work"

    @property
    def retry(self) -> str:
        return f"{self.prefix}sync.retry"

    @property
    def dead(self) -> str:
        return f"{self.prefix}sync.dead"

    @property
    def events(self) -> str:
        return f"{self.prefix}sync.events"

    def lane(self, direction: Direction, pace: Pace) -> str:
        """The queue that carries `direction` work at `pace`."""
        service = "importer" if direction == "import" else "exporter"
        return f"{self.prefix}{service}.{pace}"

    @property
    def enroll_queue(self) -> str:
        return f"{self.prefix}gateway.enroll-events"

    @property
    def approvals_queue(self) -> str:
        return f"{self.prefix}{APPROVALS_LANE}"

    @property
    def dead_queue(self) -> str:
        return f"{self.prefix}gateway.dead"

    def rung_for(self, delay: float) -> float:
        """The shortest rung that waits at least `delay` seconds, or the longest there is."""
        return next((rung for rung in self.retry_delays if rung >= delay), self.retry_delays[-1])

    def retry_queue(self, rung: float) -> str:
        return f"{self.prefix}sync.retry.{rung_label(rung)}"

    def exchanges(self) -> Iterator[Exchange]:
        yield Exchange(self.enroll_events, "topic")
        yield Exchange(self.work, "topic")
        yield Exchange(self.retry, "headers")
        yield Exchange(self.dead, "fanout")
        yield Exchange(self.events, "topic")

    def queues(self) -> Iterator[Queue]:
        for direction in ("import", "export"):
            for pace in ("interactive", "bulk"):
                name = self.lane(direction, pace)
                yield Queue(name, self._worked(), (Binding(self.work, work_pattern(name, self.prefix)),))
        passed_on = Binding(self.work, f"{APPROVALS_LANE}.#")
        yield Queue(self.approvals_queue, self._worked(), (*self._events(APPROVALS), passed_on))
        yield Queue(self.enroll_queue, self._worked(), self._events(REQUESTS), unbound=self._events(APPROVALS))
        yield Queue(
            self.dead_queue,
            {"x-queue-type": "quorum", "x-delivery-limit": NEVER},
            (Binding(self.dead),),
        )
        for rung in self.retry_delays:
            label = rung_label(rung)
            headers = {RETRY_RUNG_HEADER: label, "x-match": "all"}
            yield Queue(self.retry_queue(rung), self._rung(rung), (Binding(self.retry, "", headers),))

    def _events(self, key: str) -> tuple[Binding, ...]:
        """Where such an event comes from: Enroll, and our own retry, which keeps the key."""
        return Binding(self.enroll_events, key), Binding(self.work, key)

    def _worked(self) -> dict[str, Any]:
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": self.dead,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }

    def _rung(self, rung: float) -> dict[str, Any]:
        return {
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-message-ttl": round(rung * 1000),
            "x-dead-letter-exchange": self.work,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }


def rung_label(rung: float) -> str:
    return f"{round(rung * 1000)}ms"


def work_pattern(queue: str, prefix: str = "") -> str:
    return f"{queue.removeprefix(prefix)}.#"


def work_key(direction: Direction, pace: Pace, message_type: str) -> str:
    """The routing key on `sync.work` that brings a message to its lane."""
    return f"{'importer' if direction == 'import' else 'exporter'}.{pace}.{message_type}"
