"""Opens the API of a connection's SIS. A new SIS is added here, and nowhere else in the engine."""

import asyncio
from abc import ABC, abstractmethod
from datetime import date
from typing import Any, Generic, Protocol, TypeVar

from shared.adapters.aeries.lists import lists as aeries_lists
from shared.adapters.aeries.server import Aeries, Certificate
from shared.adapters.aeries.source import AeriesSource
from shared.adapters.aeries.target import AeriesTarget
from shared.adapters.oneroster import OneRoster, OneRosterSource
from shared.adapters.powerschool.lists import lists as powerschool_lists
from shared.adapters.powerschool.server import PowerSchool
from shared.adapters.powerschool.source import PowerSchoolSource
from shared.adapters.powerschool.target import PowerSchoolTarget
from shared.adapters.sis_http import Auth, ClientCredentials, SisHttp, sis_client
from shared.adapters.skyward.lists import check as skyward_check
from shared.adapters.skyward.lists import lists as skyward_lists
from shared.adapters.skyward.login import SkywardLogin
from shared.adapters.skyward.objects import Objects
from shared.adapters.skyward.source import SkywardSource
from shared.adapters.skyward.target import SkywardTarget
from shared.model.catalog import sis_catalog
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import BadSettings
from shared.model.export_rules import ExportRules
from shared.model.kind_settings import (
    AeriesSettings,
    ApiSettings,
    OneRosterSettings,
    PowerSchoolSettings,
    SkywardSettings,
)
from shared.model.login import CertificateSecrets, ClientSecrets
from shared.model.ports import Source, Target
from shared.model.sis import SisLists
from shared.security.secrets import SecretBox
from shared.settings import Settings
from shared.store.database import Store
from shared.together import all_of

MAX_AUTHS = 1000
About = TypeVar("About")


class Sis(Protocol):
    """What can be asked of a SIS."""

    async def check(self) -> dict[str, Any]:
        """Test connection. Raises what is wrong, in plain words."""

    def source(self, data_type: str, since: str = "") -> Source:
        """Its records of a data type; with a cursor that an earlier source gave, those that have changed since."""

    async def lists(self, today: date) -> SisLists:
        """Its schools, fields and codes."""

    def target(self, rules: ExportRules, today: date) -> Target:
        """Its students, to be written on the day `today`. Raises BadSettings where its API has no way to."""


class SisDoor:
    """Opens connections of all kinds; one per process, for tokens and open sockets are kept from use to use."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._client = sis_client(settings.allow_private_addresses)
        self._auths: dict[str, tuple[object, Auth]] = {}

    async def aclose(self) -> None:
        await self._client.aclose()

    async def open(self, connection: Connection) -> Sis:
        """Raises BadSettings where the connection has no address or login."""
        about = connection.api
        if about is None:
            raise BadSettings(*said("sis.not_set_up"))
        pace = self._store.org(connection.org).paces.of(connection.id, about.per_second)
        signing = asyncio.create_task(self._auth(connection, about))
        await all_of(signing, asyncio.create_task(pace.glance()))
        http = SisHttp(about.base_url, signing.result(), pace, client=self._client)
        if isinstance(about, AeriesSettings):
            return _Aeries(about, http, self._settings)
        if isinstance(about, OneRosterSettings):
            return _OneRoster(about, http, self._settings)
        if isinstance(about, SkywardSettings):
            return _Skyward(about, http, self._settings)
        return _PowerSchool(about, http, self._settings)

    async def _auth(self, connection: Connection, about: ApiSettings) -> Auth:
        """The one of the last use, unless address or login are others now."""
        made_of, held = (about, connection.credentials_id), self._auths.get(connection.id)
        if held is not None and held[0] == made_of:
            return held[1]
        sealed = await self._store.org(connection.org).connections.secrets(connection.id)
        if sealed is None:
            raise BadSettings(*said("sis.not_set_up"))
        if len(self._auths) >= MAX_AUTHS:
            self._auths.clear()
        auth = _auth(about, SecretBox(self._settings.secret_keys).open(sealed))
        self._auths[connection.id] = (made_of, auth)
        return auth


def _auth(about: ApiSettings, opened: str) -> Auth:
    if isinstance(about, AeriesSettings):
        return Certificate(CertificateSecrets.model_validate_json(opened).certificate)
    login = ClientSecrets.model_validate_json(opened)
    if isinstance(about, OneRosterSettings):
        return ClientCredentials(about.token_url, login.client_id, login.client_secret, about.scopes)
    if isinstance(about, SkywardSettings):
        return SkywardLogin(f"{about.base_url}/oauth/token", login.client_id, login.client_secret)
    return ClientCredentials(f"{about.base_url}/oauth/access_token", login.client_id, login.client_secret)


class _Opened(ABC, Generic[About]):
    """A SIS behind its address, as far as all of them are alike."""

    def __init__(self, about: About, http: SisHttp, settings: Settings) -> None:
        self._about = about
        self._http = http
        self._settings = settings

    async def check(self) -> dict[str, Any]:
        async with self._http as http:
            return await self._check(http)

    async def lists(self, today: date) -> SisLists:
        async with self._http as http:
            return await self._lists(http, today)

    @abstractmethod
    async def _check(self, http: SisHttp) -> dict[str, Any]: ...

    @abstractmethod
    async def _lists(self, http: SisHttp, today: date) -> SisLists: ...

    def _wanted(self, data_type: str, since: str) -> dict[str, Any]:
        """What every source is told besides its address."""
        return {"data_type": data_type, "since": since, "spool_dir": self._settings.spool_dir}


class _OneRoster(_Opened[OneRosterSettings]):
    async def _check(self, http: SisHttp) -> dict[str, Any]:
        return await OneRoster(http, self._about).check()

    async def _lists(self, http: SisHttp, today: date) -> SisLists:
        return await OneRoster(http, self._about).lists()

    def source(self, data_type: str, since: str = "") -> Source:
        most = self._settings.max_cell_chars
        return OneRosterSource(self._http, self._about, max_cell_chars=most, **self._wanted(data_type, since))

    def target(self, rules: ExportRules, today: date) -> Target:
        raise BadSettings(*said("sis.read_only"))


class _PowerSchool(_Opened[PowerSchoolSettings]):
    async def _check(self, http: SisHttp) -> dict[str, Any]:
        return await PowerSchool(http, self._about).check()

    async def _lists(self, http: SisHttp, today: date) -> SisLists:
        return await powerschool_lists(PowerSchool(http, self._about), today)

    def source(self, data_type: str, since: str = "") -> Source:
        server = PowerSchool(self._http, self._about)
        return PowerSchoolSource(self._http, server, self._about, **self._wanted(data_type, since))

    def target(self, rules: ExportRules, today: date) -> Target:
        about = sis_catalog("powerschool", self._about.extension_fields)
        return PowerSchoolTarget(self._http.hurried(), self._about, rules, about, self._settings.spool_dir)


class _Aeries(_Opened[AeriesSettings]):
    async def _check(self, http: SisHttp) -> dict[str, Any]:
        return await Aeries(http, self._about).check()

    async def _lists(self, http: SisHttp, today: date) -> SisLists:
        return await aeries_lists(Aeries(http, self._about))

    def source(self, data_type: str, since: str = "") -> Source:
        server = Aeries(self._http, self._about)
        return AeriesSource(self._http, server, self._about, **self._wanted(data_type, since))

    def target(self, rules: ExportRules, today: date) -> Target:
        about = sis_catalog("aeries")
        return AeriesTarget(self._http.hurried(), self._about, rules, about, today, self._settings.spool_dir)


class _Skyward(_Opened[SkywardSettings]):
    async def _check(self, http: SisHttp) -> dict[str, Any]:
        return await skyward_check(Objects(http, self._about), http.host)

    async def _lists(self, http: SisHttp, today: date) -> SisLists:
        return await skyward_lists(Objects(http, self._about))

    def source(self, data_type: str, since: str = "") -> Source:
        server = Objects(self._http, self._about)
        return SkywardSource(self._http, server, self._about, **self._wanted(data_type, since))

    def target(self, rules: ExportRules, today: date) -> Target:
        return SkywardTarget(self._http.hurried(), self._about, rules, self._settings.spool_dir)
