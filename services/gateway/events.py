"""Enroll's events: a request for a run, on behalf of one of Enroll's users."""

import structlog

from shared.adapters.enroll import EnrollDirectory
from shared.contracts.envelope import new_id
from shared.contracts.messages import EnrollSyncRequested
from shared.engine.context import Engine
from shared.engine.gate import Gate
from shared.engine.requests import RunRequest, request_run
from shared.messaging.answers import Answer, Delivery, Done, Handlers, Handling
from shared.model.error_texts import said
from shared.model.errors import NotFound, Permanent, Refused
from shared.model.permission import Deed, Identity
from shared.model.run import SourceSpec, Trigger

log = structlog.get_logger()


class EnrollEvents:
    """A refused request is audited and done with: trying again would not change the answer."""

    def __init__(self, engine: Engine, gate: Gate, directory: EnrollDirectory) -> None:
        self._engine = engine
        self._gate = gate
        self._directory = directory

    def handlers(self) -> Handlers:
        return Handlers(Handling(EnrollSyncRequested, self.requested))

    async def requested(self, event: EnrollSyncRequested, delivery: Delivery) -> Answer:
        who = Identity(event.organization, event.user)
        try:
            await self._request(who, event, delivery)
        except Refused as error:
            log.info("event refused", action="refuse", code=error.code)
        except Permanent as error:
            await self._gate.refused(who, Deed.IMPORT.value, event.connection, error.message)
            log.info("event refused", action="refuse", code=error.code)
        return Done()

    async def _request(self, who: Identity, event: EnrollSyncRequested, delivery: Delivery) -> None:
        year = event.school_year
        if year is None:
            year = (await self._directory.settings(who.org)).current_school_year
        await self._gate.pass_(who, Deed.IMPORT, data_type=event.data_type, school_year=year, subject=event.connection)
        connection = await self._engine.store.org(who.org).connections.get(event.connection)
        if connection.pulls_from is None:
            raise NotFound(*said("import.needs_file"))
        request = RunRequest(
            connection=connection,
            data_type=event.data_type,
            school_year=year,
            trigger=Trigger(kind="event", by=event.user, id=delivery.message_id),
            source=SourceSpec(kind=connection.pulls_from),
            lane="interactive",
            id=new_id("run", at=delivery.sent_at, of=f"{event.organization}|{delivery.message_id}"),
        )
        await request_run(self._engine, request)
