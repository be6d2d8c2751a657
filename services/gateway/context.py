"""What the routes share: the runtime, the gate, who is acting, and what an address may ask for."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.runtime import Runtime
from shared.adapters.enroll_sites import PRODUCTION
from shared.engine.gate import Gate
from shared.model.codes import Code
from shared.model.connection import Connection, Instance
from shared.model.error_texts import said
from shared.model.errors import NotFound, Refused
from shared.model.permission import Deed, Identity
from shared.model.run import Run
from shared.security.marks import Marks
from shared.security.tokens import TokenReader
from shared.store.database import OrgStore
from shared.store.sessions import Sessions

T = TypeVar("T")
UNKNOWN = "unknown_parameter"
"""The type of the problem, beside those of Pydantic."""
_bearer = HTTPBearer(auto_error=False, description="The signed token that Enroll gives (docs/enroll-api.md).")


@dataclass(frozen=True, slots=True)
class Gateway:
    base: Runtime
    gate: Gate
    tokens: TokenReader
    sessions: Sessions
    marks: Marks


@dataclass(frozen=True, slots=True)
class Call:
    """One request of one person: all it can reach is that person's organization."""

    gateway: Gateway
    who: Identity

    @property
    def org(self) -> OrgStore:
        return self.gateway.base.store.org(self.who.org)

    async def may(
        self,
        deed: Deed,
        *,
        data_type: str = "",
        school_year: int | None = None,
        instance: Instance = PRODUCTION,
        subject: str = "",
    ) -> None:
        """`instance` is that of the connection it is about. Raises Refused, audited."""
        gate = self.gateway.gate
        await gate.pass_(
            self.who, deed, data_type=data_type, school_year=school_year, instance=instance, subject=subject
        )

    async def found(
        self, deed: Deed, look: Callable[[str], Awaitable[T]], id: str, *, data_type: str = "", subject: str = ""
    ) -> T:
        """What `look` finds by this id, for somebody who may do this about it.

        Whether they may is decided first, so that who may not learns nothing of what there is; and it is noted once, as
        it ended, before anything is done: of what is not there whoever answers notes that it was refused.

        Raises Refused, NotFound.
        """
        gate = self.gateway.gate
        why = await gate.why_not(self.who, deed, data_type=data_type)
        if why is None:
            found = await look(id)
            await gate.note(self.who, deed, subject or id, None)
            return found
        await gate.note(self.who, deed, subject or id, why)
        raise Refused(*said("permission.refused", why=why))

    async def connection(self, id: str) -> Connection:
        """Raises NotFound, also for another organization's, and for one that was deleted."""
        found = await self.known_connection(id)
        if found.deleted_at:
            raise NotFound(*said("connection.deleted", name=found.name))
        return found

    async def known_connection(self, id: str) -> Connection:
        """The same, also where it was deleted: then only what names it. Raises NotFound."""
        return await self.org.connections.known(id)

    async def field_codes(self, instance: Instance = PRODUCTION) -> dict[str, tuple[Code, ...]]:
        """Field codes of the person's organization in this Enroll. Raises BadSettings where there is no such Enroll."""
        return await self.gateway.base.enroll.directory(instance).field_codes(self.who.org)

    async def school_year(self, instance: Instance = PRODUCTION) -> int:
        """The one that this Enroll is in. Raises NotFound where it does not know the organization."""
        settings = await self.gateway.gate.switches(self.who.org, instance)
        if settings is None:
            raise NotFound(*said("enroll.not_found"))
        return settings.current_school_year

    async def run(self, id: str) -> Run:
        """Raises NotFound, also for another organization's."""
        return await self.org.runs.get(id)


async def _call(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Call:
    gateway: Gateway = request.app.state.gateway
    if credentials is None:
        raise Refused(*said("token.missing"))
    who = await gateway.tokens.identify(credentials.credentials)
    request.state.who = who
    only_known_parameters(request)
    return Call(gateway, who)


def only_known_parameters(request: Request) -> None:
    """Raises RequestValidationError where the address asks for what its route does not know: a misspelled `preview`
    would be a run in earnest."""
    if not request.query_params:
        return
    known = sorted(set(_parameters(request.scope["route"].dependant)))
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError([{"type": UNKNOWN, "loc": ("query", one), "known": known} for one in unknown])


def _parameters(dependant: Dependant) -> Iterator[str]:
    yield from (one.alias for one in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _parameters(inner)


AFTER = r"^(\d{10}|\d+:\d+|m(.|\n)*)$"
After = Annotated[
    str | None,
    Query(
        max_length=310,
        pattern=AFTER,
        description="The `cursor` of the last one of the page before.",
    ),
]
Base = Annotated[
    int | None,
    Query(
        ge=0,
        description="The version that this began from, 0 where there was none: refused (409, `saved.newer`) where "
        "another one has been saved since. Left out, it is saved over whatever is there.",
    ),
]
Limit = Annotated[int, Query(ge=1, le=200)]
Caller = Annotated[Call, Depends(_call)]
