"""Enroll's events: a request for a run on behalf of one of its users. (Approvals: `shared.engine.approvals`.)

They come from Enroll's production, and start nothing on a connection of its sandbox.
"""

import structlog

from shared.adapters.enroll import EnrollDirectory
from shared.adapters.enroll_sites import PRODUCTION
from shared.contracts.envelope import Outgoing, new_id
from shared.contracts.messages import EnrollSyncRequested, RegistrationApproved
from shared.contracts.topology import APPROVALS_LANE
from shared.engine.context import Engine
from shared.engine.gate import Gate
from shared.engine.requests import RunRequest, request_run
from shared.messaging.answers import Answer, Delivery, Done, Handlers, Handling
from shared.model.error_texts import said
from shared.model.errors import BadSettings, NotFound, Permanent, Refused
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
        return Handlers(Handling(EnrollSyncRequested, self.requested), Handling(RegistrationApproved, self.approved))

    async def approved(self, event: RegistrationApproved, delivery: Delivery) -> Answer:
        """An older release has brought it here; the exporter hears it now."""
        key = f"{APPROVALS_LANE}.{event.TYPE}"
        envelope = event.envelope(id=delivery.message_id).model_copy(update={"time": delivery.sent_at})
        passed_on = Outgoing(exchange=self._engine.topology.work, routing_key=key, envelope=envelope)
        await self._engine.relay.publish([passed_on])
        return Done()

    async def requested(self, event: EnrollSyncRequested, delivery: Delivery) -> Answer:
        who = Identity(event.organization, event.user)
        why = None
        try:
            await self._request(who, event, delivery)
        except Permanent as error:
            why = error.message
            log.info("event refused", action="refuse", code=error.code)
        # After the run was asked for: where one of both is cut off, the event comes again.
        await self._gate.note(who, Deed.IMPORT, event.connection, why)
        return Done()

    async def _request(self, who: Identity, event: EnrollSyncRequested, delivery: Delivery) -> None:
        year = event.school_year
        if year is None:
            year = (await self._directory.settings(who.org)).current_school_year
        why = await self._gate.why_not(who, Deed.IMPORT, data_type=event.data_type, school_year=year)
        if why is not None:
            raise Refused(*said("permission.refused", why=why))
        connection = await self._engine.store.org(who.org).connections.get(event.connection)
        if connection.instance != PRODUCTION:
            raise BadSettings(*said("event.other_instance"))
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
