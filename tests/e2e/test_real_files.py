"""Files as the systems of the field write them: proposed, saved and imported by somebody who changes nothing.

The people are invented; headers, separators, line ends, dates and codes are those of each system's own export.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from devtools.district import ENDED, EXPORTER, YEAR, District
from devtools.stack import Stack
from shared.model.catalog import catalog
from tests.e2e.enroll import students
from tests.e2e.files import roster
from tests.unit.roster_sets import packed, set_1_1, set_1_2

STOPPED = frozenset({"needs_approval", *ENDED})
KEY = "students.student_district_id"


@dataclass(frozen=True)
class File:
    """A file, and what Enroll is to hold of its first student. `match` is the field that the students are known by."""

    name: str
    content: bytes
    expected: dict[str, Any]
    rows: int = 3
    fields: dict[str, Any] = field(default_factory=dict)


def table(*lines: str, separator: str, end: str, encoding: str = "utf-8") -> bytes:
    return "".join(line.replace("|", separator) + end for line in lines).encode(encoding)


POWERSCHOOL = table(
    "Student_Number|Last_Name|First_Name|Middle_Name|DOB|Gender|Grade_Level|SchoolID|Home_Phone|Street|City|State|Zip|"
    "Entry_Date|Enroll_Status|State_StudentNumber|DCID",
    "20231|Nguyễn|Mara|Inés|03/09/2015|F|5|100|480-555-0147|12 Elm St|Mesa|AZ|85201|08/05/2026|0|9900012345|7701",
    "20232|O'Neil|José||12/31/2014|M|0|100|(480) 555-0148|9 Oak Ave|Mesa|AZ|85201|08/05/2026|0|9900012346|7702",
    "20233|Lee|Zoë||1/2/2020|F|-1|100||1 Fir Ct|Mesa|AZ|85201|08/05/2026|0|9900012347|7703",
    separator="\t",
    end="\r",
)
AERIES = table(
    '"School Code"|"Student ID"|"Last Name"|"First Name"|"Middle Name"|"Sex"|"Grade"|"Birthdate"|"Primary Phone"|'
    '"Mailing Address"|"City"|"State"|"Zip Code"|"Parent Email Address"|"State Student ID"',
    '"994"|"0099400001"|"Nguyễn"|"Mara"|"Inés"|"F"|"5"|"3/9/2015"|"(714) 555-0147"|"12 Elm St"|"Anaheim"|"CA"|"92801"|'
    '"ana@example.org"|"9900012345"',
    '"994"|"0099400002"|"O\'Neil"|"José"|""|"M"|"K"|"12/31/2019"|"7145550148"|"9 Oak Ave"|"Anaheim"|"CA"|"92801"|""|""',
    '"994"|"0099400003"|"Lee"|"Zoë"|""|"F"|"TK"|"1/2/2021"|""|"1 Fir Ct"|"Anaheim"|"CA"|"92801"|""|""',
    separator=",",
    end="\r\n",
    encoding="utf-8-sig",
)
SKYWARD = table(
    "NameID|OtherID|NameLast|NameFirst|NameMiddle|GenderCode|GradeLevel|DateOfBirth|EntityID|PrimaryPhone|AddressLine1|StateID",
    "501|20231|Nunez|Mara|I|F|05|2015-03-09|100|4805550147|12 Elm St|9900012345",
    "502|20232|O'Neil|José||M|KG|2019-12-31|100|4805550148|9 Oak Ave|9900012346",
    "503|20233|Lee|Zoë||F|PK|2021-01-02|100||1 Fir Ct|9900012347",
    separator=",",
    end="\n",
    encoding="windows-1252",
)
CONTACTS = (
    (1, "guardian1_fname", "FirstName"),
    (1, "guardian1_lname", "LastName"),
    (1, "guardian1_email", "Emails1"),
    (1, "guardian1_phone", "Phones1"),
    (2, "guardian2_fname", "FirstName"),
    (37, "emergency1_name", "Name"),
)
MARA = {"students.fname": "Mara", "students.dob": "2015-03-09", "student_annual.grade": 5}
FILES = {
    "PowerSchool": File(
        "students.txt",
        POWERSCHOOL,
        {**MARA, KEY: "20231", "students.lname": "Nguyễn", "student_annual.phone": "(480) 555-0147"}
        | {"student_annual.current_school": "100", "students.state_unique_key": "9900012345"},
    ),
    "Aeries": File(
        "STU.csv",
        AERIES,
        {**MARA, KEY: "0099400001", "students.lname": "Nguyễn", "student_annual.current_school": "994"}
        | {"student_annual.guardian1_email": "ana@example.org", "student_annual.zip": "92801"},
    ),
    "Skyward": File(
        "roster.csv",
        SKYWARD,
        {**MARA, KEY: "20231", "students.sis_unique_key": "501", "student_annual.phone": "(480) 555-0147"},
    ),
    **{
        f"OneRoster {version}": File(
            "oneroster.zip",
            packed(files),
            {**MARA, KEY: "20231", "students.lname": "Nguyễn", "student_annual.current_school": "100"}
            | {"student_annual.guardian1_fname": "Ana", "student_annual.guardian2_fname": "Li", "students.gender": "F"}
            | {"students.race": ["A", "W"]},
        )
        for version, files in (("1.1", set_1_1()), ("1.2", set_1_2()))
    },
}


@pytest.mark.parametrize("system", FILES)
async def test_a_file_is_proposed_saved_and_imported_as_it_is(system: str, district: District, tmp_path: Path) -> None:
    file, api = FILES[system], district.api
    connection = (await api.post("/connections", json={"name": system, "kind": "ad_hoc"})).json()["id"]
    path = tmp_path / file.name
    path.write_bytes(file.content)

    read = await api.post("/catalogs/students/read-file", files={"file": (file.name, file.content)})
    proposals = read.raise_for_status().json()["proposals"]
    await district.map_students(connection, {"fields": [one["row"] for one in proposals]})
    run = await district.watch((await district.upload(connection, path))["id"])

    assert (run["state"], run["counts"]["created"]) == ("succeeded", file.rows), await district.records(run["id"])
    held = (await students(district))[file.expected[KEY]]
    assert {name: held.get(name) for name in file.expected} == file.expected
    again = await district.watch((await district.upload(connection, path, roster="full"))["id"])
    assert (again["state"], again["counts"]["unchanged"], again["counts"]["missing"]) == ("succeeded", file.rows, 0)


async def test_schools_of_a_oneroster_set(district: District, tmp_path: Path) -> None:
    connection = (await district.api.post("/connections", json={"name": "Sets", "kind": "ad_hoc"})).json()["id"]
    path = tmp_path / "set.zip"
    path.write_bytes(packed(set_1_2()))
    targets = {"schools.school_code": "identifier", "schools.school_name": "name"}
    needed = {field.name for field in catalog("schools").fields.values() if field.create} - set(targets)
    fields: list[dict[str, Any]] = [
        {"type": "direct", "target": target, "source": column} for target, column in targets.items()
    ]
    fields += [{"type": "direct", "target": target, "source": {"value": "1"}} for target in sorted(needed)]
    await district.map(connection, "schools", {"fields": fields})

    run = await district.watch((await district.upload(connection, path, data_type="schools"))["id"])

    assert (run["state"], run["counts"]["created"]) == ("succeeded", 2), await district.records(run["id"])
    assert run["stage"]["details"]["form"] == "OneRoster 1.2 CSV"
    await district.map(connection, "programs", {"fields": [{"type": "direct", "target": "programs.id", "source": "x"}]})
    other = await district.watch((await district.upload(connection, path, data_type="programs"))["id"])
    assert (other["state"], other["error"]["code"]) == ("failed", "roster.other_type")


@pytest.fixture
async def exporter(stack: Stack, org: str) -> AsyncIterator[District]:
    async with District(stack, org, permissions=EXPORTER) as one:
        yield one


async def test_what_is_exported_is_unchanged_when_it_is_imported(exporter: District, tmp_path: Path) -> None:
    """Every field of a student, the contacts under their names in a SIS, through a file and back."""
    contacts = {f"student_annual.{field}": f"{slot} - Contacts.{name}" for slot, field, name in CONTACTS}
    connection = await exporter.ad_hoc()
    first = await exporter.watch((await exporter.upload(connection, roster(tmp_path / "district.csv", 150)))["id"])
    assert first["state"] == "succeeded"
    await exporter.register(sorted(await students(exporter)))
    fields = [one.name for one in catalog("students").fields.values() if one.importable]
    columns = [{"header": contacts.get(name, name), "source": name} for name in fields]
    await exporter.map_export(connection, {"name": "all", "columns": columns})
    run = await exporter.watch((await exporter.export(connection, school_year=YEAR))["id"])
    path = tmp_path / "all.csv"
    path.write_bytes((await exporter.download(run["id"])).content)
    before = await students(exporter)

    back = (await exporter.api.post("/connections", json={"name": "Back", "kind": "ad_hoc"})).json()["id"]
    rows = [{"type": "direct", "target": name, "source": contacts.get(name, name)} for name in fields]
    await exporter.map_students(back, {"fields": rows})
    again = await exporter.watch((await exporter.upload(back, path))["id"], states=STOPPED)
    assert again["state"] == "succeeded", (again["reasons"], await exporter.records(again["id"], limit=2))

    counts = {name: again["counts"][name] for name in ("rows", "unchanged", "create", "update", "invalid")}
    assert counts == {"rows": 150, "unchanged": 150, "create": 0, "update": 0, "invalid": 0}
    assert await students(exporter) == before
