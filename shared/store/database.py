"""The database: its collections, their indexes, and what each part of the system may reach of them."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import ASCENDING, DESCENDING, IndexModel

from shared.model.connection import Connection
from shared.store.artifacts import Artifacts
from shared.store.audit import Audit
from shared.store.buckets import Buckets
from shared.store.code_tables import CodeTables
from shared.store.connections import Connections
from shared.store.cursors import Cursors
from shared.store.drafts import Drafts
from shared.store.failed import FailedMessages
from shared.store.links import Links
from shared.store.mappings import ExportMappings, Mappings, SisMappings
from shared.store.outbox import Outboxes
from shared.store.paces import Paces
from shared.store.records import Records
from shared.store.runs import Runs
from shared.store.scoped import Collection, Document, translated
from shared.store.sessions import Sessions
from shared.store.slices import Slices
from shared.store.triggers import History, Triggers


@dataclass(frozen=True, slots=True)
class OrgStore:
    """All that belongs to one organization, and nothing else."""

    connections: Connections
    mappings: Mappings
    export_mappings: ExportMappings
    sis_mappings: SisMappings
    links: Links
    code_tables: CodeTables
    drafts: Drafts
    runs: Runs
    slices: Slices
    records: Records
    buckets: Buckets
    artifacts: Artifacts
    audit: Audit
    history: History
    paces: Paces
    cursors: Cursors

    async def forget(self, connection: Connection, by: str) -> None:
        """Delete a connection, and what only its next run would have needed: what was sent, the ledger, the cursors.

        Cut off in between, what is left behind is read by nobody.
        """
        await self.connections.delete(connection, by)
        for each in (self.buckets, self.links, self.cursors, self.paces):
            await each.forget_connection(connection.id)


class Store:
    """Opens lazily; made once per process. `url` may hold a password and is never shown."""

    def __init__(self, url: str, database: str) -> None:
        self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
            url, w="majority", journal=True, tz_aware=True, serverSelectionTimeoutMS=5000, appname="sync-service"
        )
        self._database = self._client[database]
        self._orgs: dict[str, OrgStore] = {}
        self.outboxes = Outboxes({name: self._across(name) for name in ("runs", "slices", "failed_messages")})
        self.triggers = Triggers(self._across("triggers"), self._across("connections"))
        self.failed = FailedMessages(self._across("failed_messages"))

    def org(self, org: str) -> OrgStore:
        if org not in self._orgs:
            self._orgs[org] = self._open(org)
        return self._orgs[org]

    def sessions(self, idle: timedelta, longest: timedelta) -> Sessions:
        """Those of the dashboard, with how long one may be idle, and open at all."""
        return Sessions(self._across("sessions"), self._across("redeemed"), idle=idle, longest=longest)

    def _open(self, org: str) -> OrgStore:
        def scoped(name: str) -> Collection:
            return Collection(self._named(name), {"org": org})

        return OrgStore(
            connections=Connections(scoped("connections"), scoped("deleted_connections")),
            mappings=Mappings(scoped("mappings")),
            export_mappings=ExportMappings(scoped("mappings")),
            sis_mappings=SisMappings(scoped("mappings")),
            links=Links(scoped("links")),
            code_tables=CodeTables(scoped("code_tables")),
            drafts=Drafts(scoped("drafts")),
            runs=Runs(scoped("runs"), scoped("streams")),
            slices=Slices(scoped("slices")),
            records=Records(scoped("records")),
            buckets=Buckets(scoped("buckets")),
            artifacts=Artifacts(scoped("artifacts")),
            audit=Audit(scoped("audit")),
            history=History(scoped("triggers")),
            paces=Paces(scoped("paces")),
            cursors=Cursors(scoped("cursors")),
        )

    def _named(self, name: str) -> AsyncIOMotorCollection[Document]:
        return self._database[name]

    def _across(self, name: str) -> Collection:
        return Collection(self._named(name), {})

    async def ensure_indexes(self) -> None:
        """Make what is missing. Every process does this at start; doing it again changes nothing."""
        with translated():
            await asyncio.gather(*(self._named(name).create_indexes(models) for name, models in INDEXES.items()))

    async def ready(self) -> bool:
        with translated():
            answer: dict[str, Any] = await self._database.command("ping")
        return bool(answer.get("ok"))

    def close(self) -> None:
        self._client.close()


def _index(*keys: str, **options: Any) -> IndexModel:
    return IndexModel(
        [(key.removeprefix("-"), DESCENDING if key.startswith("-") else ASCENDING) for key in keys], **options
    )


INDEXES = {
    "connections": [_index("org", "name", unique=True)],
    "mappings": [_index("org", "connection", "direction", "data_type", "name", "version", unique=True)],
    "links": [
        _index("org", "connection", "sis", unique=True, partialFilterExpression={"sis": {"$exists": True}}),
    ],
    "code_tables": [_index("org", "connection", "name", "version", unique=True)],
    "runs": [
        _index("org", "stream", unique=True, partialFilterExpression={"active": True}, name="one_active_per_stream"),
        _index("org", "stream", "state", "number"),
        _index("org", "created_at", "_id"),  # descending, SecantusDB 0.7.0b3 leaves out the bound itself
        _index("outbox_at", sparse=True),
    ],
    "slices": [_index("org", "run", "number"), _index("outbox_at", sparse=True)],
    "records": [
        _index("org", "run", "outcome", "place"),
        _index("org", "stream", "key", "number"),
        _index("org", "target_id"),
    ],
    "audit": [
        _index("org", "-_id"),
        _index("org", "actor", "-_id"),
        _index("org", "allowed", "-_id", partialFilterExpression={"allowed": False}),
    ],
    "triggers": [_index("org", "connection", "-due_at")],
    "drafts": [_index("org", "connection", "owner", "name", unique=True), _index("gone_at", expireAfterSeconds=0)],
    "sessions": [_index("gone_at", expireAfterSeconds=0)],
    "redeemed": [_index("gone_at", expireAfterSeconds=0)],
    "failed_messages": [_index("state", "first_failed"), _index("run"), _index("outbox_at", sparse=True)],
}
