"""A registration that was just approved goes into the SIS at once, under the authority of whoever enabled that.

Enroll's event is heard by whoever writes: a message from a gateway to it would double the time until a family sees it.
"""

import asyncio
from dataclasses import dataclass

import structlog

from shared.contracts.envelope import new_id
from shared.contracts.messages import RegistrationApproved
from shared.engine.context import Engine
from shared.engine.gate import Gate
from shared.engine.handlers import Steps
from shared.engine.requests import Asked, RunRequest, as_asked, store_waiting
from shared.messaging.answers import Answer, Delivery, Done, Handling
from shared.model.connection import Connection
from shared.model.errors import Permanent
from shared.model.permission import Deed, Identity
from shared.model.run import Selection, SourceSpec, Trigger
from shared.store.runs import stream_of

log = structlog.get_logger()

MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Last:
    """The number of the last run of a stream that ended here; `alone`: the one before it had ended here, too.

    Else others begin runs of the stream as well, and what is read ahead of a run would mostly be read in vain.
    """

    number: int
    alone: bool


class Approvals:
    """A refused one is audited and done with: trying again would not change the answer."""

    def __init__(self, engine: Engine, gate: Gate, steps: Steps) -> None:
        self._engine = engine
        self._gate = gate
        self._steps = steps
        self._lasts: dict[str, Last] = {}

    def handling(self) -> Handling[RegistrationApproved]:
        return Handling(RegistrationApproved, self.approved)

    async def approved(self, event: RegistrationApproved, delivery: Delivery) -> Answer:
        """Into every SIS that this registration is for, none of which waits for another."""
        known = await self._engine.store.org(event.organization).connections.all()
        work = [self._into(one, event, delivery) for one in known if one.exports_at_once(event.school_code)]
        for result in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result
        return Done()

    async def _into(self, connection: Connection, event: RegistrationApproved, delivery: Delivery) -> None:
        who = Identity(event.organization, connection.export_enabled_by)
        why = await self._gate.why_not(who, Deed.EXPORT)
        try:
            if why is None:
                await self._export(connection, event, delivery)
        except Permanent as error:
            why = error.message
            log.info("event refused", action="refuse", code=error.code)
        # After the export, for which a family waits: where one of both is cut off, the event comes again.
        await self._gate.note(who, Deed.EXPORT, connection.id, why)

    async def _export(self, connection: Connection, event: RegistrationApproved, delivery: Delivery) -> None:
        asked = await as_asked(self._engine, _request(connection, event, delivery))
        stream = stream_of(asked.run)
        last = self._lasts.pop(stream, None)  # none is over while the next is under way here
        after = last.number if last and last.alone else None
        run = await self._steps.begin_now(asked, connection, delivery, after)
        if run is None:
            await self._follow(asked)
        elif run.ended and run.number:
            self._remember(stream, Last(run.number, last is not None and run.number == last.number + 1))

    def _remember(self, stream: str, last: Last) -> None:
        if len(self._lasts) >= MOST_REMEMBERED:
            self._lasts.clear()
        self._lasts[stream] = last

    async def _follow(self, asked: Asked) -> None:
        """Another one of its stream is active, or it is this very run, of an event that comes again."""
        run, runs = asked.run, self._engine.org(asked.run).runs
        known = await runs.find(run.id)
        if known is None:
            if not await runs.widen(stream_of(run), run.mapping, run.school_year, run.selection.registrations):
                await store_waiting(self._engine, asked)
        elif not known.ended:
            await self._engine.relay.publish([self._engine.requested(known)])


def _request(connection: Connection, event: RegistrationApproved, delivery: Delivery) -> RunRequest:
    return RunRequest(
        connection=connection,
        direction="export",
        data_type="students",
        school_year=event.school_year,
        trigger=Trigger(kind="event", by=connection.export_enabled_by, id=delivery.message_id),
        source=SourceSpec(kind="enroll"),
        lane="interactive",
        roster="some",
        selection=Selection(registrations=(event.registration,)),
        id=new_id("run", at=delivery.sent_at, of=f"{connection.id}|{delivery.message_id}"),
    )
