"""Sends what waits in outboxes: at once after the change, and again by a sweep where a crash left it."""

import asyncio
import contextlib
from collections.abc import Sequence

import structlog

from shared.contracts.envelope import Outgoing
from shared.messaging.publisher import Publishing
from shared.model.errors import Transient
from shared.store.outbox import Outboxes
from shared.telemetry.logs import describe

log = structlog.get_logger()


class Relay:
    def __init__(self, outboxes: Outboxes, publisher: Publishing) -> None:
        self._outboxes = outboxes
        self._publisher = publisher

    async def send(self, place: str, id: str, messages: Sequence[Outgoing]) -> None:
        """Publish what was just written to an outbox. A failure is left to the sweep: the announcement is safe."""
        if not messages:
            return
        try:
            await self._publisher.publish(messages)
            await self._outboxes.sent(place, id, messages)
        except Transient as error:
            log.warning("announcement waits", action="relay", **describe(error))

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish what no document announces: whoever calls is itself handling a message that would come again."""
        await self._publisher.publish(messages)

    async def sweep(self, older_than: float) -> int:
        """Send everything that has waited `older_than` seconds; one that cannot be sent holds up no other."""
        waiting = await self._outboxes.left_behind(older_than)
        for place, id, messages in waiting:
            if messages:
                await self.send(place, id, messages)
            else:
                await self._outboxes.tidy(place, id)
        return len(waiting)

    async def run(self, stop: asyncio.Event, every: float) -> None:
        """Sweep until stopped."""
        while not stop.is_set():
            try:
                if found := await self.sweep(every):
                    log.info("swept", action="sweep", rows=found)
            except Transient as error:
                log.warning("sweep failed", action="sweep", **describe(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every)
