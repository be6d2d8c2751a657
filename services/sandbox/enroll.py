"""Enroll's HTTP interface, as docs/enroll-api.md has it."""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.codes import field_codes
from services.sandbox.errors import JSON, ApiError
from services.sandbox.faults import FaultRule
from services.sandbox.removing import record_is_in_use, student_is_in_use
from services.sandbox.students import Batch
from services.sandbox.world import Organization, World
from shared.model.catalog import Catalog, catalog, data_types

MAX_RECORDS = 500
MAX_KEY_CHARS = 255
MAX_SEARCH = 100
STUDENTS = "students"
_NO_FAULT = FaultRule()
Work = Callable[[Organization, Catalog, Mapping[str, Any], Mapping[str, str]], bytes]


class EnrollApi:
    """The endpoints of the contract, over `world`."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        org = "/api/v1/organizations/{org}"
        return [
            Route("/.well-known/jwks.json", self.key_set, methods=["GET"]),
            Route(org + "/users/{user}/permissions", self.permissions, methods=["GET"]),
            Route(org + "/settings", self.settings, methods=["GET"]),
            Route(org + "/field-codes", self.field_codes, methods=["GET"]),
            Route(org + "/registrations:page", self.registrations, methods=["POST"]),
            Route(org + "/registrations:report", self.report, methods=["POST"]),
            Route(org + "/{data_type}:lookup", self.look_up, methods=["POST"]),
            Route(org + "/{data_type}:check", self.check, methods=["POST"]),
            Route(org + "/{data_type}:batch-upsert", self.upsert, methods=["POST"]),
            Route(org + "/{data_type}:remove", self.remove, methods=["POST"]),
        ]

    async def key_set(self, _: Request) -> Response:
        return answer(self._world.tokens.key_set())

    async def permissions(self, request: Request) -> Response:
        self._check_token(request)
        user = request.path_params["user"]
        return answer({"user": user, "permissions": self._world.permissions(request.path_params["org"], user)})

    async def settings(self, request: Request) -> Response:
        spec = self._organization(request).spec
        shown = {"current_school_year", "sync_import_years", "registration_module"}
        return answer(spec.model_dump(mode="json", include=shown))

    async def field_codes(self, request: Request) -> Response:
        return answer({"codes": field_codes(self._organization(request))})

    async def look_up(self, request: Request) -> Response:
        org, about = self._organization(request), _data_type(request)
        body = _parse(await request.body())
        year, match_key = _whole(body, "school_year"), _match_key(body, about)
        keys, fields = _texts(body, "keys", MAX_RECORDS), _texts(body, "fields", len(about.fields))
        for name in fields:
            if name not in about.fields:
                raise ApiError(422, "field_unknown", f"There is no field {name}.")
        org.counts.lookups += 1
        held = org.students if about.data_type == STUDENTS else org.tables[about.data_type]
        return answer({about.data_type: list(held.look_up(year, match_key, keys, fields))})

    async def registrations(self, request: Request) -> Response:
        org = self._organization(request)
        body = _parse(await request.body())
        if not org.spec.registration_module:
            raise ApiError(422, "registration_off", "The Registration module is off.")
        year, after, limit = (_whole(body, name) for name in ("school_year", "after", "limit"))
        fields = _texts(body, "fields", MAX_RECORDS)
        if not isinstance(body.get("student", ""), str):
            raise ApiError(400, "bad_request", "`student` must be text.")
        for name in ("registrations", "school_codes", "export_statuses"):
            if not isinstance(body.get(name, []), list):
                raise ApiError(400, "bad_request", f"`{name}` must be a list.")
        if not isinstance(search := body.get("search", ""), str) or len(search) > MAX_SEARCH:
            raise ApiError(400, "bad_request", f"`search` must be text of at most {MAX_SEARCH} characters.")
        shown, following = org.registrations.page(year, after, min(limit, MAX_RECORDS), fields, body)
        return answer({"registrations": shown, "next": following})

    async def report(self, request: Request) -> Response:
        org = self._organization(request)
        results = _parse(await request.body()).get("results")
        if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
            raise ApiError(400, "bad_request", "`results` must be a list of objects.")
        return answer({"results": list(org.registrations.report(results))})

    async def check(self, request: Request) -> Response:
        """What a batch-upsert of these records would answer; nothing is changed."""
        org, about = self._organization(request), _data_type(request)
        body = _parse(await request.body())
        records = _records(body)
        results = _results(org, about, body, records, {}, dry=True)
        return answer({"results": results})

    async def upsert(self, request: Request) -> Response:
        return await self._once(request, _apply)

    async def remove(self, request: Request) -> Response:
        body = _parse(await request.body())
        if body.get("dry_run"):
            org, about = self._organization(request), _data_type(request)
            return answer({"results": _removed(org, about, body, _records(body), dry=True)})
        return await self._once(request, _take_out)

    async def _once(self, request: Request, work: Work) -> Response:
        org, about = self._organization(request), _data_type(request)
        key = request.headers.get("idempotency-key", "")
        if not 0 < len(key) <= MAX_KEY_CHARS:
            raise ApiError(400, "idempotency_key_missing", "This call needs an Idempotency-Key.")
        raw = await request.body()
        body = _parse(raw)
        first = org.answers.claim(key, hashlib.blake2b(raw, digest_size=16).digest())
        if first is not None:
            org.counts.replayed += 1
            return Response(first, media_type=JSON)
        fault: FaultRule = request.scope.get("state", {}).get("fault", _NO_FAULT)
        try:
            await asyncio.sleep(fault.hold)
            results = work(org, about, body, fault.reject_fields)
        except BaseException:
            org.answers.release(key)
            raise
        org.answers.keep(key, results)
        return Response(results, media_type=JSON)

    def _organization(self, request: Request) -> Organization:
        self._check_token(request)
        return self._world.organization(request.path_params["org"])

    def _check_token(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        expected = self._world.service_token.encode()
        good = hmac.compare_digest(token.strip().encode(), expected)
        if not (good and expected and scheme.lower() == "bearer"):
            raise ApiError(401, "unauthorized", "The service token is refused.", {"WWW-Authenticate": "Bearer"})


def answer(body: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(body), status, media_type=JSON)


def _apply(org: Organization, about: Catalog, body: Mapping[str, Any], rejected: Mapping[str, str]) -> bytes:
    records = _accepted(org, about, body)
    return _counted(org, _results(org, about, body, records, rejected, dry=False))


def _take_out(org: Organization, about: Catalog, body: Mapping[str, Any], _: Mapping[str, str]) -> bytes:
    records = _accepted(org, about, body)
    return _counted(org, _removed(org, about, body, records, dry=False))


def _removed(org: Organization, about: Catalog, body: Mapping[str, Any], records: list[Any], *, dry: bool) -> list[Any]:
    year, match_key = _whole(body, "school_year"), _match_key(body, about)
    shape = {"key": str, "id": str, "values": dict}
    for one in records:
        if not isinstance(one, dict) or any(not isinstance(one.get(name), kind) for name, kind in shape.items()):
            raise ApiError(400, "bad_request", "A record needs a key, an id and values.")
    if about.data_type == STUDENTS:
        in_use = partial(student_is_in_use, org)
        return [org.students.remove(Batch(year, match_key), one, in_use, dry=dry) for one in records]
    table, hangs = org.tables[about.data_type], partial(record_is_in_use, org, about.data_type)
    return [table.remove(year, one, hangs, dry=dry) for one in records]


def _accepted(org: Organization, about: Catalog, body: Mapping[str, Any]) -> list[Any]:
    """The records of a call that may write; its sequence is noted."""
    year, connection, sequence = _whole(body, "school_year"), body.get("connection"), _whole(body, "sequence")
    _match_key(body, about)
    if not isinstance(connection, str) or not connection:
        raise ApiError(400, "bad_request", "`connection` must be text.")
    records = _records(body)
    if year not in org.spec.sync_import_years:
        raise ApiError(422, "import_disabled", f"Enable Sync Import for Year {year} is off.")
    org.sequences.advance(connection, about.data_type, sequence)
    return records


def _counted(org: Organization, results: list[Any]) -> bytes:
    counts = org.counts
    counts.batches += 1
    for result in results:
        status = result["status"]
        setattr(counts, status, getattr(counts, status) + 1)
    return orjson.dumps({"results": results})


def _results(
    org: Organization,
    about: Catalog,
    body: Mapping[str, Any],
    records: list[Any],
    rejected: Mapping[str, str],
    *,
    dry: bool,
) -> list[Any]:
    year, match_key = _whole(body, "school_year"), _match_key(body, about)
    if about.data_type == STUDENTS:
        batch = Batch(year, match_key, rejected)
        return [org.students.upsert(batch, record, dry=dry) for record in records]
    table = org.tables[about.data_type]
    return [table.upsert(year, match_key, record, dry=dry) for record in records]


def _records(body: Mapping[str, Any]) -> list[Any]:
    records = body.get("records")
    if not isinstance(records, list):
        raise ApiError(400, "bad_request", "`records` must be a list.")
    if len(records) > MAX_RECORDS:
        raise ApiError(422, "too_many", f"`records` may hold at most {MAX_RECORDS}.")
    return records


def _data_type(request: Request) -> Catalog:
    name = request.path_params["data_type"]
    if name not in data_types():
        raise ApiError(404, "data_type_unknown", "There is no such data type.")
    return catalog(name)


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise ApiError(400, "bad_request", "The body must be a JSON object in UTF-8.")
    return body


def _whole(body: Mapping[str, Any], name: str) -> int:
    value = body.get(name)
    if type(value) is not int or value < 0:
        raise ApiError(400, "bad_request", f"`{name}` must be a whole number.")
    return value


def _match_key(body: Mapping[str, Any], about: Catalog) -> str:
    value, known = body.get("match_key"), ["+".join(key) for key in about.match_keys]
    if not isinstance(value, str) or value not in known:
        raise ApiError(422, "match_key_unknown", "`match_key` must be one of: " + ", ".join(known) + ".")
    return value


def _texts(body: Mapping[str, Any], name: str, most: int) -> list[str]:
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ApiError(400, "bad_request", f"`{name}` must be a list of texts.")
    if len(value) > most:
        raise ApiError(422, "too_many", f"`{name}` may hold at most {most}.")
    return value
