"""Add Sync Connection: what it is, then where it is."""

from typing import Final, Literal
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from services.gateway import connections
from services.gateway.connections import NewConnection
from services.gateway.pages.connection_fields import ABOUT, AGREEMENT, LOGINS, NAME, SETTINGS, defaults
from services.gateway.pages.fields import Field, Form, overlaid
from services.gateway.pages.filters import Chosen, Typed
from services.gateway.pages.site import HEADERS, page, then
from services.gateway.pages.visits import Visit, Visited
from services.gateway.pages.words import INSTANCES, KINDS
from shared.adapters.enroll_sites import PRODUCTION
from shared.model.connection import Connection, Instance
from shared.model.errors import Permanent
from shared.model.kind import Kind
from shared.model.login import login_of
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False)

Agreed = Literal["", "1"]
AGREE: Final = Field("agree", "I agree", "switch")
KIND: Final = Field("kind", "Kind of connection", "one", options=tuple((one.value, KINDS[one]) for one in KINDS))
UNREAD: Final = "Read what a connection does with student records, and tick I agree."
BLAMED: Final = {"connection.name_taken": "name", "sftp.no_login": "secrets.password"}


@router.get("/connections/new")
async def begin(
    visit: Visited, kind: Chosen[Kind] = None, name: Typed = "", instance: Chosen[Instance] = None, agree: Agreed = ""
) -> Response:
    await visit.call.may(Deed.MANAGE_CONNECTION, subject="create connection")
    asked = {"kind": kind or "", "name": name, "instance": instance or "", "agree": agree}
    form = Form.read(_first(visit), FormData({one: value for one, value in asked.items() if value}))
    form.typed["instance"] = form.typed["instance"] or "production"
    return await _ask_first(visit, form)


@router.post("/connections/new", summary="Add Sync Connection")
async def chosen(visit: Visited) -> Response:
    """On to the form of the kind. One that needs nothing else is made at once."""
    await visit.call.may(Deed.MANAGE_CONNECTION, subject="create connection")
    form = Form.read(_first(visit), await visit.form())
    new = form.build(NewConnection, {name: form.typed[name].strip() for name in ("kind", "name", "instance")})
    if not form.typed["agree"]:
        form.wrong["agree"] = UNREAD
    if new is None or form.bad:
        return await _ask_first(visit, form)
    if not SETTINGS[new.kind]:
        return await _made(visit, form, new) or await _ask_first(visit, form)
    about = {"name": new.name, "instance": new.instance, "agree": "1"}
    return RedirectResponse(f"/connections/new/{new.kind.value}?{urlencode(about)}", 303, HEADERS)


@router.get("/connections/new/{kind}")
async def ask(
    visit: Visited, kind: Kind, name: Typed = "", instance: Instance = PRODUCTION, agree: Agreed = ""
) -> Response:
    """The form of a kind; whoever has not agreed yet is sent to where that is done."""
    await visit.call.may(Deed.MANAGE_CONNECTION, subject="create connection")
    if agree != "1" or not SETTINGS[kind]:
        return then(f"/connections/new?{urlencode({'kind': kind.value})}")
    form = Form.of(_second(visit, kind), {**defaults(kind), "name": name})
    form.typed["instance"] = instance
    return await _ask_second(visit, form, kind)


@router.post("/connections/new/{kind}", summary="Add Sync Connection")
async def add(visit: Visited, kind: Kind) -> Response:
    await visit.call.may(Deed.MANAGE_CONNECTION, subject="create connection")
    sent = await visit.form()
    form = Form.read(_second(visit, kind), sent)
    if sent.get("agree") != "1":
        return then(f"/connections/new?{urlencode({'kind': kind.value})}")
    values = overlaid({"kind": kind.value, **defaults(kind)}, form.nested())
    login = values.pop("secrets", {})
    if not any(login.values()) and kind is Kind.POWERSCHOOL:
        secrets = None
    else:
        secrets = form.build(login_of(kind), {name: _trimmed(name, value) for name, value in login.items()}, "secrets")
    new = form.build(NewConnection, {**values, "secrets": secrets})
    if new is None or form.bad:
        return await _ask_second(visit, form, kind)
    return await _made(visit, form, new) or await _ask_second(visit, form, kind)


def _trimmed(name: str, value: str) -> str:
    """What was pasted brings spaces along; a password or a key may mean them."""
    return value if name in ("password", "passphrase", "private_key") else value.strip()


async def _made(visit: Visit, form: Form, new: NewConnection) -> Response | None:
    """To the page of the connection; None where the API has an objection, which stands in the form then."""
    try:
        connection: Connection = await connections.create(visit.call, new)
    except Permanent as error:
        form.blame(error, BLAMED)
        return None
    return then(f"/connections/{connection.id}", "added")


def _first(visit: Visit) -> tuple[Field, ...]:
    return (AGREE, KIND, NAME, _instance(visit))


def _second(visit: Visit, kind: Kind) -> tuple[Field, ...]:
    return (NAME, _instance(visit), *SETTINGS[kind], *LOGINS[kind])


def _instance(visit: Visit) -> Field:
    there = visit.call.gateway.base.enroll.instances
    hint = "Which Enroll site it reads and writes. It cannot be changed later."
    return Field("instance", "Enroll instance", "one", hint, tuple((one, INSTANCES[one]) for one in there))


async def _ask_first(visit: Visit, form: Form) -> Response:
    fields = {one.name: one for one in form.fields}
    kinds = {one.value: words for one, words in ABOUT.items()}
    about = {"form": form, "agreement": AGREEMENT, "kinds": kinds, **fields}
    return await page(visit, "connection_new.html", status=422 if form.bad else 200, **about)


async def _ask_second(visit: Visit, form: Form, kind: Kind) -> Response:
    kept = {"kind": kind.value, "name": form.typed["name"], "instance": form.typed["instance"], "agree": "1"}
    about = {"form": form, "kind": kind, "name": NAME, "settings": SETTINGS[kind], "login": LOGINS[kind]}
    back = f"/connections/new?{urlencode(kept)}"
    return await page(visit, "connection_new_kind.html", status=422 if form.bad else 200, back=back, **about)
