"""What the sandbox offers beside the contract, under /sandbox: to set up the world, and to look into it."""

from dataclasses import asdict
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.enroll import answer
from services.sandbox.errors import ApiError
from services.sandbox.faults import FaultRule
from services.sandbox.students import DISTRICT_ID
from services.sandbox.validation import student_rules
from services.sandbox.world import Organization, OrganizationPatch, OrganizationSpec, World

_RULES = TypeAdapter(list[FaultRule])


class Login(BaseModel):
    """Who wants a token. `claims` overrule the usual ones, to make bad tokens."""

    model_config = ConfigDict(extra="forbid")

    org: str
    user: str
    claims: dict[str, Any] = Field(default_factory=dict)


class Forms(BaseModel):
    """Programs to assign an application form to."""

    model_config = ConfigDict(extra="forbid")

    programs: list[int] | None = None


class Decide(BaseModel):
    """Registrations by their ids; `status` as in `Register`."""

    model_config = ConfigDict(extra="forbid")

    ids: list[int]
    status: int


class Register(BaseModel):
    """Registrations to make; `status` is 1 approved, 0 denied, -1 in processing."""

    model_config = ConfigDict(extra="forbid")

    students: list[str]
    school_code: str
    school_year: int | None = None
    status: int = 1


class Page(BaseModel):
    """Which students to show."""

    key: str | None = None
    match_key: str = DISTRICT_ID
    school_year: int | None = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 100
    offset: Annotated[int, Field(ge=0)] = 0


class AdminApi:
    """The endpoints under /sandbox, over `world`. They need no token: the sandbox holds invented people only."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        org = "/sandbox/organizations/{org}"
        return [
            Route("/sandbox/tokens", self.log_in, methods=["POST"]),
            Route("/sandbox/tokens/rotate", self.rotate, methods=["POST"]),
            Route("/sandbox/faults", self.put_faults, methods=["PUT"]),
            Route("/sandbox/faults", self.get_faults, methods=["GET"]),
            Route("/sandbox/faults", self.clear_faults, methods=["DELETE"]),
            Route(org, self.put, methods=["PUT"]),
            Route(org, self.patch, methods=["PATCH"]),
            Route(org, self.get, methods=["GET"]),
            Route(org, self.forget, methods=["DELETE"]),
            Route(org + "/stats", self.stats, methods=["GET"]),
            Route(org + "/forms", self.assign_forms, methods=["PUT"]),
            Route(org + "/students", self.students, methods=["GET"]),
            Route(org + "/registrations", self.register, methods=["POST"]),
            Route(org + "/registrations", self.registrations, methods=["GET"]),
            Route(org + "/registrations", self.decide, methods=["PATCH"]),
            Route(org + "/{data_type}", self.records, methods=["GET"]),
        ]

    async def log_in(self, request: Request) -> Response:
        login = Login.model_validate(await _json(request))
        self._world.permissions(login.org, login.user)
        issuer = self._world.base_url or str(request.base_url).rstrip("/")
        return answer({"token": self._world.tokens.sign(issuer, login.org, login.user, login.claims)})

    async def rotate(self, _: Request) -> Response:
        return answer({"kid": self._world.tokens.rotate()})

    async def put_faults(self, request: Request) -> Response:
        self._world.faults.replace(_RULES.validate_python(await _json(request)))
        return await self.get_faults(request)

    async def get_faults(self, _: Request) -> Response:
        return answer(self._world.faults.report())

    async def clear_faults(self, _: Request) -> Response:
        self._world.faults.replace([])
        return Response(status_code=204)

    async def put(self, request: Request) -> Response:
        spec = OrganizationSpec.model_validate(await _json(request))
        return _shown(self._world.put(request.path_params["org"], spec))

    async def patch(self, request: Request) -> Response:
        patch = OrganizationPatch.model_validate(await _json(request))
        return _shown(self._world.patch(request.path_params["org"], patch))

    async def get(self, request: Request) -> Response:
        return _shown(self._world.organization(request.path_params["org"]))

    async def forget(self, request: Request) -> Response:
        self._world.forget(request.path_params["org"])
        return Response(status_code=204)

    async def stats(self, request: Request) -> Response:
        return answer(self._world.organization(request.path_params["org"]).stats())

    async def students(self, request: Request) -> Response:
        org = self._world.organization(request.path_params["org"])
        page = Page.model_validate(dict(request.query_params))
        if page.match_key not in student_rules().match_keys:
            raise ApiError(422, "match_key_unknown", "There is no such match key.")
        year = page.school_year if page.school_year is not None else org.spec.current_school_year
        students = org.students
        if page.key is None:
            shown = list(students.page(year, page.offset, page.limit))
        else:
            position = students.find(page.match_key, page.key)
            shown = [] if position is None else [students.show(position, year)]
        return answer({"total": len(students), "students": shown})

    async def assign_forms(self, request: Request) -> Response:
        """The application form of these programs (by id) is assigned; of every program where none is named."""
        org = self._world.organization(request.path_params["org"])
        named = Forms.model_validate(await _json(request)).programs
        org.forms |= set(named if named is not None else [one.id for one in org.tables["programs"].records])
        return answer({"programs": sorted(org.forms)})

    async def register(self, request: Request) -> Response:
        """Students, by district id, are registered at a school."""
        org = self._world.organization(request.path_params["org"])
        asked = Register.model_validate(await _json(request))
        year = asked.school_year or org.spec.current_school_year
        ids = []
        for key in asked.students:
            position = org.students.find(DISTRICT_ID, key)
            if position is None:
                raise ApiError(422, "student_unknown", "There is no such student.")
            ids.append(org.registrations.add(position, year, asked.school_code, asked.status).id)
        return answer({"ids": ids})

    async def decide(self, request: Request) -> Response:
        """Approve registrations, deny them, or take an approval back."""
        org = self._world.organization(request.path_params["org"])
        asked = Decide.model_validate(await _json(request))
        for one in org.registrations.all:
            if one.id in asked.ids:
                one.status = asked.status
        return answer({"ids": asked.ids})

    async def registrations(self, request: Request) -> Response:
        org = self._world.organization(request.path_params["org"])
        return answer({"registrations": [asdict(one) for one in org.registrations.all]})

    async def records(self, request: Request) -> Response:
        org = self._world.organization(request.path_params["org"])
        table = org.tables.get(request.path_params["data_type"])
        if table is None:
            raise ApiError(404, "data_type_unknown", "There is no such data type.")
        page = Page.model_validate(dict(request.query_params))
        year = page.school_year if page.school_year is not None else org.spec.current_school_year
        part = table.records[page.offset : page.offset + page.limit]
        shown = [{"id": str(one.id), "writes": one.writes, "values": table.values(one, year)} for one in part]
        return answer({"total": len(table), table.kind.data_type: shown})


def _shown(org: Organization) -> Response:
    return answer({"id": org.id, **org.spec.model_dump(mode="json")})


async def _json(request: Request) -> Any:
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise ApiError(400, "bad_request", "The body must be JSON.") from None
