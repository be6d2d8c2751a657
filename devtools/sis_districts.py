"""A district whose registrations go into the SIS itself."""

import asyncio
import csv
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from devtools.district import District, ok
from services.sandbox.district import write_district

POWERSCHOOL = [
    {"type": "direct", "target": target, "source": source}
    for target, source in {
        "local_id": "students.student_district_id",
        "state_province_id": "students.state_unique_key",
        "name.first_name": "students.fname",
        "name.last_name": "students.lname",
        "demographics.birth_date": "students.dob",
        "school_enrollment.grade_level": "student_annual.grade",
        "addresses.physical.street": "student_annual.address",
        "addresses.physical.city": "student_annual.city",
        "addresses.physical.state_province": {"value": "AZ"},
        "addresses.physical.postal_code": "student_annual.zip",
        "1 - Contacts.FirstName": "student_annual.guardian1_fname",
        "1 - Contacts.LastName": "student_annual.guardian1_lname",
        "1 - Contacts.Emails1": "student_annual.guardian1_email",
        "1 - Contacts.Phones1": "student_annual.guardian1_phone",
        "1 - Contacts.Relationship": {"value": "Mother"},
    }.items()
]


AERIES = [
    {"type": "direct", "target": target, "source": source}
    for target, source in {
        "StudentID": "students.student_district_id",
        "StateStudentID": "students.state_unique_key",
        "ParentGuardianName": "students.student_district_id",
        "FirstName": "students.fname",
        "LastName": "students.lname",
        "BirthDate": "students.dob",
        "Grade": "student_annual.grade",
        "MailingAddress": "student_annual.address",
        "MailingAddressCity": "student_annual.city",
        "MailingAddressState": {"value": "AZ"},
        "MailingAddressZipCode": "student_annual.zip",
        "1 - Contacts.FirstName": "student_annual.guardian1_fname",
        "1 - Contacts.LastName": "student_annual.guardian1_lname",
        "1 - Contacts.Emails1": "student_annual.guardian1_email",
        "1 - Contacts.Phones1": "student_annual.guardian1_phone",
        "1 - Contacts.Relationship": {"value": "11"},
    }.items()
]


GRADES = {"-1": "PK", "0": "KG", **{str(grade): f"{grade:02d}" for grade in range(1, 13)}}
SKYWARD: list[dict[str, Any]] = [
    {"type": "direct", "target": target, "source": source}
    for target, source in {
        "Student.StudentNumber": "students.student_district_id",
        "Student.CalculatedStudentStateID": "students.state_unique_key",
        "Name.FirstName": "students.fname",
        "Name.LastName": "students.lname",
        "Name.BirthDate": "students.dob",
        "Address.Street": "student_annual.address",
        "Address.City": "student_annual.city",
        "Address.State": {"value": "AZ"},
        "Address.Zip": "student_annual.zip",
        "1 - Contacts.FirstName": "student_annual.guardian1_fname",
        "1 - Contacts.LastName": "student_annual.guardian1_lname",
        "1 - Contacts.Emails1": "student_annual.guardian1_email",
        "1 - Contacts.Phones1": "student_annual.guardian1_phone",
        "1 - Contacts.Relationship": {"value": "Mother"},
    }.items()
]
SKYWARD.append({"type": "match_codes", "target": "Enrollment.Grade", "source": "student_annual.grade", "codes": GRADES})


class SisDistrict(ABC):
    """The simulated SIS of a district, a connection to it, and students of Enroll to export."""

    kind: ClassVar[str]
    mapping: ClassVar[list[dict[str, Any]]]
    login: ClassVar[dict[str, str]]
    active: ClassVar[str]
    school_field: ClassVar[str]

    def __init__(self, district: District) -> None:
        self.district = district
        self._path = f"/sandbox/{self.kind}/{district.org}"
        self.url = f"{district.stack.url('sandbox')}/{self.kind}/{district.org}"

    async def make(self, **spec: Any) -> None:
        """A SIS without students, unless `spec` says otherwise."""
        (await self.district.enroll.put(self._path, json={**self.login, "students": 0, **spec})).raise_for_status()

    async def connect(self, *, mapping: list[dict[str, Any]] | None = None, **more: Any) -> str:
        exports = {"end_date": "2100-05-28", "start_date": "2099-08-10", **more.pop("exports", {})}
        about = {"base_url": self.url, "per_second": 0, **more.pop("about", {})}
        body = {"name": "SIS", "kind": self.kind, self.kind: about, "secrets": self.login, "exports": exports}
        id = str(ok(await self.district.api.post("/connections", json={**body, **more})).json()["id"])
        await self.map(id, self.mapping if mapping is None else mapping)
        return id

    async def map(self, connection: str, fields: list[dict[str, Any]]) -> None:
        path = f"/connections/{connection}/exports/students/mappings"
        ok(await self.district.api.put(path, json={"fields": fields}))

    async def propose(self, connection: str) -> None:
        """A mapping of imports as it is proposed from what the SIS answers."""
        read = ok(await self.district.api.post(f"/connections/{connection}/mappings/students/read")).json()
        await self.district.map_students(connection, {"fields": [one["row"] for one in read["proposals"]]})

    async def patch(self, path: str, **values: Any) -> None:
        """Change something in the SIS by hand, below its path in the sandbox."""
        (await self.district.enroll.patch(self._path + path, json=values)).raise_for_status()

    async def held(self) -> Any:
        """All that the SIS has."""
        return (await self.district.enroll.get(self._path)).raise_for_status().json()

    @abstractmethod
    async def people(self) -> list[dict[str, Any]]:
        """Every student: `student_id`, `entered`, `status`, and how many `contacts` there are."""


class PowerSchoolDistrict(SisDistrict):
    kind = "powerschool"
    mapping = POWERSCHOOL
    active = "A"
    school_field = "school_enrollment.school_number"
    login: ClassVar = {"client_id": "client", "client_secret": "kx-92-orchard"}

    async def people(self) -> list[dict[str, Any]]:
        return [
            {
                "student_id": str(one["local_id"]),
                "entered": one["school_enrollment"]["entry_date"],
                "status": one["school_enrollment"]["enroll_status"],
                "contacts": len(one["contacts"]),
            }
            for one in (await self.held())["students"]
        ]


class AeriesDistrict(SisDistrict):
    """Aeries gives its students their ids: Enroll's id stands where the name of a parent would."""

    kind = "aeries"
    login: ClassVar = {"certificate": "kx-92-orchard"}
    active = ""
    school_field = ""
    mapping = AERIES

    async def people(self) -> list[dict[str, Any]]:
        held = await self.held()
        contacts = Counter(one["StudentID"] for one in held["contacts"])
        return [
            {
                "student_id": one.get("ParentGuardianName") or str(one["StudentID"]),
                "entered": (one["SchoolEnterDate"] or "")[:10],
                "status": one["InactiveStatusCode"].strip(),
                "contacts": contacts[one["StudentID"]],
            }
            for one in held["students"]
            if one["InactiveStatusCode"].strip() != "N"  # those that stand in a second school as well
        ]


class SkywardDistrict(SisDistrict):
    kind = "skyward"
    login: ClassVar = {"client_id": "client", "client_secret": "kx-92-orchard"}
    active = ""
    school_field = ""
    mapping = SKYWARD

    async def people(self) -> list[dict[str, Any]]:
        return [
            {
                "student_id": str(one["StudentNumber"]),
                "entered": max(str(each["StartDate"]) for each in one["Enrollments"])[:10]
                if one["Enrollments"]
                else "",
                "status": "",
                "contacts": len(one["Guardians"]),
            }
            for one in (await self.held())["students"]
        ]


SISS: dict[str, type[SisDistrict]] = {one.kind: one for one in (PowerSchoolDistrict, AeriesDistrict, SkywardDistrict)}


async def enrolled(district: District, folder: Path, count: int, *, skip: int = 0, nameless: int = 0) -> list[str]:
    """Students in Enroll, by their district ids: those after the first `skip` of the invented ones.

    Of the first `nameless` the guardian's last name is not known.
    """
    path = folder / "students.csv"
    ids = await asyncio.to_thread(_write, path, count, skip, nameless)
    run = await district.watch((await district.upload(await district.ad_hoc("Roster"), path))["id"])
    if run["counts"]["created"] != count:
        raise RuntimeError(f"the roster ended {run['state']}: {run['counts']}")
    return ids


def _write(path: Path, count: int, skip: int, nameless: int) -> list[str]:
    write_district(path, skip + count)
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    rows = rows[skip:]
    for row in rows[:nameless]:
        row[header.index("Guardian 1 Last Name")] = ""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return [row[header.index("Student ID")] for row in rows]
