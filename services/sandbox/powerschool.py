"""A simulated PowerSchool: token, metadata, schools, students and contacts, with the JSON it makes of XML.

Source: SIS facts, section 1. One item stands alone where a list is meant, an empty group is `""`, a key without a value
is absent, what looks like a number has no quotes, and `expires_in` is a text.
"""

import hmac
import re
import time
import uuid
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.sandbox import people
from services.sandbox.district import HEADERS, district_rows
from services.sandbox.errors import JSON
from services.sandbox.powerschool_codes import code_lists, tables
from services.sandbox.powerschool_writing import ContactBook, faults, merged

Json = dict[str, Any]
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?")
_TERM = re.compile(r"([a-z_.]+)(==|=gt=|=ge=|=lt=|=le=)(.*)")
_GRADES = {"PK": -1, "KG": 0}
_GROUPS = (
    *("demographics", "addresses", "phones", "school_enrollment", "ethnicity_race"),
    *("contact", "contact_info", "initial_enrollment", "schedule_setup", "alerts", "fees", "lunch"),
)
EXPIRED = 'Bearer error="invalid_token",realm="PowerSchool",error_description="The access token has expired"'


class PowerSchoolSpec(BaseModel):
    """A server as a test or a demo asks for it. `statuses` go round over the students.

    `dropped` are fields, by dotted name, that are ignored when they are written; `unanswered` are client_uids that are
    saved and left out of the answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    students: int = Field(default=20, ge=0, le=200_000)
    seed: int = 1
    client_id: str = "client"
    client_secret: str = Field(default="secret")
    page_max: int = Field(default=100, ge=1)
    statuses: tuple[str, ...] = ("A",)
    extension: str = "u_enroll_ext"
    expires_in: str | float = "2504956"
    plugin: bool = True
    forbidden: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    entry_codes: tuple[str, ...] = ("E1", "E2")
    unanswered: tuple[str, ...] = ()
    exit_codes: tuple[str, ...] = ("W1",)


class PowerSchoolServer:
    """One district's server."""

    def __init__(self, spec: PowerSchoolSpec) -> None:
        self.spec = spec
        self.tokens: dict[str, float] = {}
        self.schools = [
            {"id": number, "name": f"School {code}", "school_number": code, "low_grade": 0, "high_grade": 12}
            for number, code in enumerate(people.SCHOOLS, 1)
        ]
        self.students: list[Json] = []
        self.by_id: dict[int, Json] = {}
        self.contacts = ContactBook()
        self.inserts = 0
        self.version = 16_000_000
        self.versions: dict[int, int] = {}
        for number, row in enumerate(district_rows(spec.students, seed=spec.seed)):
            self._add(number, dict(zip(HEADERS, row, strict=False)))

    def issue(self) -> str:
        token = str(uuid.uuid4())
        self.tokens[token] = time.monotonic() + float(self.spec.expires_in)
        return token

    def _add(self, number: int, row: Mapping[str, str]) -> None:
        dcid = 4000 + number
        month, day, year = row["Birth Date"].split("/")
        grade = _GRADES.get(row["Grade"])
        status = self.spec.statuses[number % len(self.spec.statuses)]
        place = {"street": row["Street"], "city": row["City"], "state_province": "AZ", "postal_code": row["Zip"]}
        # An address in the north-east: its postal code begins with a zero, which the API loses.
        place["postal_code"] = "02134" if number % 10 == 3 else place["postal_code"]
        school = next(one for one in self.schools if one["school_number"] == row["School"])
        self.students.append(
            {
                "id": dcid,
                "local_id": row["Student ID"],
                "state_province_id": row["State ID"],
                "name": {
                    "first_name": row["First Name"],
                    "middle_name": row["Middle Name"],
                    "last_name": row["Last Name"],
                },
                "demographics": {"gender": {"Male": "M", "Female": "F"}.get(row["Gender"], "X")}
                | {"birth_date": f"{year}-{month}-{day}"},
                "addresses": {"physical": place},
                "phones": {"main": {"number": row["Phone"]}},
                "school_enrollment": {
                    "enroll_status": status,
                    "grade_level": int(row["Grade"]) if grade is None else grade,
                    "school_number": row["School"],
                    "school_id": school["id"],
                    "entry_date": "2026-08-10",
                },
                "ethnicity_race": {"races": [{"district_race_code": row["Race"]}] if row["Race"] else []},
                "contact": {"guardian_email": row["Guardian 1 Email"]},
                "_extension_data": {
                    "_table_extension": [
                        {
                            "recordFound": True,
                            "name": self.spec.extension,
                            "_field": [{"name": "homeroom", "type": "String", "value": row["Homeroom"]}]
                            + ([{"name": "bus", "type": "String", "value": "07"}] if number % 10 == 9 else []),
                        }
                    ]
                },
            }
        )
        guardians = [f"Guardian {which} " for which in (1, 2) if row[f"Guardian {which} First Name"]]
        self.by_id[dcid] = self.students[-1]
        for slot, which in enumerate(guardians, 1):
            self.contacts.add(_contact(dcid, slot, row, which))

    def save(self, record: Json, extensions: frozenset[str]) -> Json:
        """The result of one record; a second INSERT of the same one makes a second student."""
        about = {"client_uid": record.get("client_uid"), "action": record.get("action")}
        schools: dict[str, Json] = {str(one["school_number"]): one for one in self.schools}
        wrong = faults(record, schools, self.spec.entry_codes)
        held = self.by_id.get(int(record["id"])) if str(record.get("id", "")).isdigit() else None
        if record.get("action") == "UPDATE" and held is None:
            wrong = [
                {"field": "students/id", "error_code": "REQUIRED", "error_description": "There is no such student"}
            ]
        if wrong:
            return {**about, "status": "ERROR", "error_message": {"error": wrong}}
        if held is None:
            held = self._insert(record, schools)
        merged(held, record, frozenset(self.spec.dropped), extensions)
        self.touch(held["id"])
        done = {"id": held["id"], "ref": f"/ws/v1/student/{held['id']}"}
        return {**about, "status": "SUCCESS", "success_message": done}

    def touch(self, id: int) -> None:
        self.version += 1
        self.versions[id] = self.version

    def _insert(self, record: Json, schools: Mapping[str, Json]) -> Json:
        self.inserts += 1
        id = 800_000 + self.inserts
        made: Json = {"id": id, "local_id": str(record.get("local_id") or 70_000 + self.inserts)}
        self.students.append(made)
        self.by_id[id] = made
        school = schools[str(record["school_enrollment"]["school_number"])]
        made["school_enrollment"] = {"enroll_status": "A", "school_id": school["id"]}
        return made


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
            "/ws/schema/table/{table}": self.table,
            "/ws/schema/table/{table}/count": self.count_table,
            "/ws/schema/table/{table}/metadata": self.about_table,
            "/ws/v1/district/school": self.schools,
            "/ws/v1/district/school/count": self.count_schools,
            "/ws/v1/district/student": self.students,
            "/ws/v1/district/student/count": self.count_students,
            "/ws/v1/school/{school}/student": self.students,
            "/ws/v1/school/{school}/student/count": self.count_students,
            "/ws/v1/student/{id}": self.student,
            "/ws/contacts/student/{id}": self.contacts,
        }
        write = {
            ("POST", "/ws/v1/student"): self.save,
            ("POST", "/ws/schema/query/{query}"): self.query,
            ("POST", "/ws/contacts/contact"): self.add_contact,
            ("PUT", "/ws/contacts/{id}/demographics"): self.change_contact,
            ("POST", "/ws/contacts/{id}/{part:str}"): self.change_contact,
            ("PUT", "/ws/contacts/{id}/{part:str}/{child}"): self.change_contact,
            ("PUT", "/ws/contacts/{id}/students/{link}/studentdetails/{child}"): self.change_detail,
        }
        return [
            Route("/sandbox/powerschool/{name}", self.put, methods=["PUT"]),
            Route("/sandbox/powerschool/{name}/students/{id}", self.patch, methods=["PATCH"]),
            Route(base + "/oauth/access_token", self.token, methods=["POST"]),
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
            _, _, token = request.headers.get("authorization", "").partition(" ")
            if server is None or server.tokens.get(token, 0) < time.monotonic():
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
                body = orjson.loads(await request.body())
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
        given = body["students"]["student"]
        named = frozenset(request.query_params.get("extensions", "").split(","))
        results = [server.save(one, named) for one in (given if isinstance(given, list) else [given])]
        results = [one for one in reversed(results) if str(one["client_uid"]) not in server.spec.unanswered]
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
        """A PowerQuery of ids; asked with a data version the server counts changes from then on."""
        if request.path_params["query"] != "com.pearson.core.student.student_dcid_id_map":
            return _answer({"message": "The resource was not found."}, 404)
        rows = [{"dcid": str(one["id"]), "id": str(one["id"])} for one in _paged(server, request, server.students)]
        version = {"$dataversion": str(server.version)} if body.get("$dataversion_applicationname") else {}
        listed = {"record": rows} if rows else {}
        return _answer({"name": request.path_params["query"], **listed, "@extensions": "", **version})

    def changed(self, server: PowerSchoolServer, request: Request) -> Response:
        since = int(request.path_params["version"])
        ids = [id for id, version in server.versions.items() if version > since]
        return _answer({"$dataversion": str(server.version), "tables": {"students": ids} if ids else {}})

    def metadata(self, server: PowerSchoolServer, _: Request) -> Response:
        sizes = {f"{kind}_max_page_size": server.spec.page_max for kind in ("student", "school")}
        plugin = {"plugin_id": 7, **sizes} if server.spec.plugin else {}
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

    def table(self, server: PowerSchoolServer, request: Request) -> Response:
        """All values are texts; without a projection it is an error."""
        name = request.path_params["table"].casefold()
        rows = tables(server.students).get(name)
        if rows is None:
            return _answer({"message": "The resource was not found."}, 404)
        columns = [one for one in request.query_params.get("projection", "").casefold().split(",") if one]
        if not columns:
            errors = [{"field": "projection", "resource": name, "errorCode": "INVALID"}]
            return _answer({"message": "Validation Failed", "errors": errors}, 400)
        wanted = [{key: str(one.get(key) or "") for key in (one if columns == ["*"] else columns)} for one in rows]
        shown = [{"id": number, "name": name, "tables": {name: row}} for number, row in enumerate(wanted, 1)]
        return _answer({"name": name, "record": list(_paged(server, request, shown)), "@extensions": ""})

    def count_table(self, server: PowerSchoolServer, request: Request) -> Response:
        return _answer({"count": len(tables(server.students).get(request.path_params["table"].casefold(), []))})

    def about_table(self, server: PowerSchoolServer, request: Request) -> Response:
        rows = tables(server.students).get(request.path_params["table"].casefold(), [])
        return _answer({"name": request.path_params["table"], "columns": sorted(rows[0]) if rows else []})

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
        return _answer({"students": {**about, **_listed("student", [_shown(one, wanted, extended) for one in rows])}})

    def count_students(self, server: PowerSchoolServer, request: Request) -> Response:
        return _answer({"resource": {"count": len(_chosen(server, request))}})

    def student(self, server: PowerSchoolServer, request: Request) -> Response:
        found = _student(server, request)
        if found is None:
            return _answer({"message": "The resource was not found."}, 404)
        wanted = {one.strip() for one in request.query_params.get("expansions", "").split(",")}
        return _answer({"student": _shown(found, wanted, "extensions" in request.query_params)})

    def contacts(self, server: PowerSchoolServer, request: Request) -> Response:
        """A bare list with real types; nothing at all where there are none."""
        found = server.contacts.of(int(request.path_params["id"]))
        return _answer(found) if found else Response(status_code=204)


def _contact(dcid: int, slot: int, row: Mapping[str, str], which: str) -> Json:
    phones = [{"preferred": False, "phoneType": "Home", "phoneNumber": "4805550100"}]
    phones.append({"preferred": True, "phoneType": "Mobile", "phoneNumber": row[f"{which}Phone"]})
    email = row.get(f"{which}Email") or ""
    detail = {"relationship": row.get(f"{which}Relation") or "Guardian", "custodial": slot == 1, "active": True}
    return {
        "contactId": dcid * 10 + slot,
        "firstName": row[f"{which}First Name"],
        "middleName": None,
        "lastName": row[f"{which}Last Name"],
        "emails": [{"primary": True, "type": "Current", "address": email}] if email else [],
        "phones": phones,
        "addresses": [],
        "contactStudents": [{"sequence": slot, "dcid": dcid, "studentDetails": [detail]}],
    }


def _chosen(server: PowerSchoolServer, request: Request) -> list[Json]:
    school = request.path_params.get("school")
    found = [one for one in server.students if school in (None, str(one["school_enrollment"]["school_id"]))]
    for term in filter(None, request.query_params.get("q", "").split(";")):
        parsed = _TERM.fullmatch(term)
        if parsed is not None:
            name, sign, sought = parsed.groups()
            found = [one for one in found if _fits(str(_at(one, name) or ""), sign, sought)]
    return found


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


def _contact_refused(why: str) -> Response:
    errors = [{"field": "contact", "error_code": "FIELD_VALIDATION_ERROR", "error_description": why}]
    return _answer({"status": "ERROR", "action": "INSERT", "error_message": {"error": errors}})


def _paged(server: PowerSchoolServer, request: Request, rows: Sequence[Json]) -> Sequence[Json]:
    page = int(request.query_params.get("page", 1))
    size = min(int(request.query_params.get("pagesize", server.spec.page_max)), server.spec.page_max)
    return rows[(page - 1) * size : page * size]


def _listed(name: str, rows: Sequence[Any]) -> Json:
    """One item stands alone; none at all has no key."""
    if not rows:
        return {}
    return {name: _made_of_xml(rows[0] if len(rows) == 1 else list(rows))}


def _shown(one: Json, wanted: set[str], extended: bool) -> Json:
    hidden = {name for name in _GROUPS if name not in wanted} | (set() if extended else {"_extension_data"})
    shown = {name: value for name, value in one.items() if name not in hidden}
    return {**shown, **{name: "" for name in _GROUPS if name in wanted and not one.get(name)}}


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
