"""A simulated OneRoster server, 1.1 and 1.2: token, collections, paging, filters, and its manners on demand.

Source: SIS facts, section 4. Its manners: a page size that is capped in silence, no total, no links.
"""

import hmac
import operator
import re
import time
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.errors import JSON
from services.sandbox.oauth1 import is_signed, is_signed_by
from services.sandbox.oneroster_district import OneRosterServer, OneRosterSpec

DEFAULT_LIMIT = 100
PLACES = {"1.1": "ims/oneroster/v1p1", "1.2": "ims/oneroster/rostering/v1p2"}
Json = dict[str, Any]
Version = Literal["1.1", "1.2"]

_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    "~": lambda held, sought: sought in held,
}
_TERM = re.compile(r"\s*([A-Za-z.]+)(!=|>=|<=|=|>|<|~)'([^']*)'\s*")
_SINGLE = {
    "orgs": "org",
    "users": "user",
    "demographics": "demographics",
    "classes": "class",
    "courses": "course",
    "enrollments": "enrollment",
    "academicSessions": "academicSession",
}
TOKENS = ("/token", "/oauth/token", "/oauth2/token")


class OneRosterApi:
    """The routes of all servers, and what tests do to them."""

    def __init__(self) -> None:
        self._servers: dict[str, OneRosterServer] = {}

    def routes(self) -> list[Route]:
        found = [
            Route("/sandbox/oneroster/{name}", self.put, methods=["PUT"]),
            Route("/sandbox/oneroster/{name}/users/{id}", self.patch, methods=["PATCH"]),
            *(Route(f"/oneroster/{{name}}{place}", self.token, methods=["POST"]) for place in TOKENS),
        ]
        for version, place in PLACES.items():
            base = f"/oneroster/{{name}}/{place}"
            found += [
                *(Route(base + place, self.token, methods=["POST"]) for place in ("/token", "/Token")),
                Route(base + "/{collection}", self._listing(version), methods=["GET"]),
                Route(base + "/{of}/{id}/{collection}", self._listing(version), methods=["GET"]),
                Route(base + "/schools/{id}/{of}/{own}/{collection}", self._listing(version), methods=["GET"]),
                Route(base + "/{collection}/{id}", self._single(version), methods=["GET"]),
            ]
        return found

    async def put(self, request: Request) -> Response:
        spec = OneRosterSpec.model_validate(orjson.loads(await request.body()))
        self._servers[request.path_params["name"]] = OneRosterServer(spec)
        return Response(status_code=204)

    async def patch(self, request: Request) -> Response:
        server = self._servers[request.path_params["name"]]
        for user in server.tables["users"]:
            if user["sourcedId"] == request.path_params["id"]:
                now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
                user.update({"dateLastModified": now, **orjson.loads(await request.body())})
        return Response(status_code=204)

    async def token(self, request: Request) -> Response:
        server = self._servers.get(request.path_params["name"])
        given = parse_qs((await request.body()).decode() or request.url.query)
        form = {name: values[0] for name, values in given.items()}
        if server is None or form.get("grant_type") != "client_credentials":
            return _answer({"error": "invalid_request"}, 400)
        if not _logged_in(request.headers.get("authorization", ""), form, server.spec):
            return _answer({"error": "invalid_client"}, 401)
        asked = [scope for scope in form.get("scope", "").split() if scope.rpartition("/")[2] in server.spec.scopes]
        body = {"access_token": server.issue(), "token_type": "bearer", "expires_in": server.spec.expires_in}
        return _answer({**body, "scope": " ".join(asked)})

    def _listing(self, version: str) -> Any:
        async def listing(request: Request) -> Response:
            server = self._servers.get(request.path_params["name"])
            refusal = _refusal(server, request, version)
            if server is None or refusal is not None:
                return refusal or _failure(404, "unknownobject", "There is no such server.")
            about = request.path_params
            name = about["collection"]
            found = server.collection(name, about.get("of", ""), about.get("own", about.get("id", "")))
            if found is None:
                return _failure(404, "unknownobject", "There is no such collection.")
            if name == "demographics" and "roster-demographics.readonly" not in server.spec.scopes:
                return _failure(403, "forbidden", "The scope was not granted.")
            wrapper, rows = found
            try:
                rows = _filtered([_shaped(one, version) for one in rows], request.query_params.get("filter"))
            except ValueError:
                return _failure(400, "invalid_filter_field", "The filter cannot be read.")
            return _page(server.spec, request, wrapper, rows)

        return listing

    def _single(self, version: str) -> Any:
        async def single(request: Request) -> Response:
            server = self._servers.get(request.path_params["name"])
            refusal = _refusal(server, request, version)
            if server is None or refusal is not None:
                return refusal or _failure(404, "unknownobject", "There is no such server.")
            found = server.collection(request.path_params["collection"])
            wrapper, rows = found or ("", [])
            one = next((row for row in rows if row["sourcedId"] == request.path_params["id"]), None)
            if one is None:
                return _failure(404, "unknownobject", "There is no such object.")
            return _answer({_SINGLE[wrapper]: _shaped(one, version)})

        return single


def _shaped(one: Json, version: str) -> Json:
    """1.2 has roles in place of role and orgs; 1.1 knows two sexes alone."""
    if version == "1.1" and one.get("sex") == "other":
        return {name: value for name, value in one.items() if name != "sex"}
    if version == "1.1" or "orgs" not in one:
        return one
    rest = {name: value for name, value in one.items() if name not in ("role", "orgs")}
    org = one["orgs"][0]
    return {**rest, "primaryOrg": org, "roles": [{"roleType": "primary", "role": one["role"], "org": org}]}


def _refusal(server: OneRosterServer | None, request: Request, version: str) -> Response | None:
    """Calls to 1.1 may be signed in place of having a token."""
    if server is not None and version == "1.1" and is_signed(request):
        known = is_signed_by(request, b"", server.spec.client_id, server.spec.client_secret)
        return None if known else _failure(401, "unauthorisedrequest", "The signature is wrong.")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    held = server.tokens.get(token, 0.0) if server is not None else 0.0
    if scheme.lower() != "bearer" or held < time.monotonic():
        return _failure(401, "unauthorisedrequest", "The token is missing, wrong or has expired.")
    return None


def _filtered(rows: list[Json], text: str | None) -> list[Json]:
    """Raises ValueError where the filter is not one of the standard's: at most one AND or OR."""
    if not text:
        return rows
    joint = " OR " if " OR " in text else " AND "
    terms = [_TERM.fullmatch(part) for part in text.split(joint)]
    if len(terms) > 2 or not all(terms):
        raise ValueError(text)
    tests = [(one[1], _OPERATORS[one[2]], one[3]) for one in terms if one is not None]
    among = any if joint == " OR " else all
    return [row for row in rows if among(test(str(row.get(name) or ""), sought) for name, test, sought in tests)]


def _page(spec: OneRosterSpec, request: Request, wrapper: str, rows: Sequence[Json]) -> Response:
    try:
        limit = min(int(request.query_params.get("limit", DEFAULT_LIMIT)), spec.page_cap)
        offset = int(request.query_params.get("offset", 0))
    except ValueError:
        return _failure(400, "invaliddata", "limit and offset are whole numbers.")
    if not spec.pages:
        limit, offset = len(rows), 0
    headers = {"X-Total-Count": str(len(rows))} if spec.total else {}
    if spec.links and offset + limit < len(rows):
        sent = request.scope["raw_path"].decode("latin-1")  # as it was asked, whatever it was taken for
        url = request.url.replace(path=sent).include_query_params(limit=limit, offset=offset + limit)
        headers["Link"] = f'<{url}>; rel="next"'
    return _answer({wrapper: list(rows[offset : offset + limit])}, headers=headers)


def _logged_in(header: str, form: Mapping[str, str], spec: OneRosterSpec) -> bool:
    scheme, _, text = header.partition(" ")
    try:
        id, _, secret = b64decode(text, validate=True).decode().partition(":") if scheme == "Basic" else ("", "", "")
    except (NotBase64, UnicodeDecodeError):
        return False
    id, secret = id or form.get("client_id", ""), secret or form.get("client_secret", "")
    return id == spec.client_id and hmac.compare_digest(secret.encode(), spec.client_secret.encode())


def _answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, JSON)


def _failure(status: int, minor: str, text: str) -> Response:
    field = {"imsx_codeMinorFieldName": "TargetEndSystem", "imsx_codeMinorFieldValue": minor}
    info = {"imsx_codeMajor": "failure", "imsx_severity": "error", "imsx_description": text}
    return _answer({"imsx_StatusInfo": {**info, "imsx_CodeMinor": {"imsx_codeMinorField": [field]}}}, status)
