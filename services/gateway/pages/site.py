"""How a page is made: templates, static files, and the headers that every page carries."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi import Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.gateway import field_names
from services.gateway.actions import ID_WORDS, action_of, outcome_of
from services.gateway.pages import message_words, sandbox_words, words
from services.gateway.pages.breaks import breakable
from services.gateway.pages.parameters import message
from services.gateway.pages.tables import stacked
from services.gateway.pages.visits import Visit
from shared.model.permission import Deed, Permission

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("services.gateway.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({**words.FILTERS, **field_names.FILTERS, **message_words.FILTERS, **sandbox_words.FILTERS})
    made.filters.update(action_of=action_of, outcome_of=outcome_of, stacked=stacked, breakable=breakable)
    made.globals.update(static=address_of, tones=words.OUTCOMES, id_words=ID_WORDS)
    return made


async def page(visit: Visit, template: str, /, *, status: int = 200, **about: Any) -> Response:
    """A page for somebody who is signed in. `said` in the address names a message that stands above it."""
    gate = visit.call.gateway.gate
    named, text = message(visit.request, visit.done)
    common = {
        "session": visit.session,
        "can_manage": await visit.can(Deed.MANAGE_CONNECTION),
        "is_operator": Permission.OPERATOR in await gate.held(visit.call.who),
        "message": text,
        "tone": "ask" if named in words.ASKING else "good",
    }
    return bare(visit.request, template, status=status, **{**common, **about})


def bare(request: Request, template: str, /, *, status: int = 200, **about: Any) -> Response:
    """A page for anybody."""
    settings = request.app.state.gateway.base.settings
    common = {"session": None, "message": None, "tone": "", "can_manage": False, "is_operator": False}
    shown = {**common, "enroll_site": settings.enroll_site, "path": request.url.path, **about}
    return HTMLResponse(environment().get_template(template).render(shown), status, HEADERS)


def fragment(template: str, **about: Any) -> str:
    """A part of a page, for what is updated in place."""
    return environment().get_template(template).render(about)


def then(address: str, said: str = "") -> Response:
    """After a change: go and look, so that loading the page anew repeats nothing."""
    mark = "" if address.endswith("?") else "&" if "?" in address else "?"
    return RedirectResponse(f"{address}{mark}said={said}" if said else address, 303, HEADERS)


def address_of(name: str) -> str:
    """The address of a static file; another one whenever its content is another."""
    return f"/static/{_static()[name][1]}/{name}"


def static(name: str) -> Response | None:
    """A static file; None where there is none."""
    found = _static().get(name)
    if found is None:
        return None
    headers = {**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found[0], headers=headers, media_type=TYPES[name.rpartition(".")[2]])


@cache
def _static() -> Mapping[str, tuple[bytes, str]]:
    """Content and digest by name."""
    folder = files("services.gateway.pages") / "static"
    contents = {one.name: one.read_bytes() for one in folder.iterdir() if one.name.rpartition(".")[2] in TYPES}
    return {name: (content, hashlib.sha256(content).hexdigest()[:12]) for name, content in contents.items()}
