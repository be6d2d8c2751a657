"""The people of a simulated PowerSchool, and what becomes of records that are saved. Source: SIS facts, section 1."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from services.sandbox import people
from services.sandbox.district import HEADERS, district_rows
from services.sandbox.powerschool_codes import STATUS
from services.sandbox.powerschool_writing import ContactBook, faults, merged
from shared.model.number import whole_number

Json = dict[str, Any]
_GRADES = {"PK": -1, "KG": 0}


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
        self.own_tables: dict[str, dict[int, Json]] = {}
        self.subscription: Json | None = None
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
                    "enroll_status_code": STATUS[status],
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
        held = self.by_id.get(whole_number(str(record.get("id", ""))))
        if record.get("action") == "UPDATE" and held is None:
            wrong = [
                {"field": "students/id", "error_code": "REQUIRED", "error_description": "There is no such student"}
            ]
        if record.get("action") not in ("INSERT", "UPDATE"):
            wrong = [{"field": "students/action", "error_code": "REQUIRED", "error_description": "INSERT or UPDATE"}]
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
        made["school_enrollment"] = {"enroll_status": "A", "enroll_status_code": 0, "school_id": school["id"]}
        return made


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
