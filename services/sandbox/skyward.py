"""A simulated Skyward Qmlativ: token, metadata, pages, searches, and writes, one object at a time.

Source: SIS facts, section 3. Without searchFields only the primary key comes back, a field that may not be read fails
the call, PUT creates and POST updates, and an expired token is a 403, or a 400 that says so.
"""

import hmac
import time
import uuid
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qs, unquote

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.errors import JSON
from services.sandbox.oauth1 import is_signed, is_signed_by
from services.sandbox.skyward_district import (
    COMPUTED,
    COMPUTED_OF_TEXTS,
    ENROLLED,
    NAME,
    SCHEMA,
    SCHEMA_OF_TEXTS,
    THIS_YEAR,
    Settlement,
    moment,
    visible,
)
from services.sandbox.skyward_objects import Json, Objects, Table
from services.sandbox.skyward_search import Refusal

EXPIRED = "Token has expired"
MAX_NAME = 50
TREES = ("Generic", "Custom")


class SkywardSpec(BaseModel):
    """A server as a test or a demo asks for it.

    `forbidden`: fields (`Module/Object.Field`) whose reading fails the call, and whole objects (`Module/Object`, 403).
    `read_only`: objects that may not be written. `left_every`: every so many students one has left.
    `token_life` is in seconds; with `token_calls` a token is good for so many calls as well. `expired` is what is
    answered when it is not. `logins`: how the credentials may come. `nested`: related objects are not flattened.
    `paging`: "next" as it should be, "repeats" where the last page points at itself, "bare" where Next loses the
    query, "none" where there is no Paging. `numbers`: whether the server gives a new student its number.
    `dropped`: fields of names that are ignored when they are written. `gender`: which of the two fields may be written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    students: int = Field(default=20, ge=0, le=50_000)
    seed: int = 1
    client_id: str = "client"
    client_secret: str = Field(default="secret")
    page_cap: int = Field(default=100_000, ge=1)
    token_life: float = 3600
    token_calls: int | None = Field(default=None, ge=1)
    expired: Literal[400, 403] = 403
    logins: tuple[Literal["basic", "form", "get", "oauth1"], ...] = ("basic", "form", "get", "oauth1")
    forbidden: tuple[str, ...] = ()
    read_only: tuple[str, ...] = ()
    left_every: int = Field(default=0, ge=0)
    nested: bool = False
    paging: Literal["next", "repeats", "bare", "none"] = "next"
    numbers: bool = True
    dropped: tuple[str, ...] = ()
    gender: Literal["GenderCode", "Gender"] = "GenderCode"


class SkywardServer:
    """One district's server."""

    def __init__(self, spec: SkywardSpec) -> None:
        self.spec = spec
        schema, computed = (SCHEMA, COMPUTED) if spec.gender == "GenderCode" else (SCHEMA_OF_TEXTS, COMPUTED_OF_TEXTS)
        self.objects = Objects(schema, computed, spec.forbidden)
        self._tokens: dict[str, tuple[float, int]] = {}
        Settlement(self.objects, spec.left_every).add(spec.students, spec.seed)

    def issue(self) -> str:
        token = uuid.uuid4().hex
        self._tokens[token] = (time.monotonic() + self.spec.token_life, self.spec.token_calls or 1_000_000_000)
        return token

    def takes(self, token: str) -> bool:
        until, calls = self._tokens.get(token, (0.0, 0))
        self._tokens[token] = (until, calls - 1)
        return calls > 0 and until > time.monotonic()

    def create(self, path: str, values: Mapping[str, Any]) -> Json:
        values = self._taken(path, values)
        if path == "Student/Student":
            values = self._numbered(values)
        row = self.objects.create(path, values)
        return self.stamped(path, row, "CreatedTime", "ModifiedTime")

    def change(self, path: str, id: int, values: Mapping[str, Any]) -> Json:
        if path == "Student/Student" and values.get("StudentNumber"):
            self._free(values["StudentNumber"], id)
        return self.stamped(path, self.objects.change(path, id, self._taken(path, values)), "ModifiedTime")

    def _taken(self, path: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is dropped is left out, what is too long refused."""
        if path != NAME:
            return values
        if long := [name for name, value in values.items() if len(str(value)) > MAX_NAME]:
            raise Refusal(f"{', '.join(long)} of {path} is too long.")
        return {name: value for name, value in values.items() if name not in self.spec.dropped}

    def people(self) -> list[Json]:
        """Every student with the objects that belong to them: for tests to look at."""
        tables = self.objects.tables
        return [
            {
                **row,
                "Name": tables[NAME].rows[row["NameID"]],
                "Enrollments": tables[ENROLLED].referring("StudentID", id),
                "Guardians": [
                    tables[NAME].rows[one["NameIDGuardian"]]
                    for one in tables["Family/StudentGuardian"].referring("StudentID", id)
                ],
                "Addresses": len(tables["Demographics/NameAddress"].referring("NameID", row["NameID"])),
                "Phones": len(tables["Demographics/NamePhone"].referring("NameID", row["NameID"])),
            }
            for id, row in tables["Student/Student"].rows.items()
        ]

    def _numbered(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        given = values.get("StudentNumber")
        if given:
            self._free(given)
            return values
        if not self.spec.numbers:
            raise Refusal("StudentNumber of Student/Student is required.")
        row = next(iter(self.objects.tables["Student/NextStudentNumber"].rows.values()))
        number = row["SequenceNumber"]
        self.objects.change(
            "Student/NextStudentNumber", row["NextStudentNumberID"], {"SequenceNumber": number + 1}, trusted=True
        )
        return {**values, "StudentNumber": f"{row['MaskPrefix']}{number}"}

    def _free(self, number: Any, own: int = 0) -> None:
        rows = self.objects.tables["Student/Student"].rows.items()
        if any(row["StudentNumber"] == number and id != own for id, row in rows):
            raise Refusal("StudentNumber of Student/Student is taken.")

    def stamped(self, path: str, row: Json, *names: str) -> Json:
        table = self.objects.table(path)
        row.update({name: moment() for name in names if name in table.columns})
        return row


class SkywardApi:
    """The routes of all servers, and what tests do to them."""

    def __init__(self) -> None:
        self._servers: dict[str, SkywardServer] = {}

    def routes(self) -> list[Route]:
        base = "/skyward/{name}"
        routes = [
            Route("/sandbox/skyward/{name}", self.put, methods=["PUT"]),
            Route("/sandbox/skyward/{name}", self.stats, methods=["GET"]),
            Route("/sandbox/skyward/{name}/objects/{module}/{object}/{id:int}", self.patch, methods=["PATCH"]),
            Route(base + "/oauth/token", self.token, methods=["GET", "POST"]),
            Route(base + "/Custom/GetSystemMetadata", self._guarded(self.system), methods=["GET"]),
        ]
        for tree in TREES:
            place = f"{base}/{tree}/{{entity:int}}/{{module}}"
            routes += [
                Route(place, self._guarded(self.module), methods=["GET"]),
                Route(place + "/{object}", self._guarded(self.about), methods=["GET"]),
                Route(place + "/{object}", self._guarded(self.create), methods=["PUT"]),
                Route(place + "/{object}/{id:int}", self._guarded(self.one), methods=["GET"]),
                Route(place + "/{object}/{id:int}", self._guarded(self.change), methods=["POST"]),
                Route(place + "/{object}/{id:int}", self._guarded(self.delete), methods=["DELETE"]),
                Route(place + "/{object}/{page:int}/{size:int}", self._guarded(self.page), methods=["GET", "POST"]),
            ]
        return routes

    async def put(self, request: Request) -> Response:
        spec = SkywardSpec.model_validate(orjson.loads(await request.body()))
        self._servers[request.path_params["name"]] = SkywardServer(spec)
        return Response(status_code=204)

    async def stats(self, request: Request) -> Response:
        """Every student, and how many names there are."""
        server = self._servers[request.path_params["name"]]
        return _answer({"students": server.people(), "names": len(server.objects.tables[NAME].rows)})

    async def patch(self, request: Request) -> Response:
        """Values of one object, those that are read-only among them."""
        about = request.path_params
        values = orjson.loads(await request.body())
        try:
            path = f"{about['module']}/{about['object']}"
            server = self._servers[about["name"]]
            server.stamped(path, server.objects.change(path, about["id"], values, trusted=True), "ModifiedTime")
        except Refusal as refusal:
            return _failure(refusal.status, str(refusal))
        return Response(status_code=204)

    async def token(self, request: Request) -> Response:
        """By POST or GET with Basic, or by POST with both in the form."""
        server = self._servers.get(request.path_params["name"])
        if server is None:
            return Response("<html><title>404 - File or directory not found.</title></html>", 404)
        given = parse_qs((await request.body()).decode() or request.url.query)
        asked = {name: values[0] for name, values in given.items()}
        basic = _basic(request.headers.get("authorization", ""))
        style = "get" if request.method == "GET" else "basic" if basic else "form"
        id, secret = basic or (asked.get("client_id", ""), asked.get("client_secret", ""))
        if request.method == "GET" and not basic:
            return _failure(401, "invalid_client")
        if asked.get("grant_type") != "client_credentials":
            return _failure(400, "unsupported_grant_type")
        known = id == server.spec.client_id and hmac.compare_digest(secret.encode(), server.spec.client_secret.encode())
        if style not in server.spec.logins or not known:
            return _failure(401, "invalid_client")
        return _answer({"access_token": server.issue(), "token_type": "bearer", "expires_in": server.spec.token_life})

    def _guarded(self, answer: Callable[["_Call"], Any]) -> Any:
        async def guarded(request: Request) -> Response:
            server = self._servers.get(request.path_params["name"])
            if server is None:
                return Response("<html><title>404 - File or directory not found.</title></html>", 404)
            body = await request.body()
            if is_signed(request):
                known = is_signed_by(request, body, server.spec.client_id, server.spec.client_secret)
                if not known or "oauth1" not in server.spec.logins:
                    return _failure(401, "invalid_signature")
            elif not server.takes(request.headers.get("authorization", "").partition(" ")[2]):
                return _failure(server.spec.expired, EXPIRED if server.spec.expired == 400 else "Forbidden")
            try:
                return _answer(answer(_Call(server, request, body)))
            except Refusal as refusal:
                return _failure(refusal.status, str(refusal))

        return guarded

    def system(self, call: "_Call") -> Json:
        year = call.objects.tables["District/SchoolYear"].rows[THIS_YEAR]
        district = {"DistrictID": 1, "EntityID": 1, "Code": "000", "Name": "Mesa Verde Unified"}
        about = {"Code": "000", "EntityID": 1, "Name": "Mesa Verde Unified", "href": "/Generic/1"}
        return {"System": {**about, "Districts": [{**district, "SchoolYearCurrent": year}]}}

    def module(self, call: "_Call") -> Json:
        names = [path.partition("/") for path in call.objects.tables]
        found = [object for module, _, object in names if module == call.params["module"]]
        if not found:
            raise Refusal("There is no such module.", 404)
        place = f"/{call.tree}/{call.entity}/{call.params['module']}"
        return {object: [{"href": f"{place}/{object}"}] for object in found}

    def about(self, call: "_Call") -> Json:
        return call.objects.about(call.path)

    def page(self, call: "_Call") -> Json:
        """Next has the path and the query, and not the body of a search."""
        table, spec = call.table, call.server.spec
        names = call.names()
        number, size = call.params["page"], min(call.params["size"], spec.page_cap)
        if number < 1 or size < 1:
            raise Refusal("Pages begin at 1 and have at least one object.")
        rows = call.objects.find(call.path, call.body, (call.entity, call.year), call.visible)
        shown = rows[(number - 1) * size : number * size]
        answer: Json = {"Objects": [call.objects.shown(table, row, names, spec.nested) for row in shown]}
        if spec.paging == "none":
            return answer
        more = number * size < len(rows)
        following = number + 1 if more else number
        query = f"?{call.query}" if call.query and spec.paging != "bare" else ""
        link = f"/{call.tree}/{call.entity}/{call.path}/{following}/{size}{query}"
        return {**answer, "Paging": {"Next": link if more or spec.paging == "repeats" else ""}}

    def one(self, call: "_Call") -> Json:
        return call.shown(call.row())

    def create(self, call: "_Call") -> Json:
        call.writable()
        return call.shown(call.server.create(call.path, call.data()))

    def change(self, call: "_Call") -> Json:
        call.writable()
        row = call.row()
        return call.shown(call.server.change(call.path, row[call.table.key], call.data()))

    def delete(self, call: "_Call") -> Json:
        call.writable()
        row = call.row()
        call.objects.delete(call.path, row[call.table.key])
        return {}


class _Call:
    """One call with a token that is good."""

    def __init__(self, server: SkywardServer, request: Request, body: bytes) -> None:
        self.server = server
        self.objects = server.objects
        self.params = request.path_params
        self.query = request.url.query
        self.tree = request.url.path.split("/")[3]
        self.entity = int(self.params.get("entity", 1))
        self.path = f"{self.params.get('module')}/{self.params.get('object')}"
        self._asked = request.query_params.multi_items()
        self.year = request.query_params.get("SchoolYearID", "")
        try:
            self.body = orjson.loads(body) if body else None
        except orjson.JSONDecodeError:
            raise Refusal("The body is not JSON.") from None
        if self.entity not in self.objects.tables["District/Entity"].rows:
            raise Refusal(f"There is no entity {self.entity}.", 404)
        if self.path in server.spec.forbidden:
            raise Refusal(f"Access to {self.path} is denied.", 403)

    @property
    def table(self) -> Table:
        return self.objects.table(self.path)

    def names(self) -> list[str]:
        """What is asked for, as `searchFields=A&searchFields=B` or as `searchFields[0]=A`."""
        found = [value for name, value in self._asked if name.partition("[")[0].casefold() == "searchfields"]
        self.objects.readable(self.table, found)
        return found

    def visible(self, row: Json) -> bool:
        year = row.get("SchoolYearID")
        if self.year and year is not None and str(year) != self.year:
            return False
        return self._scope(row)

    @cached_property
    def _scope(self) -> Callable[[Json], bool]:
        return visible(self.objects, self.path, self.entity)

    def row(self) -> Json:
        row = self.table.rows.get(self.params["id"])
        if row is None or not self._scope(row):
            raise Refusal(f"There is no {self.path} {self.params['id']}.", 404)
        return row

    def shown(self, row: Json) -> Json:
        return self.objects.shown(self.table, row, self.names(), self.server.spec.nested)

    def data(self) -> Mapping[str, Any]:
        self.names()  # what cannot be answered is refused before anything is written
        data = self.body.get("DataObject") if isinstance(self.body, dict) else None
        if not isinstance(data, dict):
            raise Refusal("There is no DataObject.")
        return data

    def writable(self) -> None:
        if self.path in self.server.spec.read_only:
            raise Refusal(f"Writing {self.path} is denied.", 403)


def _basic(header: str) -> tuple[str, str] | None:
    """Key and secret may be URL-encoded."""
    scheme, _, text = header.partition(" ")
    try:
        id, _, secret = b64decode(text, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError):
        return None
    return (unquote(id), unquote(secret)) if scheme.casefold() == "basic" else None


def _answer(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type=JSON)


def _failure(status: int, message: str) -> Response:
    return Response(orjson.dumps({"error": message}), status, media_type=JSON)
