"""The parts of a connection that are edited one by one: settings, credentials, limits, schools, export rules."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.responses import Response

from services.gateway import connections
from services.gateway.connection_change import ConnectionChange
from services.gateway.connections import SavedConnection
from services.gateway.pages.connection import ADDRESS, frame, not_allowed, tabs
from services.gateway.pages.connection_fields import LIMITS, LOGINS, settings_of
from services.gateway.pages.export_rules import from_typed, rules_of, to_typed
from services.gateway.pages.fields import Field, Form, lines
from services.gateway.pages.meanwhile import WAS, Change, carried, together
from services.gateway.pages.site import page, then
from services.gateway.pages.visits import Visit, Visited
from services.gateway.pages.words import NOT_COMPARED, STARTS_NOT_COMPARED
from services.gateway.pages.zones import COMMON, others
from services.gateway.schools import by_name, enroll_schools, named
from shared.model.codes import Code
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import NotFound, Permanent, SyncError
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False)

BLAMED: Final = {
    "connection.name_taken": "name",
    "connection.school_unknown": "schools",
    "sftp.no_login": "secrets.password",
}
OF_RULES: Final = {"connection.school_unknown": "exports.school_starts"}
PASTED: Final = frozenset({"password", "passphrase", "private_key"})
INTRO: Final[Mapping[str, tuple[str, ...]]] = {
    "settings": (),
    "credentials": (
        "What is entered here replaces the credentials there are. They are kept encrypted and are never shown again.",
    ),
    "limits": ("A run that would go past one of these stops before anything is written, and asks a person.",),
    "export-rules": (),
    "delete": (
        "The connection goes, and with it its credentials and its schedules: nothing runs by itself any more.",
        (
            "What it has done stays readable under Sync Logs: its runs, their records, its mappings. "
            "Nothing is deleted in Enroll or in the SIS."
        ),
    ),
}
SHARED: Final = frozenset({"settings", "limits", "export-rules"})
SURE: Final = Field("sure", "I want to delete this connection", "switch")
UNSURE: Final = "Tick this to delete the connection."
ALL, SOME = "all", "some"
CODES: Final = Field(
    "schools",
    "School codes",
    "lines",
    hint="One on each line, exactly as in Enroll.",
)
WHICH: Final = Field("which", "Schools assigned", "one", options=((ALL, "All schools"), (SOME, "Only these")))
NONE_CHOSEN: Final = "Choose at least one school, or All schools."


@router.get(ADDRESS + "/settings")
async def settings(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id)
    return await _ask(visit, connection, "settings", _standing(connection, "settings"))


@router.post(ADDRESS + "/settings", summary="Settings of a connection")
async def save_settings(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id)
    form = Form.read(settings_of(connection), await visit.form())
    return await _changed(visit, connection, "settings", form, form.nested())


@router.get(ADDRESS + "/limits")
async def limits(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id)
    return await _ask(visit, connection, "limits", _standing(connection, "limits"))


@router.post(ADDRESS + "/limits", summary="Safety limits")
async def save_limits(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id)
    form = Form.read(LIMITS, await visit.form())
    return await _changed(visit, connection, "limits", form, form.nested())


@router.get(ADDRESS + "/export-rules")
async def rules(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id, "export-rules")
    return await _ask(visit, connection, "export-rules", _standing(connection, "export-rules"))


@router.post(ADDRESS + "/export-rules", summary="Export rules")
async def save_rules(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id, "export-rules")
    form = Form.read(rules_of(connection), await visit.form())
    return await _changed(visit, connection, "export-rules", form, from_typed(form))


@router.get(ADDRESS + "/credentials")
async def credentials(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id, "credentials")
    return await _ask(visit, connection, "credentials", Form.of(LOGINS[connection.kind]))


@router.post(ADDRESS + "/credentials", summary="Credentials of a connection")
async def save_credentials(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id, "credentials")
    form = Form.read(LOGINS[connection.kind], await visit.form())
    typed = form.nested()["secrets"]
    values = {name: value if name in PASTED else value.strip() for name, value in typed.items()}
    secrets = form.build(connection.login, values, "secrets")
    if secrets is not None:
        try:
            await connections.credentials(visit.call, id, secrets)
            return then(f"/connections/{id}", "credentials")
        except Permanent as error:
            form.blame(error, BLAMED)
    return await _ask(visit, connection, "credentials", form)


@router.get(ADDRESS + "/schools")
async def schools(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id, "schools")
    return await _ask_schools(visit, connection, SOME if connection.schools else ALL, connection.schools)


@router.post(ADDRESS + "/schools", summary="Schools of a connection")
async def save_schools(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id, "schools")
    sent = await visit.form()
    which = sent.get("which")
    ticked = [one for one in sent.getlist("schools") if isinstance(one, str)]
    chosen = lines("\n".join(ticked))
    form = Form.of((CODES,), {"schools": chosen})
    was = str(sent.get(WAS, ""))
    if which in (ALL, SOME) and (newer := together(was, _assigned(str(which), chosen), _assigned_to(connection))):
        which, chosen = newer.form.typed["which"], lines(newer.form.typed["schools"])
        return await _ask_schools(visit, connection, which, chosen, newer=newer.changes)
    if which not in (ALL, SOME) or (which == SOME and not chosen):
        form.wrong["schools"] = NONE_CHOSEN
    elif kept := await _kept(visit, connection, form, {"schools": chosen if which == SOME else []}):
        return then(f"/connections/{id}", "saved" if kept.schools_compared else NOT_COMPARED)
    return await _ask_schools(visit, connection, str(which), chosen, form, was=was)


@router.get(ADDRESS + "/delete")
async def sure(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id)
    return await _ask(visit, connection, "delete", Form.of((SURE,)))


@router.post(ADDRESS + "/delete", summary="Delete a connection")
async def delete(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id)
    form = Form.read((SURE,), await visit.form())
    if form.typed["sure"]:
        try:
            await connections.delete(visit.call, id)
            return then("/", "deleted")
        except Permanent as error:
            form.blame(error)
    else:
        form.wrong["sure"] = UNSURE
    return await _ask(visit, connection, "delete", form)


async def managed(visit: Visit, id: str, part: str = "") -> Connection:
    """The connection, for somebody who may change it. Raises Refused, and NotFound where it has no such part."""
    connection = await visit.call.found(Deed.MANAGE_CONNECTION, visit.call.connection, id)
    if part not in tabs(connection):
        raise NotFound(*said("connection.no_part"))
    return connection


def _standing(connection: Connection, part: str) -> Form:
    """The form of a part that may be edited by several people at once, with what the connection says now."""
    match part:
        case "settings":
            return Form.of(settings_of(connection), connection.model_dump())
        case "limits":
            return Form.of(LIMITS, connection.model_dump())
        case _:
            return Form.of(rules_of(connection), to_typed(connection.exports))


async def _changed(visit: Visit, connection: Connection, part: str, form: Form, values: Mapping[str, Any]) -> Response:
    """Save what was typed over what there is; the form again, with what is wrong, where that cannot be, or with what
    somebody else has saved since it was opened."""
    sent = await visit.fields()
    if newer := together(sent.get(WAS, ""), form, _standing(connection, part)):
        return await _ask(visit, connection, part, newer.form, newer.changes)
    if not form.bad and (kept := await _kept(visit, connection, form, values)):
        return then(f"/connections/{connection.id}", "saved" if kept.schools_compared else STARTS_NOT_COMPARED)
    return await _ask(visit, connection, part, form)


async def _kept(visit: Visit, connection: Connection, form: Form, values: Mapping[str, Any]) -> SavedConnection | None:
    """What was saved; None where something is wrong, which stands in the form then."""
    change = form.build(ConnectionChange, values)
    if change is None or form.bad:
        return None
    try:
        return await connections.change(visit.call, connection.id, change, connections.tag(connection))
    except RequestValidationError as error:
        for problem in error.errors():
            form.note(problem)
        return None
    except Permanent as error:
        form.blame(error, BLAMED | (OF_RULES if "exports" in values else {}))
        return None


def _assigned(which: str, chosen: Sequence[str]) -> Form:
    """In whatever order they were ticked."""
    return Form.of((WHICH, CODES), {"which": which, "schools": sorted(chosen) if which == SOME else ()})


def _assigned_to(connection: Connection) -> Form:
    return _assigned(SOME if connection.schools else ALL, connection.schools)


async def _ask_schools(
    visit: Visit,
    connection: Connection,
    which: str,
    chosen: Sequence[str],
    tried: Form | None = None,
    newer: Sequence[Change] = (),
    was: str | None = None,
) -> Response:
    """A list to tick, from Enroll; where it cannot tell, codes to enter, and why it could not.

    `was` is what stood there when it was opened: what stands there now, where it is opened now.
    """
    trouble, schools, found = None, CODES, None
    try:
        found = await enroll_schools(visit.call, connection.instance)
        if found or chosen:
            schools = Field("schools", "Which schools", "many", options=_options(found, chosen))
    except SyncError as error:
        not_allowed(error)
        trouble = error.as_dict()
    form = Form.of((WHICH, schools), {"which": which, "schools": chosen})
    if tried is not None:
        form.wrong, form.told = tried.wrong, tried.told
    about: dict[str, Any] = {"form": form, "trouble": trouble, "none_yet": found == (), "newer": newer}
    about |= {"was": carried(_assigned_to(connection)) if was is None else was}
    status = 409 if newer else 422 if form.bad else 200
    return await page(visit, "connection_schools.html", status=status, **frame(connection, "schools"), **about)


def _options(found: Sequence[Code], chosen: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The schools of Enroll by name, and codes that were chosen and are not among them."""
    known = {one.code for one in found}
    gone = ((code, f"{code} (not in Enroll)") for code in chosen if code not in known)
    return (*gone, *map(named, by_name(found)))


async def _ask(visit: Visit, connection: Connection, part: str, form: Form, newer: Sequence[Change] = ()) -> Response:
    """`newer` is what somebody else has changed since the form was opened."""
    about = {"form": form, "intro": INTRO[part], "danger": part == "delete", "zones_common": (), "zones_other": ()}
    if part == "settings":
        about |= {"zones_common": COMMON, "zones_other": others()}
    about["button"] = "Delete the connection" if part == "delete" else "Save"
    about |= {"newer": newer, "was": carried(_standing(connection, part)) if part in SHARED else ""}
    status = 409 if newer else 422 if form.bad else 200
    return await page(visit, "connection_form.html", status=status, **frame(connection, part), **about)
