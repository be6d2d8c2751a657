"""Chooses the two ends of a run."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from shared.adapters.enroll import EnrollTarget
from shared.adapters.enroll_sites import EnrollSites
from shared.adapters.file_sources import UploadSource
from shared.adapters.registrations import RegistrationSource
from shared.adapters.sftp import SftpSource
from shared.adapters.sftp_delivery import deliver
from shared.engine.failures import FailedRows, failed_keys
from shared.engine.linking import LinkedTarget
from shared.engine.sis import Sis, SisDoor
from shared.engine.written import WrittenRecords
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import BadInput, BadSettings
from shared.model.kind_settings import SftpSettings
from shared.model.login import SftpSecrets
from shared.model.ports import Source, Target
from shared.model.run import Run, Selection
from shared.security.secrets import SecretBox
from shared.settings import Settings
from shared.store.buckets import state_of
from shared.store.database import Store


class Ends(Protocol):
    async def source(self, run: Run, connection: Connection) -> Source:
        """Raises Permanent where the connection cannot serve as a source."""

    async def target(self, run: Run, connection: Connection, match_key: str, fixed: frozenset[str]) -> Target:
        """Where the run writes; `fixed` are fields that it does not update. Raises BadSettings."""

    async def deliver(
        self, connection: Connection, path: Path, name: str, *, begun: bool, begin: Callable[[], Awaitable[None]]
    ) -> None:
        """Put a file where the SIS takes it, once (`shared.adapters.sftp_delivery.deliver`)."""

    async def report(self, run: Run, results: Sequence[Mapping[str, str]]) -> None:
        """Tell the Enroll of the connection how the export of each registration ended."""


class RealEnds:
    def __init__(self, store: Store, settings: Settings, enroll: EnrollSites) -> None:
        self._store = store
        self._settings = settings
        self._enroll = enroll
        self._door = SisDoor(store, settings)

    async def aclose(self) -> None:
        await self._door.aclose()

    async def source(self, run: Run, connection: Connection) -> Source:
        if run.source.kind == "enroll":
            return self._registrations(run, connection, run.selection)
        if run.undoes:
            org = self._store.org(run.org)
            return WrittenRecords(org, await org.runs.get(run.undoes))
        if run.source.kind == "failed":
            return await self._failed(run, connection)
        if run.source.kind == "upload":
            return self._upload(run)
        since = await self._store.org(run.org).cursors.get(state_of(run)) if run.source.changes else ""
        return await self.pulled(connection, run.data_type, since)

    def _registrations(self, run: Run, connection: Connection, selection: Selection) -> Source:
        if connection.schools and not selection.schools:
            selection = selection.model_copy(update={"schools": connection.schools})
        return RegistrationSource(self._enroll.client(connection.instance), run.org, run.school_year, selection)

    async def _failed(self, run: Run, connection: Connection) -> Source:
        """The rows of an import as they were; registrations anew, for they may have been mended in Enroll."""
        org = self._store.org(run.org)
        earlier = await org.runs.get(run.source.run)
        if run.direction == "import":
            return FailedRows(org, earlier)
        keys = await failed_keys(org, earlier)
        if not keys:
            raise BadInput(*said("retry.nothing"))
        return self._registrations(run, connection, Selection(registrations=tuple(keys)))

    async def pulled(self, connection: Connection, data_type: str, since: str = "") -> Source:
        """What the connection fetches by itself, or only what has changed `since` a cursor of its source.

        Raises:
            BadSettings: it fetches nothing by itself, or is not set up.
        """
        if connection.pulls_from == "api":
            return (await self.sis(connection)).source(data_type, since)
        return await self._sftp(connection, data_type)

    def _upload(self, run: Run) -> Source:
        artifacts = self._store.org(run.org).artifacts

        def content() -> AsyncIterator[bytes]:
            return artifacts.stream(run.source.upload)

        return UploadSource(
            name=run.source.name,
            open_bytes=content,
            spool_dir=self._settings.spool_dir,
            max_cell_chars=self._settings.max_cell_chars,
            data_type=run.data_type,
        )

    async def _sftp(self, connection: Connection, data_type: str) -> Source:
        sftp, secrets = await self._sftp_login(connection)
        return SftpSource(
            sftp,
            secrets,
            allow_private_addresses=self._settings.allow_private_addresses,
            spool_dir=self._settings.spool_dir,
            max_cell_chars=self._settings.max_cell_chars,
            max_bytes=self._settings.max_upload_mb * 1024 * 1024,
            data_type=data_type,
        )

    async def sis(self, connection: Connection) -> Sis:
        """Raises BadSettings where the connection has no address or login."""
        return await self._door.open(connection)

    async def _sftp_login(self, connection: Connection) -> tuple[SftpSettings, SftpSecrets]:
        sealed = await self._store.org(connection.org).connections.secrets(connection.id)
        if connection.sftp is None or sealed is None:
            raise BadSettings(*said("sftp.not_set_up"))
        secrets = SftpSecrets.model_validate_json(SecretBox(self._settings.secret_keys).open(sealed))
        return connection.sftp, secrets

    async def deliver(
        self, connection: Connection, path: Path, name: str, *, begun: bool, begin: Callable[[], Awaitable[None]]
    ) -> None:
        sftp, secrets = await self._sftp_login(connection)
        private = self._settings.allow_private_addresses
        await deliver(sftp, secrets, path, name, begun=begun, begin=begin, allow_private_addresses=private)

    async def report(self, run: Run, results: Sequence[Mapping[str, str]]) -> None:
        connection = await self._store.org(run.org).connections.known(run.connection)
        http = self._enroll.client(connection.instance)
        await RegistrationSource(http, run.org, run.school_year).report(results)

    async def target(self, run: Run, connection: Connection, match_key: str, fixed: frozenset[str]) -> Target:
        if run.delivery != "sis":
            return EnrollTarget(self._enroll.client(connection.instance), run, match_key)
        target = (await self.sis(connection)).target(connection.exports, run.moment.today)
        links = self._store.org(run.org).links.of(connection.id, run.id)
        return LinkedTarget(target, links, connection.export_catalog, fixed)
