"""A district whose registrations go into the SIS itself."""

from pathlib import Path
from typing import Any

from devtools.district import District
from services.sandbox.district import write_district

LOGIN = {"client_id": "client", "client_secret": "kx-92-orchard"}


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


class PowerSchoolDistrict:
    """The simulated PowerSchool of a district, a connection to it, and students of Enroll to export."""

    def __init__(self, district: District) -> None:
        self.district = district
        self._path = f"/sandbox/powerschool/{district.org}"
        self.url = f"{district.stack.url('sandbox')}/powerschool/{district.org}"

    async def make(self, **spec: Any) -> None:
        (await self.district.enroll.put(self._path, json={**LOGIN, "students": 0, **spec})).raise_for_status()

    async def connect(self, *, mapping: list[dict[str, Any]] | None = None, **more: Any) -> str:
        exports = {"end_date": "2027-05-28", "start_date": "2099-08-10", **more.pop("exports", {})}
        about = {"base_url": self.url, "per_second": 0, **more.pop("powerschool", {})}
        body = {"name": "SIS", "kind": "powerschool", "powerschool": about, "secrets": LOGIN, "exports": exports}
        answer = await self.district.api.post("/connections", json={**body, **more})
        id = str(answer.raise_for_status().json()["id"])
        await self.map(id, POWERSCHOOL if mapping is None else mapping)
        return id

    async def map(self, connection: str, fields: list[dict[str, Any]]) -> None:
        path = f"/connections/{connection}/exports/students/mappings"
        answer = await self.district.api.put(path, json={"fields": fields})
        assert answer.status_code == 201, answer.text

    async def held(self) -> list[dict[str, Any]]:
        """Every student in the SIS, with contacts."""
        found: list[dict[str, Any]] = (await self.district.enroll.get(self._path)).raise_for_status().json()["students"]
        return found

    async def inserts(self) -> int:
        return int((await self.district.enroll.get(self._path)).raise_for_status().json()["inserts"])


async def enrolled(district: District, folder: Path, count: int, seed: int = 1) -> list[str]:
    """Students in Enroll, by their district ids."""
    path = folder / "students.csv"
    write_district(path, count, seed=seed)
    run = await district.watch((await district.upload(await district.ad_hoc("Roster"), path))["id"])
    assert run["counts"]["created"] == count, run
    path_of = f"/sandbox/organizations/{district.org}/students"
    held = (await district.enroll.get(path_of, params={"limit": count})).raise_for_status().json()["students"]
    return [str(one["values"]["students.student_district_id"]) for one in held]
