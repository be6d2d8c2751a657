"""A form that came when its session had ended. Nothing of it is done: its sender is told so, and may send it again.

What was typed goes back to the browser it came from, but for credentials and files, and only where the form's mark says
that it was one of ours. Sent again it comes with the same old mark: that leads whoever is signed in to a page with the
mark of their session, where the form was theirs, and only from there, by another click, is it sent in earnest.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import HTTPException, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from services.gateway.context import Gateway
from services.gateway.pages.connection_fields import LOGINS
from services.gateway.pages.fields import Field, Form, is_secret
from services.gateway.pages.login import local
from services.gateway.pages.run_forms import FILE
from services.gateway.pages.sent_words import called, in_words
from services.gateway.pages.site import bare, page
from services.gateway.pages.visits import CSRF, EarlierForm, Visit, form_of, is_from_here
from shared.model.error_texts import told

MACHINERY: Final = frozenset({"do", "mark", "back", "newer", "opened", "version", "was", "mine", "then"})
"""What no person has typed or chosen."""
SECRETS: Final = {one.name: one for one in chain(*LOGINS.values())}


@dataclass(frozen=True, slots=True)
class Kept:
    """A field that goes along unchanged. `label` is blank where there is nothing to look at. `words` are what the form
    said in place of the value, of a choice; blank where it was typed."""

    name: str
    value: str
    label: str = ""
    words: str = ""

    @property
    def is_of_row(self) -> bool:
        return "/" in self.name

    @property
    def is_long(self) -> bool:
        return "\n" in self.value or len(self.value) > 80


async def signed_out(request: Request) -> Response:
    """To whoever sent a form and is not signed in."""
    gateway: Gateway = request.app.state.gateway
    has_file = request.headers.get("Content-Type", "").lower().startswith("multipart/")
    mark, kept = "", list[Kept]()
    if has_file:
        await _let_through(request)
    elif is_from_here(request):
        sent = await form_of(request)
        mark = str(sent.get(CSRF, ""))
        if gateway.marks.is_ours(mark):
            kept = list(_kept(sent, _route(request), secrets_too=True))
        else:
            mark = ""
    about = {"mark": mark, "kept": kept, "form": None, "has_file": has_file}
    about |= {"has_secrets": any(is_secret(one.name) for one in kept), **_common(request, told("form.signed_out"))}
    return bare(request, "not_done.html", status=401, **about)


async def earlier(request: Request, error: Exception) -> Response:
    """To whoever is signed in, and has sent a form of an earlier session of theirs."""
    if not isinstance(error, EarlierForm):
        raise error
    visit: Visit = error.visit
    sent = await visit.form()
    form = Form.of(list(_to_give(sent)))
    kept = list(_kept(sent, _route(request), secrets_too=False))
    has_file = FILE in form.fields
    about = {"mark": visit.session.csrf, "kept": kept, "form": form, "has_file": has_file, "has_secrets": False}
    return await page(visit, "not_done.html", status=403, **about, **_common(request, told("form.earlier")))


def _common(request: Request, about: Mapping[str, str]) -> dict[str, Any]:
    query = f"?{request.url.query}" if request.url.query else ""
    place = _opened_at(request)
    return {
        "what": _what(request),
        "about": about,
        "address": request.url.path + query,
        "place": place,
        "sign_in": f"/login?{urlencode({'next': place})}",
    }


def _what(request: Request) -> str:
    """What the form is for, as its route says."""
    return str(getattr(request.scope.get("route"), "summary", None) or "What you sent")


def _route(request: Request) -> str:
    """Where the form goes to: `/connections/{id}/schools`."""
    return str(getattr(request.scope.get("route"), "path", ""))


def _opened_at(request: Request) -> str:
    """The page on which the form stood, where the browser tells."""
    came_from = urlsplit(request.headers.get("Referer", ""))
    if came_from.netloc != request.headers.get("Host"):
        return "/"
    return local(came_from.path + (f"?{came_from.query}" if came_from.query else ""))


def _kept(sent: FormData, route: str, *, secrets_too: bool) -> Iterable[Kept]:
    """Everything but the mark and files, as often as it was sent; of credentials no more than that there are some."""
    for name, value in sent.multi_items():
        if not isinstance(value, str) or name == CSRF:
            continue
        if not is_secret(name):
            is_seen = value.strip() and name not in MACHINERY and "/" not in name  # those are of a row among many
            said = (called(name, route), in_words(name, value, route)) if is_seen else ()
            yield Kept(name, value, *said)
        elif secrets_too:
            yield Kept(name, "")


def _to_give(sent: FormData) -> Iterable[Field]:
    """What has to be given again, because it is not repeated: credentials, and a file."""
    for name, value in sent.multi_items():
        if name in SECRETS:
            yield SECRETS[name]
        elif not isinstance(value, str):
            yield FILE


async def _let_through(request: Request) -> None:
    """Read and keep nothing: a browser that is cut off while it sends a file shows no answer."""
    try:
        async for _ in request.stream():
            pass
    except HTTPException:
        return
