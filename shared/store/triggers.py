"""Schedules that came due. The unique id (connection, direction, data type, local date) makes each happen once."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.contracts.topology import Direction
from shared.model.connection import Connection, Schedule
from shared.store.connections import to_connection
from shared.store.scoped import Collection, Document, Duplicate


@dataclass(frozen=True, slots=True)
class Due:
    """One occurrence of one of a connection's schedules."""

    connection: Connection
    direction: Direction
    schedule: Schedule
    local_date: str
    at: datetime

    @property
    def id(self) -> str:
        """Saving a schedule anew makes new occurrences, each from its own `enabled_at` on."""
        stream = f"{self.connection.id}|{self.direction}|{self.schedule.data_type}"
        enabled = self.schedule.enabled_at
        return f"{stream}|{self.local_date}|{enabled.timestamp() if enabled else 0:.3f}"


class Triggers:
    """System work: looks across organizations, because the schedule of each must fire."""

    def __init__(self, triggers: Collection, connections: Collection) -> None:
        self._triggers = triggers
        self._connections = connections

    async def scheduled(self) -> list[Connection]:
        """Connections that have a schedule."""
        planned = {"$or": [{name: {"$type": "object"}} for name in ("schedule", "export_schedule")]}
        return [to_connection(one) async for one in self._connections.find(planned)]

    async def seen(self, id: str) -> bool:
        return await self._triggers.get({"_id": id, "outcome": {"$ne": "claimed"}}, ["_id"]) is not None

    async def claim(self, due: Due, takeover_after: float) -> bool:
        """True for exactly one scheduler; again for another only where the first died before it was done."""
        now = datetime.now(UTC)
        document: Document = {
            "_id": due.id,
            "org": due.connection.org,
            "connection": due.connection.id,
            "direction": due.direction,
            "data_type": due.schedule.data_type,
            "due_at": due.at,
            "claimed_at": now,
            "outcome": "claimed",
        }
        try:
            await self._triggers.insert(document)
        except Duplicate:
            late = {"_id": due.id, "outcome": "claimed", "claimed_at": {"$lt": now - timedelta(seconds=takeover_after)}}
            return await self._triggers.update(late, {"$set": {"claimed_at": now}})
        return True

    async def close(self, id: str, *, outcome: str, why: str, run: str | None) -> None:
        """Record what came of it: `emitted` with its run, or `refused` and why."""
        await self._triggers.update({"_id": id}, {"$set": {"outcome": outcome, "why": why, "run": run}})


class History:
    """The schedule's history of one organization's connections, for people."""

    def __init__(self, triggers: Collection) -> None:
        self._triggers = triggers

    async def of(self, connection: str, limit: int = 60) -> list[dict[str, Any]]:
        found = await self._triggers.all({"connection": connection}, sort=[("due_at", -1)], limit=limit)
        shown = ("direction", "data_type", "due_at", "outcome", "why", "run")
        return [{key: one.get(key) for key in shown} for one in found]
