"""A simulated PowerSchool: token, metadata, schools, students and contacts, with the JSON it makes of XML.

Source: SIS facts, section 1. One item stands alone where a list is meant, an empty group is `""`, a key without a value
is absent, what looks like a number has no quotes, and `expires_in` is a text.
"""

import hmac
import time
from base64 import b64decode
from binascii import Error as NotBase64
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox import powerschool_contacts, powerschool_schema
from services.sandbox.powerschool_answers import answer, group, listed, made_of_xml, not_found, paged, student_of
from services.sandbox.powerschool_codes import code_lists
from services.sandbox.powerschool_district import PowerSchoolServer, PowerSchoolSpec
from services.sandbox.powerschool_search import at, fits, terms, text

Json = dict[str, Any]
_GROUPS = (
    *("demographics", "addresses", "phones", "school_enrollment", "ethnicity_race"),
    *("contact", "contact_info", "initial_enrollment", "schedule_setup", "alerts", "fees", "lunch"),
)
OPEN = ("/ws/v1/metadata", "/ws/v1/time")
"""What is answered without a token too."""
SIZES = ("student", "school", "staff", "section", "section_enrollment", "course", "term", "schema_table_query")
WRAPPERS = {"staff": "staffs", "course": "courses", "section": "sections", "term": "terms"}
"""What a school has and nobody here does, to the wrappers of their lists."""
EXPIRED = 'Bearer error="invalid_token",realm="PowerSchool",error_description="The access token has expired"'


class PowerSchoolApi:
    """The routes of all servers, and what tests do to them."""

    def __init__(self) -> None:
        self._servers: dict[str, PowerSchoolServer] = {}

    def routes(self) -> list[Route]:
        base = "/powerschool/{name}"
        get = {
            "/ws/v1/metadata": self.metadata,
            "/ws/v1/time": self.time,
            "/ws/v1/event_subscription": self.subscription,
            "/ws/v1/district": self.district,
            "/ws/v1/school": self.schools,
            "/ws/v1/school/{school}": self.school,
            "/ws/v1/district/school": self.schools,
            "/ws/v1/district/school/count": self.count_schools,
            "/ws/v1/district/student": self.students,
            "/ws/v1/district/student/count": self.count_students,
            "/ws/v1/school/{school}/student": self.students,
            "/ws/v1/school/{school}/student/count": self.count_students,
            "/ws/v1/school/{school}/{what}": self.nothing,
            "/ws/v1/school/{school}/{what}/count": self.count_nothing,
            "/ws/v1/student/{id}": self.student,
            **powerschool_schema.READ,
            **powerschool_contacts.READ,
        }
        write = {
            ("POST", "/ws/v1/student"): self.save,
            ("PUT", "/ws/v1/event_subscription"): self.subscribe,
            ("DELETE", "/ws/v1/event_subscription"): self.unsubscribe,
            **powerschool_schema.WRITE,
            **powerschool_contacts.WRITE,
        }
        return [
            Route("/sandbox/powerschool/{name}", self.put, methods=["PUT"]),
            Route("/sandbox/powerschool/{name}/students/{id}", self.patch, methods=["PATCH"]),
            *(Route(base + f"/oauth/access_token{end}", self.token, methods=["POST"]) for end in ("", "/")),
            *(Route(base + path, self._guarded(path, read), methods=["GET"]) for path, read in get.items()),
            *(Route(base + path, self._written(path, make), methods=[how]) for (how, path), make in write.items()),
            Route("/sandbox/powerschool/{name}", self.stats, methods=["GET"]),
        ]

    async def put(self, request: Request) -> Response:
        spec = PowerSchoolSpec.model_validate(orjson.loads(await request.body()))
        self._servers[request.path_params["name"]] = PowerSchoolServer(spec)
        return Response(status_code=204)

    async def patch(self, request: Request) -> Response:
        """Values of one student, group by group."""
        server = self._servers[request.path_params["name"]]
        found = student_of(server, request)
        for name, values in orjson.loads(await request.body()).items():
            if found is not None:
                found[name] = {**found[name], **values} if isinstance(values, dict) else values
                server.touch(found["id"])
        return Response(status_code=204)

    async def token(self, request: Request) -> Response:
        server = self._servers.get(request.path_params["name"])
        if server is None or not _logged_in(request.headers.get("authorization", ""), server.spec):
            return answer({"error": "invalid_client"}, 401)
        body = {"access_token": server.issue(), "token_type": "Bearer", "expires_in": server.spec.expires_in}
        return answer(body)

    def _guarded(self, path: str, read: Any) -> Any:
        async def guarded(request: Request) -> Response:
            server = self._servers.get(request.path_params["name"])
            if server is None or not (_knows(server, request) or path in OPEN):
                return Response(status_code=401, headers={"WWW-Authenticate": EXPIRED})
            if any(part in request.url.path for part in server.spec.forbidden):
                return answer({"message": "You do not have access to this resource."}, 403)
            made: Response = read(server, request)
            return made

        return guarded

    def _written(self, path: str, make: Any) -> Any:
        """With the JSON that was sent; what is no JSON is a 500, as the real one answers."""

        async def written(request: Request) -> Response:
            try:
                body = orjson.loads(await request.body() or b"{}")
            except orjson.JSONDecodeError:
                return answer({"message": "Internal Server Error"}, 500)
            made: Response = await self._guarded(path, lambda server, asked: make(server, asked, body))(request)
            return made

        return written

    async def stats(self, request: Request) -> Response:
        """Every student who is there, with contacts: for tests to look at."""
        server = self._servers[request.path_params["name"]]
        students = [{**one, "contacts": server.contacts.of(one["id"])} for one in server.students]
        return answer({"inserts": server.inserts, "students": students})

    def save(self, server: PowerSchoolServer, request: Request, body: Json) -> Response:
        """Students in bulk. Results come in an order of their own, a single one stands alone, the counts are off."""
        given = group(group(body).get("students")).get("student")
        if not given:
            return answer({"message": "Validation Failed", "errors": [{"code": "missing_field"}]}, 400)
        named = frozenset(request.query_params.get("extensions", "").split(","))
        results = [server.save(one, named) for one in (given if isinstance(given, list) else [given])]
        results = [one for one in reversed(results) if str(one.get("client_uid")) not in server.spec.unanswered]
        counts = {"insert_count": len(results), "update_count": 0, "delete_count": 0}
        return answer({"results": {**counts, **listed("result", results)}})

    def metadata(self, server: PowerSchoolServer, request: Request) -> Response:
        """What is the plugin's own only to its token."""
        sizes = {f"{kind}_max_page_size": server.spec.page_max for kind in SIZES}
        plugin = {"plugin_id": 7, **sizes} if server.spec.plugin and _knows(server, request) else {}
        return answer(
            {"metadata": {**plugin, "powerschool_version": "25.8.0.0", "district_timezone": "America/Denver"}}
        )

    def time(self, _: PowerSchoolServer, __: Request) -> Response:
        return answer({"time": {"milliseconds_since_epoch": round(time.time() * 1000)}})

    def district(self, server: PowerSchoolServer, request: Request) -> Response:
        """Code lists where they are asked for, each wrapped twice; one code stands alone."""
        wanted = {one.strip() for one in request.query_params.get("expansions", "").split(",")}
        lists = {wrapper: listed(item, rows) for wrapper, (item, rows) in code_lists(server.spec).items()}
        shown = {wrapper: rows or "" for wrapper, rows in lists.items() if wrapper in wanted}
        about = {"name": "Sandbox District", "district_number": 900, "uuid": "0f3c"}
        return answer({"district": {**about, "@expansions": ", ".join(lists), **shown}})

    def school(self, server: PowerSchoolServer, request: Request) -> Response:
        found = [one for one in server.schools if str(one["id"]) == request.path_params["school"]]
        if not found:
            return not_found()
        return answer({"school": {"@expansions": "", **made_of_xml(found[0])}})

    def schools(self, server: PowerSchoolServer, request: Request) -> Response:
        rows = paged(server, request, server.schools)
        return answer({"schools": {"@expansions": "", "@extensions": "", **listed("school", rows)}})

    def count_schools(self, server: PowerSchoolServer, _: Request) -> Response:
        return answer({"resource": {"count": len(server.schools)}})

    def students(self, server: PowerSchoolServer, request: Request) -> Response:
        rows = paged(server, request, _chosen(server, request))
        wanted = {one.strip() for one in request.query_params.get("expansions", "").split(",")}
        extended = server.spec.extension in request.query_params.get("extensions", "").split(",")
        about = {"@expansions": ", ".join(_GROUPS), "@extensions": server.spec.extension}
        shown = [_shown(one, wanted, extended) for one in rows]
        found = {"student": shown[0] if len(shown) == 1 else shown} if shown else {}
        return answer({"students": {**about, **found}})

    def count_students(self, server: PowerSchoolServer, request: Request) -> Response:
        return answer({"resource": {"count": len(_chosen(server, request))}})

    def nothing(self, server: PowerSchoolServer, request: Request) -> Response:
        """The staff, courses, sections and terms of a school: there are none."""
        wrapper = _wrapper(server, request)
        return answer({wrapper: {"@expansions": "", "@extensions": ""}}) if wrapper else not_found()

    def count_nothing(self, server: PowerSchoolServer, request: Request) -> Response:
        return answer({"resource": {"count": 0}}) if _wrapper(server, request) else not_found()

    def subscription(self, server: PowerSchoolServer, _: Request) -> Response:
        return answer({"event_subscriptions": server.subscription or ""})

    def subscribe(self, server: PowerSchoolServer, _: Request, body: Json) -> Response:
        """Takes the place of all that were there before. Nothing is ever sent to whoever subscribes."""
        there = server.subscription is not None
        server.subscription = group(group(body).get("event_subscriptions")) or group(body)
        return Response(status_code=204 if there else 201)

    def unsubscribe(self, server: PowerSchoolServer, _: Request, __: Json) -> Response:
        there, server.subscription = server.subscription is not None, None
        return Response(status_code=204) if there else not_found()

    def student(self, server: PowerSchoolServer, request: Request) -> Response:
        found = student_of(server, request)
        if found is None:
            return not_found()
        wanted = {one.strip() for one in request.query_params.get("expansions", "").split(",")}
        about = {"@expansions": ", ".join(_GROUPS), "@extensions": server.spec.extension}
        return answer({"student": {**about, **_shown(found, wanted, "extensions" in request.query_params)}})


def _knows(server: PowerSchoolServer, request: Request) -> bool:
    """Whether the token is good."""
    _, _, token = request.headers.get("authorization", "").partition(" ")
    return server.tokens.get(token, 0) >= time.monotonic()


def _wrapper(server: PowerSchoolServer, request: Request) -> str | None:
    known = any(str(one["id"]) == request.path_params["school"] for one in server.schools)
    return WRAPPERS.get(request.path_params["what"]) if known else None


def _chosen(server: PowerSchoolServer, request: Request) -> list[Json]:
    school = request.path_params.get("school")
    found = [one for one in server.students if school in (None, str(one["school_enrollment"]["school_id"]))]
    for name, sign, sought in terms(request.query_params.get("q", "")):
        found = [one for one in found if fits(text(at(one, name)), sign, sought)]
    return found


def _shown(one: Json, wanted: set[str], extended: bool) -> Json:
    hidden = {name for name in _GROUPS if name not in wanted} | (set() if extended else {"_extension_data"})
    shown = group(made_of_xml({name: value for name, value in one.items() if name not in hidden}))
    return {**shown, **{name: "" for name in _GROUPS if name in wanted and not shown.get(name)}}


def _logged_in(header: str, spec: PowerSchoolSpec) -> bool:
    scheme, _, text = header.partition(" ")
    try:
        id, _, secret = b64decode(text, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError):
        return False
    return (
        scheme == "Basic" and id == spec.client_id and hmac.compare_digest(secret.encode(), spec.client_secret.encode())
    )
