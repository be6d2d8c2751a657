"""What stands in a simulated OneRoster server: schools and people of an invented district, and one class.

Source: SIS facts, 4.4.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.sandbox import people
from services.sandbox.district import HEADERS, district_rows

CHANGED = "2026-02-01T08:00:00.000Z"
CLASS_SIZE = 20
TEACHER = ("Blessing", "Nnamdi")
TABLES = ("orgs", "users", "demographics", "classes", "courses", "enrollments", "academicSessions")
CHOSEN = {
    "schools": ("orgs", "type", "school"),
    "students": ("users", "role", "student"),
    "teachers": ("users", "role", "teacher"),
    "terms": ("academicSessions", "type", "term"),
    "gradingPeriods": ("academicSessions", "type", "gradingPeriod"),
}
"""Collections that are a part of another: which one, and the field and value that they have."""
Json = dict[str, Any]


class OneRosterSpec(BaseModel):
    """A server as a test or a demo asks for it. Without `pages` limit and offset are passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    students: int = Field(default=20, ge=0, le=200_000)
    seed: int = 1
    client_id: str = "client"
    client_secret: str = Field(default="secret")
    page_cap: int = Field(default=1000, ge=1)
    total: bool = True
    links: bool = True
    pages: bool = True
    scopes: tuple[str, ...] = ("roster-core.readonly", "roster-demographics.readonly")
    expires_in: float | str = "3600"


class OneRosterServer:
    """One district's server: its people, its tokens, and how often it was asked."""

    def __init__(self, spec: OneRosterSpec) -> None:
        self.spec = spec
        self.tables: dict[str, list[Json]] = {name: [] for name in TABLES} | {"orgs": list(_orgs())}
        self.tokens: dict[str, float] = {}
        self.calls = 0
        codes = {org["identifier"]: org["sourcedId"] for org in self.tables["orgs"]}
        for number, row in enumerate(district_rows(spec.students, seed=spec.seed)):
            self._add(number, dict(zip(HEADERS, row, strict=False)), codes)
        if spec.students:
            self._teach()

    def issue(self) -> str:
        token = secrets.token_urlsafe(16)
        self.tokens[token] = time.monotonic() + float(self.spec.expires_in)
        return token

    def _add(self, number: int, row: Mapping[str, str], codes: Mapping[str, str]) -> None:
        id = f"u{number}"
        guardians = [(f"g{number}-{one}", f"Guardian {one} ") for one in (1, 2) if row[f"Guardian {one} First Name"]]
        month, day, year = row["Birth Date"].split("/")
        self.tables["users"].append(
            _user(id, "student", row["First Name"], row["Last Name"], codes[row["School"]])
            | {"identifier": row["Student ID"], "grades": [row["Grade"]], "middleName": row["Middle Name"] or None}
            | {"agents": [_reference(guardian, "user") for guardian, _ in guardians], "phone": row["Phone"]}
        )
        for guardian, which in guardians:
            contact = {"email": row.get(f"{which}Email") or "", "phone": row[f"{which}Phone"]}
            name = row[f"{which}First Name"], row[f"{which}Last Name"]
            linked = {"agents": [_reference(id, "user")]}
            self.tables["users"].append(_user(guardian, "guardian", *name, codes[row["School"]]) | contact | linked)
        sex = {"Male": "male", "Female": "female"}.get(row["Gender"], "other")
        races = {"asian": "A", "blackOrAfricanAmerican": "B", "white": "W"}
        flags = {name: str(row["Race"] == code).lower() for name, code in races.items()}
        self.tables["demographics"].append({**_base(id), "birthDate": f"{year}-{month}-{day}", "sex": sex, **flags})

    def _teach(self) -> None:
        """One class, at the school of the first student, with a teacher and some students."""
        users = self.tables["users"]
        school = users[0]["orgs"][0]["sourcedId"]
        students = [one for one in users if one["role"] == "student" and one["orgs"][0]["sourcedId"] == school]
        teacher = _user("t1", "teacher", *TEACHER, school) | {"identifier": "9001", "email": "b.nnamdi@example.org"}
        users.append(teacher)
        days = {"startDate": "2026-08-10", "endDate": "2027-05-28", "schoolYear": "2027"}
        year = {**_base("y1"), "title": "2026-2027", "type": "schoolYear", **days, "parent": None}
        term = {**_base("q1"), "title": "Fall", "type": "term", **days, "parent": _reference("y1", "academicSession")}
        self.tables["academicSessions"] += [year, {**term, "endDate": "2026-12-18"}]
        named = {"title": "Homeroom", "courseCode": "HR", "grades": [], "subjects": []}
        self.tables["courses"].append({**_base("c1"), **named, "org": _reference("district", "org")})
        held = {"course": _reference("c1", "course"), "school": _reference(school, "org")}
        about: Json = {"title": "Homeroom 1", "classCode": "HR-1", "classType": "homeroom", "location": "B12"}
        about |= {"grades": [], "subjects": [], "periods": ["1"], "terms": [_reference("q1", "academicSession")]}
        self.tables["classes"].append({**_base("k1"), **about, **held})
        for user in (teacher, *students[:CLASS_SIZE]):
            id, role = user["sourcedId"], user["role"]
            who = {"user": _reference(id, "user"), "class": _reference("k1", "class"), "school": held["school"]}
            more = {"role": role, "primary": str(role == "teacher").lower(), "beginDate": None, "endDate": None}
            self.tables["enrollments"].append({**_base(f"e-{id}"), **more, **who})

    def collection(self, name: str, of: str = "", id: str = "") -> tuple[str, list[Json]] | None:
        """Its wrapper and its objects: all, or those of one object of another collection."""
        self.calls += 1
        wrapper, field, value = CHOSEN.get(name, (name, "", ""))
        if wrapper not in self.tables or (of and of not in (*self.tables, *CHOSEN)):
            return None
        rows = [one for one in self.tables[wrapper] if not field or one[field] == value]
        return wrapper, [one for one in rows if self._is_of(wrapper, one, of, id)] if of else rows

    def _is_of(self, wrapper: str, one: Json, of: str, id: str) -> bool:
        """What refers to the object, or is enrolled with it."""
        if wrapper == "academicSessions":
            return of == "schools"
        if of == "schools":
            return id in _named(one, "orgs", "school") or wrapper == "courses"
        if wrapper == "enrollments" or of in ("courses", "terms", "academicSessions"):
            return id in _named(one, "class", "user", "course", "terms")
        enrolled = [_named(row, "class", "user") for row in self.tables["enrollments"]]
        return any(id in both and one["sourcedId"] in both for both in enrolled)


def _orgs() -> Iterator[Json]:
    yield {**_base("district"), "name": "Mesa Verde Unified", "type": "district", "identifier": "1"}
    for number, code in enumerate(people.SCHOOLS, 1):
        parent = _reference("district", "org")
        about = {"name": f"School {code}", "type": "school", "identifier": code, "parent": parent}
        yield {**_base(f"s{number}"), **about}


def _base(id: str) -> Json:
    return {"sourcedId": id, "status": "active", "dateLastModified": CHANGED, "metadata": {}}


def _reference(id: str, kind: str) -> Json:
    return {"href": f"https://sis.example.org/{kind}s/{id}", "sourcedId": id, "type": kind}


def _user(id: str, role: str, given: str, family: str, school: str) -> Json:
    names = {"username": id, "enabledUser": "true", "givenName": given, "familyName": family, "userIds": []}
    return {**_base(id), **names, "role": role, "orgs": [_reference(school, "org")], "agents": [], "grades": []}


def _named(one: Json, *fields: str) -> set[str]:
    """The ids that these fields refer to."""
    held = [one[field] for field in fields if one.get(field)]
    return {each["sourcedId"] for group in held for each in (group if isinstance(group, list) else [group])}
