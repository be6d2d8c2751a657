"""The scheduler: turns schedules that came due into runs. Any number of processes emit each trigger exactly once."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import structlog

from services.runtime import Runtime, runtime, until_stopped
from shared.adapters.enroll import EnrollDirectory
from shared.contracts.envelope import new_id
from shared.contracts.topology import Direction
from shared.engine.gate import Gate
from shared.engine.requests import RunRequest, request_run
from shared.model.connection import Connection, Schedule
from shared.model.errors import Permanent, Refused, Transient
from shared.model.occurrences import last_due
from shared.model.permission import Deed, Identity
from shared.model.run import SourceSpec, Trigger
from shared.settings import Settings
from shared.store.triggers import Due
from shared.telemetry.http import health_app, serve
from shared.telemetry.logs import describe
from shared.telemetry.metrics import TRIGGERS

log = structlog.get_logger()

TAKEOVER_SECONDS = 30.0
SWITCHES: dict[Direction, tuple[str, Callable[[Connection], bool]]] = {
    "import": ("Enable Import", lambda connection: connection.enable_import),
    "export": ("Enable Export", lambda connection: connection.enable_export),
}


class Scheduler:
    def __init__(self, base: Runtime, gate: Gate) -> None:
        self._base = base
        self._gate = gate
        self._settled: set[str] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Look for due schedules until stopped."""
        while not stop.is_set():
            try:
                await self.tick(datetime.now(UTC))
            except Transient as error:
                log.warning("tick failed", action="tick", **describe(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._base.settings.schedule_poll_seconds)

    async def tick(self, now: datetime) -> None:
        """Fire what is due at `now` and has not been fired. Of several missed days only the last is made up for."""
        connections = await self._base.store.triggers.scheduled()
        found = {due.id: due for connection in connections for due in due_at(connection, now)}
        self._settled &= found.keys()  # an occurrence that is through is not asked about again, only remembered
        for id, due in found.items():
            if id in self._settled:
                continue
            try:
                if await self._fire(due):
                    self._settled.add(id)
            except Transient as error:
                log.warning("trigger waits", action="fire", connection=due.connection.id, **describe(error))

    async def _fire(self, due: Due) -> bool:
        """True once the occurrence is through, whoever fired it."""
        triggers = self._base.store.triggers
        if await triggers.seen(due.id):
            return True
        why = await self._objection(due)
        if not await triggers.claim(due, TAKEOVER_SECONDS):
            return False
        run: str | None = None
        if why is None:
            try:
                run = await self._request(due)
            except Permanent as error:
                why = error.message
        outcome = "emitted" if why is None else "refused"
        await triggers.close(due.id, outcome=outcome, why=why or "", run=run)
        TRIGGERS.labels(outcome).inc()
        connection = due.connection
        log.info("trigger", action="fire", outcome=outcome, org=connection.org, connection=connection.id, run=run)
        return True

    async def _objection(self, due: Due) -> str | None:
        """The switches and the authority behind the schedule, checked now. Raises Transient where nobody knows."""
        connection, schedule = due.connection, due.schedule
        switch, on = SWITCHES[due.direction]
        if not on(connection):
            return f"{switch} is off for this connection."
        try:
            await self._gate.pass_(
                Identity(connection.org, schedule.enabled_by),
                Deed.IMPORT if due.direction == "import" else Deed.EXPORT,
                data_type=schedule.data_type,
                school_year=schedule.school_year,
                subject=f"schedule of {connection.id}",
            )
        except Refused as error:
            return error.message
        return None

    async def _request(self, due: Due) -> str:
        request = RunRequest(
            connection=due.connection,
            direction=due.direction,
            data_type=due.schedule.data_type,
            school_year=due.schedule.school_year,
            trigger=Trigger(kind="schedule", by=due.schedule.enabled_by, id=due.id),
            source=SourceSpec(kind=(due.connection.pulls_from or "sftp") if due.direction == "import" else "enroll"),
            roster=None if due.direction == "import" else "full",
            lane="bulk",
            id=new_id("run", at=due.at, of=due.id),
        )
        return (await request_run(self._base.engine, request)).id


def due_at(connection: Connection, now: datetime) -> Iterator[Due]:
    """The occurrences that should have been fired by `now`, of schedules that were enabled by then."""
    planned: list[tuple[Direction, Schedule | None]] = [
        ("import", connection.schedule),
        ("export", connection.export_schedule),
    ]
    for direction, schedule in planned:
        if schedule is None:
            continue
        occurrence = last_due(schedule.time, schedule.zone, now)
        if schedule.enabled_at is None or occurrence.at_utc >= schedule.enabled_at:
            yield Due(connection, direction, schedule, occurrence.local_date.isoformat(), occurrence.at_utc)


async def main(settings: Settings) -> None:
    async with runtime("scheduler", settings) as base:
        gate = Gate(base.store, EnrollDirectory(base.http), settings.permission_cache_seconds)
        app = health_app(base.checks())
        await until_stopped(
            base.stop,
            Scheduler(base, gate).run(base.stop),
            base.engine.relay.run(base.stop, settings.sweep_seconds),
            serve(app, settings.host, settings.port, settings.announce, base.stop),
        )
