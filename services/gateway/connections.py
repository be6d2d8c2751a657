"""Connections: create, set up, test, schedule."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, SkipValidation, ValidationError, ValidationInfo, field_validator

from services.gateway.connection_change import ConnectionChange, laid_over
from services.gateway.context import Call, Caller, Limit
from services.gateway.etags import GUARDED, TAGGED, IfMatch, etag, expect
from services.gateway.exports import exported_catalog
from services.gateway.mappings import found_catalog
from services.gateway.schools import compared
from shared.adapters.powerschool.plugin import plugin_xml
from shared.adapters.sftp import check
from shared.adapters.ssh import host_key
from shared.contracts.envelope import new_id
from shared.contracts.topology import Direction
from shared.mapping.differences import columns_read
from shared.model.connection import Connection, Instance, NewName, SafetyLimits, Schedule
from shared.model.error_texts import said
from shared.model.errors import BadSettings, Conflict, NotFound, Outdated
from shared.model.export_rules import NewExportRules
from shared.model.kind import Kind
from shared.model.kind_settings import (
    NewAeriesSettings,
    NewOneRosterSettings,
    NewPowerSchoolSettings,
    NewSftpSettings,
    NewSkywardSettings,
    SftpSettings,
)
from shared.model.login import Secrets, SftpSecrets, read_login
from shared.model.mapping import DoNotMap
from shared.model.occurrences import upcoming
from shared.model.permission import Deed
from shared.model.saved import newest
from shared.model.school_code import SchoolCode
from shared.model.sis import SisLists
from shared.model.zone import Zone
from shared.security.secrets import SecretBox
from shared.settings import Settings

router = APIRouter(prefix="/api/v1/connections", tags=["connections"])

NO_NUL = r"^[^\x00]*$"

Search = Annotated[
    str, Query(max_length=100, pattern=NO_NUL, description="What stands in the name, in capitals or not.")
]
AfterName = Annotated[
    str, Query(max_length=100, pattern=NO_NUL, description="The `name` of the last one of the page before.")
]
PLACES: dict[Direction, str] = {"import": "schedule", "export": "export_schedule"}


class NewConnection(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: NewName
    kind: Kind
    instance: Instance = "production"
    roster: Literal["full", "some"] | None = None
    time_zone: Zone | None = None
    limits: SafetyLimits = SafetyLimits()
    schools: tuple[SchoolCode, ...] = Field(default=(), max_length=2000)
    exports: NewExportRules = NewExportRules()
    sftp: NewSftpSettings | None = None
    oneroster: NewOneRosterSettings | None = None
    powerschool: NewPowerSchoolSettings | None = None
    aeries: NewAeriesSettings | None = None
    skyward: NewSkywardSettings | None = None
    secrets: Secrets | None = None

    @field_validator("secrets", mode="before")
    @classmethod
    def _of_its_kind(cls, given: Any, about: ValidationInfo) -> Any:
        kind = about.data.get("kind")
        return None if given is None or kind is None else read_login(kind, given)


class SavedConnection(Connection):
    """`schools_compared`: false where school codes were given and Enroll could not be asked whether it knows them."""

    schools_compared: bool = True


class NewSchedule(BaseModel):
    model_config = ConfigDict(extra="forbid")

    direction: Direction = "import"
    data_type: str = "students"
    school_year: Annotated[int, Field(ge=2000, le=2100)]
    time: str = Field(description="Local time of day, HH:MM.")
    zone: str = Field(description="IANA time zone, such as America/Denver.")


class Credentials(BaseModel):
    stored: bool


class SandboxExports(BaseModel):
    into: str = Field(
        max_length=1000, description="The `exports_into` of the connection, to allow it; blank to allow nothing."
    )


class HostKey(BaseModel):
    host_key: str = Field(min_length=1, max_length=5000, description="An OpenSSH public key line.")


@router.post("", status_code=201)
async def create(call: Caller, new: NewConnection) -> SavedConnection:
    """Create a connection. Needs Sync Service Full Access. School codes that Enroll does not know are refused."""
    await call.may(Deed.MANAGE_CONNECTION, subject="create connection")
    _only_its_own(new.kind, new.model_dump(exclude_none=True))
    if new.kind is Kind.SFTP and new.sftp is None:
        raise BadSettings(*said("sftp.not_set_up"))
    if new.instance not in call.gateway.base.enroll.instances:
        raise BadSettings(*said("enroll.no_sandbox"))
    connection = Connection(
        id=new_id("con"),
        org=call.who.org,
        roster=new.roster or ("some" if new.kind is Kind.AD_HOC else "full"),
        created_at=datetime.now(UTC),
        created_by=call.who.user,
        **new.model_dump(exclude={"roster", "secrets"}, exclude_none=True),
    )
    if connection.pulls_from == "api" and connection.api is None:
        raise BadSettings(*said("sis.not_set_up"))
    sealed = _sealed(call, connection, new.secrets) if new.secrets else None
    asked = await compared(call, connection.instance, _codes(connection))
    await call.org.connections.add(connection, sealed)
    return _saved(connection, asked)


@router.get("")
async def index(call: Caller, search: Search = "", after: AfterName = "", limit: Limit = 50) -> list[Connection]:
    """Connections of the organization, by name."""
    await call.may(Deed.VIEW, subject="connections")
    return await call.org.connections.page(search=search.strip(), after=after, limit=limit)


@router.get("/{id}", responses=TAGGED)
async def given(call: Caller, id: str, answer: Response) -> Connection:
    """One connection. Its ETag is for If-Match of a change."""
    connection = await show(call, id)
    answer.headers["ETag"] = tag(connection)
    return connection


async def show(call: Call, id: str) -> Connection:
    return await call.found(Deed.VIEW, call.connection, id)


@router.patch("/{id}", responses=GUARDED)
async def changed(
    call: Caller, id: str, wanted: ConnectionChange, answer: Response, if_match: IfMatch = None
) -> SavedConnection:
    """Change what is given. Enable Import and Enable Export arm the schedules.

    What is left out stays as it is, also within `limits`, `exports` and the settings of the kind. Lists are replaced
    whole.
    A new SFTP server needs its host key approved anew. School codes that the connection does not have yet, to be
    assigned to it or with a first day of their own, are compared with Enroll's schools: those that it does not know
    are refused.
    """
    saved = await change(call, id, wanted, if_match)
    answer.headers["ETag"] = tag(saved)
    return saved


async def change(call: Call, id: str, wanted: ConnectionChange, if_match: str | None = None) -> SavedConnection:
    """Raises Outdated where the connection is not what `if_match` says; what each change may raise besides."""
    connection = await call.found(Deed.MANAGE_CONNECTION, call.connection, id)
    expect(if_match, tag(connection))
    _only_its_own(connection.kind, wanted.model_dump(exclude_none=True))
    values = _values(call, connection, wanted)
    if wanted.enable_export:
        await _check_mapped(call, connection)
    asked = await compared(call, connection.instance, _added(connection, wanted))
    if not values:
        return _saved(connection, asked)
    while (found := await call.org.connections.replace(connection, **values)) is None:
        if if_match is not None:
            raise Outdated(*said("etag.outdated"))
        connection = await call.connection(id)
        values = _values(call, connection, wanted)
    return _saved(found, asked)


async def _check_mapped(call: Call, connection: Connection) -> None:
    """Raises BadSettings where it would hear of approvals and could send nobody."""
    if connection.hears_of_approvals:
        try:
            await call.org.sis_mappings.latest_id(connection.id, "students")
        except NotFound:
            raise BadSettings(*said("export.not_mapped")) from None


def tag(connection: Connection) -> str:
    """Its ETag."""
    return etag(connection.model_dump(mode="json", exclude={"schools_compared"}))


@router.delete("/{id}", status_code=204)
async def delete(call: Caller, id: str) -> None:
    """Delete the connection, its credentials and schedules. Its runs, records and mappings stay as history.

    Refused while a run of it is under way, waits, or needs approval.
    """
    connection = await call.found(Deed.MANAGE_CONNECTION, call.connection, id, subject=f"delete {id}")
    if await call.org.runs.under_way(id):
        raise Conflict(*said("connection.run_active"))
    await call.org.forget(connection, by=call.who.user)


@router.get("/{id}/credentials")
async def has_credentials(call: Caller, id: str) -> Credentials:
    """Whether credentials are stored; nobody is ever told which."""
    await call.found(Deed.MANAGE_CONNECTION, call.connection, id)
    return Credentials(stored=await call.org.connections.secrets(id) is not None)


@router.put("/{id}/credentials", status_code=204)
async def credentials(call: Caller, id: str, secrets: SkipValidation[Secrets]) -> None:
    """Replace the credentials. They go in and never come out."""
    connection = await call.found(Deed.MANAGE_CONNECTION, call.connection, id)
    _only_its_own(connection.kind, {"secrets": secrets})
    try:
        login = read_login(connection.kind, secrets)
    except ValidationError as error:
        raise _of_body(error) from None
    await call.org.connections.set_secrets(id, _sealed(call, connection, login))


@router.post("/{id}/host-key/probe")
async def probe(call: Caller, id: str) -> dict[str, str]:
    """Ask the server for its host key, for a person to compare the fingerprint and approve."""
    sftp = _sftp(await call.found(Deed.MANAGE_CONNECTION, call.connection, id))
    line, fingerprint = await host_key(sftp.host, sftp.port, _settings(call).allow_private_addresses)
    return {"host_key": line, "fingerprint": fingerprint}


@router.put("/{id}/host-key")
async def approve_host_key(call: Caller, id: str, approved: HostKey) -> Connection:
    """Pin the host key. From now on a server with another key is refused."""
    sftp = _sftp(await call.found(Deed.MANAGE_CONNECTION, call.connection, id, subject=f"host key of {id}"))
    return await call.org.connections.set(id, sftp={**sftp.model_dump(), "host_key": approved.host_key.strip()})


@router.put("/{id}/sandbox-exports")
async def allow_sandbox_exports(call: Caller, id: str, allowed: SandboxExports) -> Connection:
    """Say that what stands in Enroll's sandbox may be written into the SIS or SFTP folder of this connection.

    It is one for trying things out, or writing to it is meant. It counts for this very place (the address of the SIS,
    or `sftp://user@host:port/folder`): once the connection has another one it has to be said anew. Without it nothing
    is exported.
    """
    subject = f"exports from the sandbox of {id} into {allowed.into or 'nowhere'}"
    connection = await call.found(Deed.MANAGE_CONNECTION, call.connection, id, subject=subject[:300])
    if allowed.into not in ("", connection.exports_into):
        raise BadSettings(*said("sandbox.other_place"))
    return await call.org.connections.set(id, sandbox_exports_into=allowed.into)


@router.post("/{id}/test")
async def test(call: Caller, id: str) -> dict[str, Any]:
    """Test connection: log in, and count the files that would be taken or look at what the SIS answers."""
    connection = await call.found(Deed.MANAGE_CONNECTION, call.connection, id, subject=f"test {id}")
    if connection.pulls_from == "api":
        return {"ok": True, **await (await call.gateway.base.ends.sis(connection)).check()}
    sftp = _sftp(connection)
    sealed = await call.org.connections.secrets(id)
    if sealed is None:
        raise BadSettings(*said("sftp.no_login"))
    opened = SftpSecrets.model_validate_json(SecretBox(_settings(call).secret_keys).open(sealed))
    files = await check(sftp, opened, allow_private_addresses=_settings(call).allow_private_addresses)
    return {"ok": True, "matching_files": files}


@router.get("/{id}/sis")
async def sis_lists(call: Caller, id: str) -> SisLists:
    """The schools, fields and codes of the connection's SIS, which is asked now."""
    connection = await call.found(Deed.MAP_IMPORT, call.connection, id, data_type="students", subject=f"lists of {id}")
    return await (await call.gateway.base.ends.sis(connection)).lists(connection.clock().date())


@router.get("/{id}/ps_plugin.xml")
async def plugin(call: Caller, id: str) -> Response:
    """The plugin to be installed in PowerSchool: it asks for what the mappings of the connection read and write."""
    connection = await call.found(Deed.MANAGE_CONNECTION, call.connection, id, subject=f"plugin of {id}")
    if connection.powerschool is None:
        raise NotFound(*said("powerschool.no_plugin_here"))
    imports = await call.org.mappings.versions(id, "students")
    exports = await call.org.sis_mappings.versions(id, "students")
    read = {name for one in newest(imports) for name in columns_read(one)} | {*connection.powerschool.extension_fields}
    written = {row.target for one in newest(exports) for row in one.fields if not isinstance(row, DoNotMap)}
    version = f"1.{len(imports)}.{len(exports)}"
    content = plugin_xml(read, written, version=version, contact=_settings(call).contact_email)
    name = {"Content-Disposition": 'attachment; filename="ps_plugin.xml"'}
    return Response(content, media_type="application/xml", headers=name)


@router.put("/{id}/schedule")
async def schedule(call: Caller, id: str, new: NewSchedule) -> dict[str, Any]:
    """Run daily, under the authority of whoever sends this. Answers with the next three times."""
    return await plan(call, id, new)


async def plan(call: Call, id: str, new: NewSchedule, if_match: str | None = None) -> dict[str, Any]:
    """Raises Outdated where the connection is not what `if_match` says; what stands in the way of it besides."""
    connection = await call.found(Deed.MANAGE_CONNECTION, call.connection, id, subject=f"schedule of {id}")
    expect(if_match, tag(connection))
    deed = Deed.IMPORT if new.direction == "import" else Deed.EXPORT
    if new.direction == "export":
        connection.check_export()
    what, year, instance = new.data_type, new.school_year, connection.instance
    await call.may(deed, data_type=what, school_year=year, instance=instance, subject=f"schedule of {id}")
    if new.direction == "import":
        found_catalog(what)
        by_itself = connection.pulls_from is not None
    else:
        exported_catalog(what)
        by_itself = connection.sftp is not None or connection.writes_to_sis
    if not by_itself:
        raise BadSettings(*said("schedule.needs_sftp"))
    now = datetime.now(UTC)
    planned = _planned(call, new, now)
    await _set(call, connection, {PLACES[new.direction]: planned.model_dump()}, if_match)
    enabled = connection.enable_import if new.direction == "import" else connection.enable_export
    times = [one.at_utc.isoformat() for one in upcoming(planned.time, planned.zone, now)]
    return {"schedule": planned, "next": times, "enabled": enabled}


@router.delete("/{id}/schedule", status_code=204)
async def unschedule(call: Caller, id: str, direction: Direction = "import") -> None:
    await call.found(Deed.MANAGE_CONNECTION, call.connection, id, subject=f"schedule of {id}")
    await call.org.connections.set(id, **{PLACES[direction]: None})


@router.get("/{id}/history")
async def history(call: Caller, id: str) -> list[dict[str, Any]]:
    """What came of the schedule, newest first: the run it made, or why it did nothing."""
    await call.found(Deed.VIEW, call.connection, id)
    return await call.org.history.of(id)


def _only_its_own(kind: Kind, given: Collection[str]) -> None:
    """Raises BadSettings where something is given that is of another kind."""
    own = {kind.value, *(() if kind is Kind.AD_HOC else ("secrets",))}
    foreign = [one for one in (*Kind, "secrets") if one in given and one not in own]
    if foreign:
        raise BadSettings(*said("connection.other_kind", kind=kind.value, foreign=", ".join(foreign)))


def _values(call: Call, connection: Connection, wanted: ConnectionChange) -> dict[str, Any]:
    """What is to be written into it."""
    try:
        values = laid_over(connection, wanted)
    except ValidationError as error:
        raise _of_body(error) from None
    if wanted.sftp and connection.sftp:
        values["sftp"]["host_key"] = _host_key(connection.sftp, SftpSettings(**values["sftp"]))
    if wanted.enable_export:
        Connection.model_validate({**connection.model_dump(), **values}).check_export()
        values["export_enabled_by"] = call.who.user
    return values


async def _set(call: Call, connection: Connection, values: dict[str, Any], if_match: str | None) -> Connection:
    """Raises Outdated where somebody else was quicker, and an `if_match` was given."""
    if if_match is None:
        return await call.org.connections.set(connection.id, **values)
    found = await call.org.connections.replace(connection, **values)
    if found is None:
        raise Outdated(*said("etag.outdated"))
    return found


def _codes(about: Connection | ConnectionChange) -> list[str]:
    """The schools that are named: assigned, or with a day of their own."""
    starts = about.exports.school_starts if about.exports else ()
    return list(dict.fromkeys([*(about.schools or ()), *(one.school for one in starts)]))


def _added(connection: Connection, wanted: ConnectionChange) -> list[str]:
    known = _codes(connection)
    return [one for one in _codes(wanted) if one not in known]


def _saved(connection: Connection, compared: bool) -> SavedConnection:
    return SavedConnection(**dict(connection), schools_compared=compared)


def _sealed(call: Call, connection: Connection, secrets: Secrets) -> bytes:
    if not isinstance(secrets, connection.login):
        raise BadSettings(*said("sis.other_login"))
    if isinstance(secrets, SftpSecrets) and not secrets.password and not secrets.private_key:
        raise BadSettings(*said("sftp.no_login"))
    return SecretBox(_settings(call).secret_keys).seal(secrets.model_dump_json())


def _sftp(connection: Connection) -> SftpSettings:
    if connection.sftp is None:
        raise BadSettings(*said("sftp.not_set_up"))
    return connection.sftp


def _host_key(old: SftpSettings, new: SftpSettings) -> str:
    """An approval is for one server: it stays with the same server, and never goes over to another one."""
    if (old.host, old.port) == (new.host, new.port):
        return new.host_key or old.host_key
    return "" if new.host_key == old.host_key else new.host_key


def _planned(call: Call, new: NewSchedule, now: datetime) -> Schedule:
    try:
        return Schedule(**new.model_dump(exclude={"direction"}), enabled_by=call.who.user, enabled_at=now)
    except ValidationError as error:
        raise _of_body(error) from None


def _of_body(error: ValidationError) -> RequestValidationError:
    """What a model finds wrong, as what is wrong with the request."""
    return RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])


def _settings(call: Call) -> Settings:
    return call.gateway.base.settings
