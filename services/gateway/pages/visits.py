"""A visit of the dashboard by somebody who is signed in, and what every change made there has to carry."""

from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from starlette.datastructures import FormData

from services.gateway.context import Call, Gateway, only_known_parameters
from shared.adapters.enroll_sites import PRODUCTION
from shared.model.connection import Instance
from shared.model.error_texts import said
from shared.model.errors import Refused
from shared.model.permission import Deed
from shared.store.sessions import Session

COOKIE: Final = "__Host-sync-session"
CSRF: Final = "csrf"
MOST_FIELDS: Final = 10_000
READS: Final = frozenset({"GET", "HEAD"})
ASKED: Final = "sync.asked"
"""Where a request says that it was HEAD, if it was."""


class SignInNeeded(Exception):
    """Nobody is signed in, or not any more."""


class EarlierForm(Exception):
    """Who is signed in has sent a form that they opened in an earlier session. Nothing of it was done."""

    def __init__(self, visit: "Visit") -> None:
        self.visit = visit


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a page. All it can reach is the organization of who is signed in.

    `done` is the name of what was done just before, as the address says it.
    """

    request: Request
    call: Call
    session: Session
    done: str = ""

    async def can(self, deed: Deed, data_type: str = "students", instance: Instance = PRODUCTION) -> bool:
        """Whether to show what leads to this deed; the deed itself is checked and audited where it is done."""
        gate = self.call.gateway.gate
        return await gate.why_not(self.call.who, deed, data_type=data_type, instance=instance) is None

    async def form(self) -> FormData:
        return await form_of(self.request)

    async def chosen(self, name: str) -> list[str]:
        """Every value of a field that may come several times."""
        return [value for value in (await self.form()).getlist(name) if isinstance(value, str)]

    async def fields(self) -> Mapping[str, str]:
        """The texts of the form, the last one of each name."""
        return {name: value for name, value in (await self.form()).multi_items() if isinstance(value, str)}


async def whose(request: Request, done: str = "") -> Visit | None:
    """The visit of whoever is signed in; None where nobody is."""
    gateway: Gateway = request.app.state.gateway
    cookie = request.cookies.get(COOKIE)
    session = await gateway.sessions.find(cookie) if cookie else None
    return Visit(request, Call(gateway, session.who), session, done) if session else None


async def _visit(request: Request, done: Annotated[str, Query(alias="said")] = "") -> Visit:
    visit = await whose(request, done)
    if visit is None:
        raise SignInNeeded
    request.state.who, request.state.visit = visit.session.who, visit
    only_known_parameters(request)
    if request.method not in READS:
        await _check(visit)
    return visit


async def form_of(request: Request) -> FormData:
    return await request.form(max_files=1, max_fields=MOST_FIELDS)


def is_from_here(request: Request) -> bool:
    """Whether a page of ours sent it, as far as the browser tells."""
    return request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")


async def _check(visit: Visit) -> None:
    """A change comes from a form of this session's own pages. Raises Refused, EarlierForm."""
    if not is_from_here(visit.request):
        raise Refused(*said("form.stale"))
    sent = (await visit.form()).get(CSRF)
    if isinstance(sent, str):
        if compare_digest(sent.encode(), visit.session.csrf.encode()):
            return
        marks, session = visit.call.gateway.marks, visit.session
        if marks.is_of(sent, session.who):
            raise EarlierForm(visit)
        if marks.is_of_another_org(sent, session.who):
            raise Refused(*said("form.other_org", org=session.org_name))
    raise Refused(*said("form.stale"))


Visited = Annotated[Visit, Depends(_visit)]
