"""What every step of a run needs, put together once per process."""

from dataclasses import dataclass, field

from shared.contracts.envelope import Outgoing, new_id
from shared.contracts.messages import (
    ExportDeliver,
    ExportRequested,
    Message,
    RunEnded,
    RunMessage,
    RunRequested,
    RunSettle,
    SliceApply,
    SliceCompare,
)
from shared.contracts.topology import Topology, work_key
from shared.engine.ends import Ends
from shared.engine.planning import Planner
from shared.engine.relay import Relay
from shared.model.connection import Instance
from shared.model.run import Run, RunState
from shared.settings import Settings
from shared.store.database import OrgStore, Store


@dataclass(frozen=True, slots=True)
class Engine:
    store: Store
    relay: Relay
    topology: Topology
    ends: Ends
    planner: Planner
    settings: Settings
    instances: dict[str, Instance] = field(default_factory=dict)
    owner: str = field(default_factory=lambda: new_id("worker"))

    def org(self, run: Run) -> OrgStore:
        return self.store.org(run.org)

    async def instance(self, run: Run) -> Instance:
        """That of its connection, which never changes."""
        found = self.instances.get(run.connection)
        if found is None:
            found = (await self.org(run).connections.known(run.connection)).instance
            self.instances[run.connection] = found
        return found

    def outgoing(self, run: Run, message: Message, *, id: str | None = None, attempt: int = 1) -> Outgoing:
        """A message on the lane of its run."""
        key = work_key(run.direction, run.lane, message.TYPE)
        return Outgoing(
            exchange=self.topology.work,
            routing_key=key,
            envelope=message.envelope(id=id, subject=run.id),
            attempt=attempt,
        )

    def requested(self, run: Run) -> Outgoing:
        """Begin, or wait. The id is the run's own, so that asking twice is one request."""
        asked: RunMessage = RunRequested(organization=run.org, run=run.id)
        if run.direction == "export":
            asked = ExportRequested(organization=run.org, run=run.id)
        return self.outgoing(run, asked, id=f"{run.id}/begin")

    def compare(self, run: Run, number: int, attempt: int = 1) -> Outgoing:
        body = SliceCompare(organization=run.org, run=run.id, slice=number)
        return self.outgoing(run, body, id=f"{run.id}/compare/{number}", attempt=attempt)

    def deliver(self, run: Run) -> Outgoing:
        return self.outgoing(run, ExportDeliver(organization=run.org, run=run.id), id=f"{run.id}/deliver")

    def apply(self, run: Run, number: int, attempt: int = 1) -> Outgoing:
        body = SliceApply(organization=run.org, run=run.id, slice=number)
        return self.outgoing(run, body, id=f"{run.id}/apply/{number}", attempt=attempt)

    def settle(self, run: Run) -> Outgoing:
        """The run is through, or waits for a person: whoever waits behind it may begin."""
        return self.outgoing(run, RunSettle(organization=run.org, run=run.id))

    async def ending(self, run: Run, state: RunState, counts: dict[str, int]) -> list[Outgoing]:
        """What the end of a run announces: to ourselves, and to Enroll and whoever listens, but for a sandbox's run."""
        settle = self.settle(run)
        if await self.instance(run) == "sandbox":
            return [settle]
        ended = RunEnded(
            organization=run.org,
            run=run.id,
            connection=run.connection,
            direction=run.direction,
            data_type=run.data_type,
            state=state.value,
            counts=counts,
        )
        told = Outgoing(
            exchange=self.topology.events,
            routing_key=ended.TYPE,
            envelope=ended.envelope(subject=run.id),
            mandatory=False,
        )
        return [settle, told]
