"""A simulated PowerSchool: token, metadata, schools, students and contacts, with the JSON it makes of XML.

Source: SIS facts, section 1. One item stands alone where a list is meant, an empty group is `""`, a key without a value
is absent, what looks like a number has no quotes, and `expires_in` is a text.
"""

import hmac
import re
import time
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox.errors import JSON
from services.sandbox.powerschool_codes import code_lists, tables
from services.sandbox.powerschool_district import PowerSchoolServer, PowerSchoolSpec

Json = dict[str, Any]
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?")
_TERM = re.compile(r"([a-z_.]+)(==|=gt=|=ge=|=lt=|=le=)(.*)")
_GROUPS = (
    *("demographics", "addresses", "phones", "school_enrollment", "ethnicity_race"),
    *("contact", "contact_info", "initial_enrollment", "schedule_setup", "alerts", "fees", "lunch"),
)
OPEN = ("/ws/v1/metadata", "/ws/v1/time")
"""What is answered without a token too."""
SIZES = ("student", "school", "staff", "section", "section_enrollment", "course", "term", "schema_table_query")
ID_MAP = "com.pearson.core.student.student_dcid_id_map"
PARTS = {
    "emails": ("emails", "contactEmailId"),
    "phones": ("phones", "contactsPhoneId"),
    "addresses": ("addresses", "contactsAddressId"),
    "students": ("contactStudents", "studentContactId"),
}
"""Parts of an address to the list of a contact and the key of its items."""
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
            "/ws/dataversion/{application}/{version}": self.changed,
            "/ws/v1/district": self.district,
            "/ws/v1/school/{school}": self.school,
            "/ws/schema/query/api": self.queries,
            "/ws/schema/table/{table}": self.table,
            "/ws/schema/table/{table}/count": self.count_table,
            "/ws/schema/table/{table}/metadata": self.about_table,
            "/ws/schema/table/{table}/{id:int}": self.table_row,
            "/ws/v1/district/school": self.schools,
            "/ws/v1/district/school/count": self.count_schools,
            "/ws/v1/district/student": self.students,
            "/ws/v1/district/student/count": self.count_students,
            "/ws/v1/school/{school}/student": self.students,
            "/ws/v1/school/{school}/student/count": self.count_students,
            "/ws/v1/student/{id}": self.student,
            "/ws/contacts/student/{id}": self.contacts,
            "/ws/contacts/contact/{id}": self.contact,
            "/ws/contacts/contacts": self.several_contacts,
            "/ws/contacts/{id:int}/{part:str}": self.contact_parts,
            "/ws/contacts/{id:int}/{part:str}/{child:int}": self.contact_parts,
        }
        write = {
            ("POST", "/ws/v1/student"): self.save,
            ("POST", "/ws/schema/query/{query}"): self.query,
            ("POST", "/ws/schema/query/{query}/count"): self.count_query,
            ("DELETE", "/ws/contacts/{id}"): self.drop_contact,
            ("POST", "/ws/contacts/contact"): self.add_contact,
            ("PUT", "/ws/contacts/{id}/demographics"): self.change_contact,
            ("POST", "/ws/contacts/{id}/students"): self.link_contact,
            ("POST", "/ws/contacts/{id}/{part:str}"): self.change_contact,
            ("DELETE", "/ws/contacts/{id:int}/{part:str}/{child:int}"): self.drop_part,
            ("PUT", "/ws/contacts/{id}/{part:str}/{child}"): self.change_contact,
            ("PUT", "/ws/contacts/{id}/students/{link}/studentdetails/{child}"): self.change_detail,
        }
        return [
            Route("/sandbox/powerschool/{name}", self.put, methods=["PUT"]),
            Route("/sandbox/powerschool/{name}/students/{id}", self.patch, methods=["PATCH"]),
            *(Route(base + f"/oauth/access_token{end}", self.token, methods=["POST"]) for end in ("", "/")),
            *(Route(base + path, self._guarded(path, answer), methods=["GET"]) for path, answer in get.items()),
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
        found = _student(server, request)
        for name, values in orjson.loads(await request.body()).items():
            if found is not None:
                found[name] = {**found[name], **values} if isinstance(values, dict) else values
                server.touch(found["id"])
        return Response(status_code=204)

    async def token(self, request: Request) -> Response:
        server = self._servers.get(request.path_params["name"])
        if server is None or not _logged_in(request.headers.get("authorization", ""), server.spec):
            return _answer({"error": "invalid_client"}, 401)
        body = {"access_token": server.issue(), "token_type": "Bearer", "expires_in": server.spec.expires_in}
        return _answer(body)

    def _guarded(self, path: str, answer: Any) -> Any:
        async def guarded(request: Request) -> Response:
            server = self._servers.get(request.path_params["name"])
            if server is None or not (_knows(server, request) or path in OPEN):
                return Response(status_code=401, headers={"WWW-Authenticate": EXPIRED})
            if any(part in request.url.path for part in server.spec.forbidden):
                return _answer({"message": "You do not have access to this resource."}, 403)
            made: Response = answer(server, request)
            return made

        return guarded

    def _written(self, path: str, make: Any) -> Any:
        """With the JSON that was sent; what is no JSON is a 500, as the real one answers."""

        async def written(request: Request) -> Response:
            try:
                body = orjson.loads(await request.body() or b"{}")
            except orjson.JSONDecodeError:
                return _answer({"message": "Internal Server Error"}, 500)
            answer: Response = await self._guarded(path, lambda server, asked: make(server, asked, body))(request)
            return answer

        return written

    async def stats(self, request: Request) -> Response:
        """Every student who is there, with contacts: for tests to look at."""
        server = self._servers[request.path_params["name"]]
        students = [{**one, "contacts": server.contacts.of(one["id"])} for one in server.students]
        return _answer({"inserts": server.inserts, "students": students})

    def save(self, server: PowerSchoolServer, request: Request, body: Json) -> Response:
        """Students in bulk. Results come in an order of their own, a single one stands alone, the counts are off."""
        given = _group(_group(body).get("students")).get("student")
        if not given:
            return _answer({"message": "Validation Failed", "errors": [{"code": "missing_field"}]}, 400)
        named = frozenset(request.query_params.get("extensions", "").split(","))
        results = [server.save(one, named) for one in (given if isinstance(given, list) else [given])]
        results = [one for one in reversed(results) if str(one.get("client_uid")) not in server.spec.unanswered]
        counts = {"insert_count": len(results), "update_count": 0, "delete_count": 0}
        return _answer({"results": {**counts, **_listed("result", results)}})

    def add_contact(self, server: PowerSchoolServer, _: Request, body: Json) -> Response:
        """A refusal is an answer of 200 too."""
        if not body.get("lastName"):
            return _contact_refused("lastName is required")
        numbers = {one["local_id"]: one["id"] for one in server.students}
        for link in body.get("contactStudents", []):
            link["dcid"] = numbers.get(str(link.get("studentNumber")))
            if link["dcid"] is None:
                return _contact_refused("there is no such student")
            if sum(bool(one.get("active")) for one in link.get("studentDetails", [])) != 1:
                return _contact_refused("exactly one active detail is needed")
        id = server.contacts.add(body)
        done = {"id": id, "ref": f"/ws/contacts/contact/{id}"}
        return _answer({"status": "VALID", "action": "INSERT", "_success_message": done})

    def change_contact(self, server: PowerSchoolServer, request: Request, body: Json) -> Response:
        part = request.path_params.get("part", "demographics")
        if part not in ("demographics", "emails", "phones", "addresses"):
            return _answer({"message": "The resource was not found."}, 404)
        if part == "demographics" and not body.get("lastName"):
            return _contact_refused("lastName is required")
        id, child = int(request.path_params["id"]), request.path_params.get("child", "")
        done = server.contacts.change(id, part, child, body)
        return _answer(
            {"status": "VALID", "action": "UPDATE"} if done else {"message": "not found"}, 200 if done else 404
        )

    def change_detail(self, server: PowerSchoolServer, request: Request, body: Json) -> Response:
        about = request.path_params
        done = server.contacts.change_detail(int(about["id"]), about["link"], about["child"], body)
        return _answer(
            {"status": "VALID", "action": "UPDATE"} if done else {"message": "not found"}, 200 if done else 404
        )

    def query(self, server: PowerSchoolServer, request: Request, body: Json) -> Response:
        """A PowerQuery of ids; asked with a data version the server counts changes from then on.

        No `record` at all where nothing is found; a page size of 0 is everything.
        """
        if request.path_params["query"] != ID_MAP:
            return _answer({"message": "The resource was not found."}, 404)
        everything = request.query_params.get("pagesize") == "0"
        found = server.students if everything else _paged(server, request, server.students)
        rows = [{"dcid": str(one["id"]), "id": str(one["id"])} for one in found]
        version = {"$dataversion": str(server.version)} if body.get("$dataversion_applicationname") else {}
        listed = {"record": rows} if rows else {}
        return _answer({"name": request.path_params["query"], **listed, "@extensions": "", **version})

    def count_query(self, server: PowerSchoolServer, request: Request, _: Json) -> Response:
        if request.path_params["query"] != ID_MAP:
            return _answer({"message": "The resource was not found."}, 404)
        return _answer({"count": len(server.students)})

    def contact(self, server: PowerSchoolServer, request: Request) -> Response:
        id = request.path_params["id"]
        found = server.contacts.by_id.get(int(id)) if id.isascii() and id.isdigit() else None
        return _answer(found) if found else _answer({"message": "The resource was not found."}, 404)

    def several_contacts(self, server: PowerSchoolServer, request: Request) -> Response:
        ids = [int(one) for one in request.query_params.get("contactids", "").split(",") if one.isdigit()]
        return _answer([server.contacts.by_id[id] for id in ids if id in server.contacts.by_id])

    def contact_parts(self, server: PowerSchoolServer, request: Request) -> Response:
        """Its demographics without the lists, or one of the lists, or one of its items."""
        about = request.path_params
        held, part, child = server.contacts.by_id.get(about["id"]), about["part"], about.get("child")
        if held is None or part not in ("demographics", *PARTS):
            return _answer({"message": "The resource was not found."}, 404)
        if part == "demographics":
            return _answer({name: value for name, value in held.items() if not isinstance(value, list)})
        name, key = PARTS[part]
        found = [one for one in held[name] if child in (None, one[key])]
        if child is None:
            return _answer(found)
        return _answer(found[0]) if found else _answer({"message": "The resource was not found."}, 404)

    def drop_part(self, server: PowerSchoolServer, request: Request, _: Json) -> Response:
        about = request.path_params
        held, (name, key) = server.contacts.by_id.get(about["id"]), PARTS.get(about["part"], ("", ""))
        rest = [one for one in (held or {}).get(name, []) if one[key] != about["child"]]
        if held is None or not name or len(rest) == len(held[name]):
            return _answer({"message": "The resource was not found."}, 404)
        held[name] = rest
        return _answer({"status": "VALID", "action": "DELETE", "_success_message": {"Id": about["id"]}})

    def link_contact(self, server: PowerSchoolServer, request: Request, body: Json) -> Response:
        """A student of this number becomes one of the contact's."""
        id = int(request.path_params["id"])
        dcid = next((one["id"] for one in server.students if one["local_id"] == str(body.get("studentNumber"))), None)
        if dcid is None:
            return _contact_refused("there is no such student")
        link = server.contacts.link(id, {**body, "dcid": dcid})
        if link is None:
            return _answer({"message": "not found"}, 404)
        done = {"id": link["studentContactId"], "ref": f"/ws/contacts/{id}/students/{link['studentContactId']}"}
        return _answer({"status": "VALID", "action": "INSERT", "_success_message": done})

    def drop_contact(self, server: PowerSchoolServer, request: Request, _: Json) -> Response:
        done = server.contacts.drop(int(request.path_params["id"]))
        return Response(status_code=204 if done else 404)

    def changed(self, server: PowerSchoolServer, request: Request) -> Response:
        since = int(request.path_params["version"])
        ids = [id for id, version in server.versions.items() if version > since]
        return _answer({"$dataversion": str(server.version), "tables": {"students": ids} if ids else {}})

    def metadata(self, server: PowerSchoolServer, request: Request) -> Response:
        """What is the plugin's own only to its token."""
        sizes = {f"{kind}_max_page_size": server.spec.page_max for kind in SIZES}
        plugin = {"plugin_id": 7, **sizes} if server.spec.plugin and _knows(server, request) else {}
        return _answer(
            {"metadata": {**plugin, "powerschool_version": "25.8.0.0", "district_timezone": "America/Denver"}}
        )

    def time(self, _: PowerSchoolServer, __: Request) -> Response:
        return _answer({"time": {"milliseconds_since_epoch": round(time.time() * 1000)}})

    def district(self, server: PowerSchoolServer, request: Request) -> Response:
        """Code lists where they are asked for, each wrapped twice; one code stands alone."""
        wanted = {one.strip() for one in request.query_params.get("expansions", "").split(",")}
        lists = {wrapper: _listed(item, rows) for wrapper, (item, rows) in code_lists(server.spec).items()}
        shown = {wrapper: rows or "" for wrapper, rows in lists.items() if wrapper in wanted}
        about = {"name": "Sandbox District", "district_number": 900, "uuid": "0f3c"}
        return _answer({"district": {**about, "@expansions": ", ".join(lists), **shown}})

    def school(self, server: PowerSchoolServer, request: Request) -> Response:
        found = [one for one in server.schools if str(one["id"]) == request.path_params["school"]]
        if not found:
            return _answer({"message": "The resource was not found."}, 404)
        return _answer({"school": {"@expansions": "", **_made_of_xml(found[0])}})

    def queries(self, _: PowerSchoolServer, __: Request) -> Response:
        return _answer({"queries": [{"name": ID_MAP}]})

    def table(self, server: PowerSchoolServer, request: Request) -> Response:
        """All values are texts; without a projection it is an error."""
        name = request.path_params["table"].casefold()
        columns, rows = _chosen_rows(server, request)
        if rows is None or columns is None:
            return _no_rows(rows, columns)
        shown = [_table_row(name, row, columns) for row in rows]
        return _answer({"name": name, "record": list(_paged(server, request, shown)), "@extensions": ""})

    def table_row(self, server: PowerSchoolServer, request: Request) -> Response:
        """By its primary key."""
        name = request.path_params["table"].casefold()
        columns, rows = _chosen_rows(server, request)
        if rows is None or columns is None:
            return _no_rows(rows, columns)
        found = next((row for row in rows if next(iter(row.values())) == request.path_params["id"]), None)
        return _no_rows(None, columns) if found is None else _answer(_table_row(name, found, columns))

    def count_table(self, server: PowerSchoolServer, request: Request) -> Response:
        return _answer({"count": len(_chosen_rows(server, request)[1] or ())})

    def about_table(self, server: PowerSchoolServer, request: Request) -> Response:
        name = request.path_params["table"].casefold()
        rows = tables(server.students, server.schools).get(name)
        if rows is None:
            return _no_rows(None, None)
        columns = [{"name": column.upper(), "access": "ViewOnly"} for column in (rows[0] if rows else {})]
        return _answer({"name": name.upper(), "columns": columns})

    def schools(self, server: PowerSchoolServer, request: Request) -> Response:
        rows = _paged(server, request, server.schools)
        return _answer({"schools": {"@expansions": "", "@extensions": "", **_listed("school", rows)}})

    def count_schools(self, server: PowerSchoolServer, _: Request) -> Response:
        return _answer({"resource": {"count": len(server.schools)}})

    def students(self, server: PowerSchoolServer, request: Request) -> Response:
        rows = _paged(server, request, _chosen(server, request))
        wanted = {one.strip() for one in request.query_params.get("expansions", "").split(",")}
        extended = server.spec.extension in request.query_params.get("extensions", "").split(",")
        about = {"@expansions": ", ".join(_GROUPS), "@extensions": server.spec.extension}
        shown = [_shown(one, wanted, extended) for one in rows]
        listed = {"student": shown[0] if len(shown) == 1 else shown} if shown else {}
        return _answer({"students": {**about, **listed}})

    def count_students(self, server: PowerSchoolServer, request: Request) -> Response:
        return _answer({"resource": {"count": len(_chosen(server, request))}})

    def student(self, server: PowerSchoolServer, request: Request) -> Response:
        found = _student(server, request)
        if found is None:
            return _answer({"message": "The resource was not found."}, 404)
        wanted = {one.strip() for one in request.query_params.get("expansions", "").split(",")}
        about = {"@expansions": ", ".join(_GROUPS), "@extensions": server.spec.extension}
        return _answer({"student": {**about, **_shown(found, wanted, "extensions" in request.query_params)}})

    def contacts(self, server: PowerSchoolServer, request: Request) -> Response:
        """A bare list with real types; nothing at all where there are none."""
        student = _student(server, request)
        if student is None:
            return _answer({"message": "The resource was not found."}, 404)
        found = server.contacts.of(student["id"])
        return _answer(found) if found else Response(status_code=204)


def _knows(server: PowerSchoolServer, request: Request) -> bool:
    """Whether the token is good."""
    _, _, token = request.headers.get("authorization", "").partition(" ")
    return server.tokens.get(token, 0) >= time.monotonic()


def _chosen_rows(server: PowerSchoolServer, request: Request) -> tuple[list[str] | None, list[Json] | None]:
    """The columns asked for (all of them for `*`, None for none) and the rows that `q` finds, as `sort` has them."""
    rows = tables(server.students, server.schools).get(request.path_params["table"].casefold())
    if rows is None:
        return None, None
    asked = request.query_params
    for name, sign, sought in _terms(asked.get("q", "")):
        rows = [row for row in rows if _fits(str(row.get(name, "")), sign, sought)]
    for name in reversed(asked.get("sort", "").casefold().split(",") if asked.get("sort") else []):
        rows = sorted(rows, key=lambda row: str(row.get(name, "")), reverse=asked.get("sortdescending") == "true")
    columns = [one.strip().casefold() for one in asked.get("projection", "").split(",") if one.strip()]
    return ([*(rows[0] if rows else {})] if columns == ["*"] else columns or None), rows


def _table_row(name: str, row: Json, columns: Sequence[str]) -> Json:
    shown = {column: str(row.get(column) or "") for column in columns}
    return {"id": next(iter(row.values())), "name": name, "tables": {name: shown}}


def _no_rows(rows: Any, columns: Any) -> Response:
    if rows is None:
        return _answer({"message": "The resource was not found."}, 404)
    errors = [{"resource": "Unknown", "field": "projection", "code": "missing_field"}]
    return _answer({"message": "Validation Failed", "errors": errors}, 400)


def _chosen(server: PowerSchoolServer, request: Request) -> list[Json]:
    school = request.path_params.get("school")
    found = [one for one in server.students if school in (None, str(one["school_enrollment"]["school_id"]))]
    for name, sign, sought in _terms(request.query_params.get("q", "")):
        found = [one for one in found if _fits(_text(_at(one, name)), sign, sought)]
    return found


def _terms(q: str) -> list[tuple[str, str, str]]:
    parsed = (_TERM.fullmatch(term) for term in q.split(";"))
    return [(one[1], one[2], one[3]) for one in parsed if one is not None]


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _fits(held: str, sign: str, sought: str) -> bool:
    if sign == "==":
        return fnmatchcase(held, sought)
    return {"=gt=": held > sought, "=ge=": held >= sought, "=lt=": held < sought, "=le=": held <= sought}[sign]


def _at(one: Json, name: str) -> Any:
    found: Any = one
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _student(server: PowerSchoolServer, request: Request) -> Json | None:
    id = request.path_params["id"]
    return server.by_id.get(int(id)) if id.isascii() and id.isdigit() else None


def _group(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _whole(request: Request, name: str, otherwise: int) -> int:
    """A number in the query; what is none is as good as nothing."""
    given = request.query_params.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and int(given) else otherwise


def _contact_refused(why: str) -> Response:
    errors = [{"field": "contact", "error_code": "FIELD_VALIDATION_ERROR", "error_description": why}]
    return _answer({"status": "ERROR", "action": "INSERT", "error_message": {"error": errors}})


def _paged(server: PowerSchoolServer, request: Request, rows: Sequence[Json]) -> Sequence[Json]:
    page = _whole(request, "page", 1)
    size = min(_whole(request, "pagesize", server.spec.page_max), server.spec.page_max)
    return rows[(page - 1) * size : page * size]


def _listed(name: str, rows: Sequence[Any]) -> Json:
    """One item stands alone; none at all has no key."""
    if not rows:
        return {}
    return {name: _made_of_xml(rows[0] if len(rows) == 1 else list(rows))}


def _shown(one: Json, wanted: set[str], extended: bool) -> Json:
    hidden = {name for name in _GROUPS if name not in wanted} | (set() if extended else {"_extension_data"})
    shown = _group(_made_of_xml({name: value for name, value in one.items() if name not in hidden}))
    return {**shown, **{name: "" for name in _GROUPS if name in wanted and not shown.get(name)}}


def _made_of_xml(value: Any) -> Any:
    """As PowerSchool's JSON has it: no quotes around numbers, no keys without values, no lists of one."""
    if isinstance(value, dict):
        inner = {name: _made_of_xml(one) for name, one in value.items()}
        return {name: one for name, one in inner.items() if one not in (None, "", [])} or ""
    if isinstance(value, list):
        return [_made_of_xml(one) for one in value] if len(value) != 1 else _made_of_xml(value[0])
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return value


def _logged_in(header: str, spec: PowerSchoolSpec) -> bool:
    scheme, _, text = header.partition(" ")
    try:
        id, _, secret = b64decode(text, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError):
        return False
    return (
        scheme == "Basic" and id == spec.client_id and hmac.compare_digest(secret.encode(), spec.client_secret.encode())
    )


def _answer(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type=JSON)
