"""A connection's own page: what it is, whether it works, what is left to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from services.gateway import connections, exports, mappings, runs
from services.gateway.connections import HostKey, SandboxExports
from services.gateway.pages.connection_fields import SETTINGS
from services.gateway.pages.fields import Field, Form
from services.gateway.pages.findings import findings
from services.gateway.pages.site import HEADERS, page, then
from services.gateway.pages.visits import Visit, Visited
from services.gateway.pages.words import kind
from shared.adapters.ssh import fingerprint_of
from shared.engine.enrolling import left_open
from shared.model.connection import Connection, Schedule
from shared.model.errors import BadSettings, Refused, SyncError
from shared.model.kind import Kind
from shared.model.mapping import DoNotMap
from shared.model.mapping import Mapping as SisMapping
from shared.model.permission import Deed
from shared.model.saved import SavedMapping, newest

router = APIRouter(include_in_schema=False)

ADDRESS: Final = "/connections/{id}"
LAST_RUNS: Final = 5
MEANT: Final = Field("meant", "It is a system for trying things out, or I mean to write to it", "switch")
NOT_MEANT: Final = (
    "Tick this if it is so. If it is where real students are, give the connection the address of a system for trying "
    "things out, under Settings."
)


AT_ONCE: Final = (
    "Once this is on, each registration that is approved in Enroll, for the schools of this connection, is exported "
    "into the SIS at once, under your name. Nobody is asked first, unless the safety limits stop it."
)


@dataclass(frozen=True, slots=True)
class Way:
    """A direction in which the connection moves data by itself. `at_once`: what its switch starts besides."""

    name: str
    words: str
    switch: str
    enabled: bool
    schedule: Schedule | None
    may_switch: bool = True
    at_once: str = ""


@router.get(ADDRESS)
async def overview(visit: Visited, id: str) -> Response:
    connection = await connections.show(visit.call, id)
    return await shown(visit, connection)


@router.post(ADDRESS + "/test", summary="Test connection")
async def test(visit: Visited, id: str) -> Response:
    """Test connection. What it says is not kept, so it is shown at once."""
    connection = await connections.show(visit.call, id)
    try:
        found = await connections.test(visit.call, id)
    except SyncError as error:
        not_allowed(error)
        return await shown(visit, connection, tested={"ok": False, "about": error.as_dict()})
    return await shown(visit, connection, tested={"ok": True, "facts": findings(found, connection.kind)})


@router.post(ADDRESS + "/host-key/ask", summary="Ask the server for its host key")
async def ask(visit: Visited, id: str) -> Response:
    """Ask the SFTP server for its key, for a person to compare its fingerprint."""
    connection = await connections.show(visit.call, id)
    try:
        found = await connections.probe(visit.call, id)
    except SyncError as error:
        not_allowed(error)
        return await shown(visit, connection, key_trouble=error.as_dict())
    return await shown(visit, connection, shown_key=found)


@router.post(ADDRESS + "/host-key", summary="Approve the host key")
async def approve(visit: Visited, id: str) -> Response:
    line = (await visit.fields()).get("host_key", "")
    if not fingerprint_of(line):
        return await ask(visit, id)
    await connections.approve_host_key(visit.call, id, HostKey(host_key=line))
    return then(f"/connections/{id}", "host-key")


@router.post(ADDRESS + "/sandbox-exports", summary="Exports from Enroll's sandbox")
async def allow(visit: Visited, id: str) -> Response:
    """Say that exports of Enroll's sandbox into the place that stood there are meant; blank: that they are not."""
    connection = await visit.call.found(Deed.MANAGE_CONNECTION, visit.call.connection, id)
    sent = await visit.form()
    into = str(sent.get("into", ""))
    form = Form.read((MEANT,), sent)
    if into and not form.typed["meant"]:
        form.wrong["meant"] = NOT_MEANT
    else:
        try:
            await connections.allow_sandbox_exports(visit.call, id, SandboxExports(into=into[:1000]))
            return then(f"/connections/{id}", "saved")
        except BadSettings as error:
            form.blame(error)
    return await shown(visit, connection, trial=form)


@router.get(ADDRESS + "/sandbox-exports")
@router.get(ADDRESS + "/test")
@router.get(ADDRESS + "/host-key")
@router.get(ADDRESS + "/host-key/ask")
async def again(visit: Visited, id: str) -> Response:
    """Whoever loads such a page anew gets the connection's."""
    await visit.call.connection(id)
    return RedirectResponse(f"/connections/{id}", 303, HEADERS)


@router.get(ADDRESS + "/ps_plugin.xml")
async def plugin(visit: Visited, id: str) -> Response:
    return await connections.plugin(visit.call, id)


async def shown(visit: Visit, connection: Connection, **more: Any) -> Response:
    """The page, with what was just asked for."""
    last = await runs.index(visit.call, connection.id, limit=LAST_RUNS)
    manages = await visit.can(Deed.MANAGE_CONNECTION)
    about: dict[str, Any] = {"tested": None, "shown_key": None, "key_trouble": None, "trial": Form.of((MEANT,))} | more
    about |= {"runs": last, "settings": list(_settings(connection)), "directions": ways(connection)}
    about |= {"fingerprint": _fingerprint(connection), "steps": await _steps(visit, connection) if manages else []}
    status = 422 if about["trial"].bad else 200
    return await page(visit, "connection.html", status=status, **frame(connection, "", manages=manages), **about)


def frame(connection: Connection, here: str, *, manages: bool = True) -> dict[str, Any]:
    """What every page of a connection needs."""
    return {"connection": connection, "here": here, "tabs": tabs(connection) if manages else {"": "Overview"}}


def tabs(connection: Connection) -> Mapping[str, str]:
    """The parts of the connection, by the end of their address."""
    found = {"": "Overview", "settings": "Settings"}
    if connection.kind is not Kind.AD_HOC:
        found["credentials"] = "Credentials"
    if ways(connection):
        found["schedule"] = "Schedule"
    found["limits"] = "Safety limits"
    if connection.kind is not Kind.ONEROSTER:
        found["schools"] = "Schools"
    if connection.writes_to_sis:
        found["export-rules"] = "Export rules"
    found["delete"] = "Delete"
    return found


def ways(connection: Connection) -> list[Way]:
    """The directions that can be scheduled."""
    found = []
    if connection.pulls_from is not None:
        found.append(Way("import", "Import", "Enable Import", connection.enable_import, connection.schedule))
    if connection.kind is Kind.SFTP or connection.writes_to_sis:
        about = "Export", "Enable Export", connection.enable_export, connection.export_schedule
        found.append(Way("export", *about, at_once=AT_ONCE if connection.hears_of_approvals else ""))
    return found


async def _steps(visit: Visit, connection: Connection) -> list[tuple[str, str]]:
    """What is left until it works, and where that is done."""
    id, place = connection.id, f"/connections/{connection.id}"
    found = []
    if connection.kind is not Kind.AD_HOC and not (await connections.has_credentials(visit.call, id)).stored:
        found.append(("Enter the credentials", f"{place}/credentials"))
    if connection.sftp is not None and not connection.sftp.host_key:
        found.append(("Ask the server for its host key, and approve it", f"{place}#host-key"))
    exported = await exports.versions(visit.call, id, "students")
    if exported and not connection.may_export:
        found.append(("Say whether exports from Enroll's sandbox are meant", f"{place}#sandbox-exports"))
    if any(_leaves_open(connection, one) for one in newest([*exported])):
        words = f"Give the last day of school, without which {kind(connection)} takes no new student"
        found.append((words, f"{place}/export-rules"))
    if not exported and not await mappings.versions(visit.call, id, "students"):
        found.append(("Map the fields", f"{place}/mappings"))
    return found


def _leaves_open(connection: Connection, mapping: SavedMapping) -> bool:
    """Whether new students need a field that neither this mapping fills nor the export rules."""
    if not isinstance(mapping, SisMapping):
        return False
    mapped = {one.target for one in mapping.fields if not isinstance(one, DoNotMap)}
    return any(one.name not in mapped for one in left_open(connection.export_catalog, connection.exports))


def _settings(connection: Connection) -> list[tuple[Field, str]]:
    values = connection.model_dump(mode="json")
    found = []
    for one in SETTINGS[connection.kind]:
        place, _, name = one.name.partition(".")
        value = (values.get(place) or {}).get(name)
        if one.shape == "switch":
            found.append((one, "Yes" if value else "No"))
        elif value not in (None, "", []) and not one.more:
            words = dict(one.options).get(str(value), str(value))
            found.append((one, words))
    return found


def _fingerprint(connection: Connection) -> str:
    return fingerprint_of(connection.sftp.host_key) if connection.sftp and connection.sftp.host_key else ""


def not_allowed(error: SyncError) -> None:
    """What the person may not do is no result of a test. Raises Refused."""
    if isinstance(error, Refused) and error.code.startswith("permission."):
        raise error
