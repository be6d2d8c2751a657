"""All seven imports, in the order they depend on each other; and what the wrong order is told."""

import csv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devtools.district import FULL, District
from devtools.stack import Stack
from shared.model.catalog import catalog

WAITS = frozenset({"needs_approval"})
Rows = list[dict[str, Any]]

SCHOOLS: Rows = [
    {
        "schools.school_code": code,
        "schools.school_name": name,
        "schools.school_group_id": 1,
        "school_annual.level_id": 1,
        "schools.address": "12 Elm St",
        "school_annual.enrollgrades": "0,1,2",
    }
    for code, name in (("100", "Mesa Elementary"), ("200", "Cedar Middle"))
]
PROGRAMS: Rows = [
    {
        "schools.school_code": code,
        "programs.title": title,
        "programs.category_id": 1,
        "program_annual.acceptgrades": "0;1",
    }
    for code, title in (("100", "Dual Language"), ("200", "Robotics"))
]
STUDENT = {"students.fname": "José", "students.lname": "Nguyễn", "students.dob": "2020-03-09"}
STUDENTS: Rows = [{"students.student_district_id": "S-1", **STUDENT}]
APPLICATIONS: Rows = [
    {
        "students.student_district_id": "S-1",
        **STUDENT,
        "students.fname": "JOSE",
        "applications.program_name": "dual language",
        "applications.choice_rank": 1,
    }
]
CUTOFFS: Rows = [
    {"cutoff_numbers.program_name": "Dual Language", "cutoff_numbers.grade": grade, "cutoff_numbers.cutoff": seats}
    for grade, seats in ((0, 15), (1, ""))
]
SEATS: Rows = [
    {
        "seat_tracker.program_name": "Robotics",
        "seat_tracker.grade": 0,
        "seat_tracker.capacity": 100,
        "seat_tracker.returning": 85,
    }
]
ADMIN = {
    "admin_users.email": "lee@example.org",
    "admin_users.fname": "Lee",
    "admin_users.lname": "Ortega",
    "admin_users.is_admin": 1,
    "admin_users.group_id": 2,
    "admin_users.all_programs": 0,
}


@pytest.fixture
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    async with District(stack, org, permissions=(*FULL, "Edit Administrators")) as one:
        yield one


@pytest.fixture
async def connection(district: District) -> str:
    return await district.ad_hoc(roster="some")


class Sender:
    """Writes rows as a CSV file under the labels of the fields, maps it directly, and imports it."""

    def __init__(self, district: District, connection: str, folder: Path) -> None:
        self._district = district
        self._connection = connection
        self._folder = folder

    async def start(self, data_type: str, rows: Rows, **query: Any) -> dict[str, Any]:
        fields = catalog(data_type).fields
        path = self._folder / f"{data_type}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([fields[name].label for name in rows[0]])
            writer.writerows(row.values() for row in rows)
        draft = {"fields": [{"type": "direct", "target": name, "source": fields[name].label} for name in rows[0]]}
        await self._district.map(self._connection, data_type, draft)
        return await self._district.upload(self._connection, path, data_type=data_type, **query)

    async def __call__(self, data_type: str, rows: Rows, **query: Any) -> dict[str, Any]:
        return await self._district.watch((await self.start(data_type, rows, **query))["id"])

    async def problems(self, run: dict[str, Any]) -> list[tuple[str, str]]:
        records = await self._district.records(run["id"], outcome="Failed")
        assert all(problem["message"] and problem["fix"] for one in records for problem in one["problems"]), records
        return [(problem["code"], problem["field"]) for one in records for problem in one["problems"]]


@pytest.fixture
def send(district: District, connection: str, tmp_path: Path) -> Sender:
    return Sender(district, connection, tmp_path)


async def held(district: District, data_type: str) -> Rows:
    answer = await district.enroll.get(f"/sandbox/organizations/{district.org}/{data_type}")
    return [one["values"] for one in answer.raise_for_status().json()[data_type]]


async def assign_forms(district: District) -> None:
    (await district.enroll.put(f"/sandbox/organizations/{district.org}/forms", json={})).raise_for_status()


async def test_every_data_type_in_order_and_again(district: District, send: Sender) -> None:
    await send("schools", SCHOOLS)
    await send("programs", PROGRAMS)
    await assign_forms(district)
    ids = [str(one["programs.id"]) for one in await held(district, "programs")]
    admins = [{**ADMIN, "1 - programs.id": ",".join(ids), "1 - programs.grades": "all"}]
    steps = [
        ("schools", SCHOOLS),
        ("programs", PROGRAMS),
        ("students", STUDENTS),
        ("applications", APPLICATIONS),
        ("cutoff_numbers", CUTOFFS),
        ("seat_tracker_mapping", SEATS),
        ("admin_users", admins),
    ]
    for data_type, rows in steps:
        run = await send(data_type, rows)
        assert run["state"] == "succeeded", (data_type, run, await send.problems(run))
    for data_type, rows in steps:
        run = await send(data_type, rows)
        assert (run["state"], run["counts"]["unchanged"]) == ("succeeded", len(rows)), (data_type, run)

    school = next(one for one in await held(district, "schools") if one["schools.school_code"] == "100")
    program = next(one for one in await held(district, "programs") if one["programs.title"] == "Dual Language")
    assert (school["schools.school_name"], school["school_annual.enrollgrades"]) == ("Mesa Elementary", ["0", "1", "2"])
    assert program["programs.school_id"] == school["schools.id"]
    (application,) = await held(district, "applications")
    assert application["students.fname"] == "José"
    assert application["applications.program_name"] == "Dual Language"
    assert application["applications.submitted_timestamp"]
    (cutoff,) = await held(district, "cutoff_numbers")
    assert (cutoff["cutoff_numbers.cutoff"], cutoff["cutoff_numbers.lottery_group"]) == (15, 0)
    (seats,) = await held(district, "seat_tracker_mapping")
    assert (seats["seat_tracker.capacity"], seats["seat_tracker.returning"]) == (100, 85)
    (admin,) = await held(district, "admin_users")
    assert admin["1 - programs.id"] == ids


async def test_the_wrong_order_is_told_and_writes_nothing(district: District, send: Sender) -> None:
    for data_type, rows, expected in (
        ("programs", PROGRAMS, "school.unknown"),
        ("applications", APPLICATIONS, "program.unknown"),
        ("cutoff_numbers", CUTOFFS, "program.unknown"),
        ("seat_tracker_mapping", SEATS, "program.unknown"),
        ("admin_users", [{**ADMIN, "1 - programs.id": "77"}], "program.unknown"),
    ):
        run = await send(data_type, rows)
        assert {code for code, _ in await send.problems(run)} == {expected}, (data_type, run)
        assert await held(district, data_type) == []
    await send("schools", SCHOOLS)
    await send("programs", PROGRAMS)
    run = await send("applications", APPLICATIONS)
    assert {code for code, _ in await send.problems(run)} == {"student.unknown"}
    await send("students", STUDENTS)
    run = await send("applications", APPLICATIONS)
    assert {code for code, _ in await send.problems(run)} == {"program.no_form"}


async def test_a_preview_shows_the_wrong_order_before_anything_is_sent(district: District, send: Sender) -> None:
    many = [{**APPLICATIONS[0], "students.student_district_id": f"S-{number}"} for number in range(20)]
    run = await send.start("applications", many, preview="true")
    run = await district.watch(run["id"])
    assert (run["state"], run["counts"]["invalid"], run["decided_by"]) == ("failed", 20, None)
    assert await held(district, "applications") == []


async def test_an_application_must_be_of_that_very_student(district: District, send: Sender) -> None:
    await send("schools", SCHOOLS)
    await send("programs", PROGRAMS)
    await assign_forms(district)
    await send("students", STUDENTS)
    run = await send("applications", [{**APPLICATIONS[0], "students.dob": "2020-03-10"}])
    assert await send.problems(run) == [("student.another_person", "students.dob")]
    assert await held(district, "applications") == []


async def test_a_student_is_not_made_into_another(district: District, send: Sender) -> None:
    await send("students", STUDENTS)
    other = {"students.fname": "Ana", "students.lname": "Torres", "students.dob": "2019-01-02"}
    run = await send("students", [{**STUDENTS[0], **other}])
    assert await send.problems(run) == [("key.another_person", "students.id")]
    run = await send("students", [{**STUDENTS[0], "students.lname": "Nguyễn-Torres"}])
    assert (run["state"], run["counts"]["updated"]) == ("succeeded", 1)


async def test_access_that_the_file_does_not_name_is_taken_away_but_not_silently(
    district: District, send: Sender
) -> None:
    await send("schools", SCHOOLS)
    await send("programs", PROGRAMS)
    first, second = [str(one["programs.id"]) for one in await held(district, "programs")]
    await send("admin_users", [{**ADMIN, "1 - programs.id": first, "2 - programs.id": second}])

    started = await send.start("admin_users", [{**ADMIN, "1 - programs.id": first}])
    run = await district.watch(started["id"], states=WAITS)
    assert [one["code"] for one in run["reasons"]] == ["guard.access_lost"]
    (await district.api.post(f"/runs/{run['id']}/approve")).raise_for_status()
    assert (await district.watch(run["id"]))["state"] == "succeeded"

    (admin,) = await held(district, "admin_users")
    assert (admin["1 - programs.id"], admin["2 - programs.id"]) == ([first], None)
    (record,) = await district.records(run["id"])
    assert record["changes"] == {"2 - programs.id": [[second], None]}


async def test_an_admin_is_revoked_with_two_columns(district: District, send: Sender) -> None:
    await send("admin_users", [{**ADMIN, "admin_users.all_programs": 1}])
    run = await send("admin_users", [{"admin_users.email": "LEE@example.org", "admin_users.is_admin": 0}])
    assert run["state"] == "succeeded", await send.problems(run)
    (admin,) = await held(district, "admin_users")
    assert (admin["admin_users.is_admin"], admin["admin_users.fname"]) == (0, "Lee")
    run = await send("admin_users", [{"admin_users.email": "new@example.org", "admin_users.is_admin": 1}])
    assert {code for code, _ in await send.problems(run)} == {"value.needed_to_create"}


async def test_importing_admins_needs_the_permission(stack: Stack, org: str, tmp_path: Path) -> None:
    async with District(stack, org) as district:
        answer = await district.api.put(
            f"/connections/{await district.ad_hoc()}/mappings/admin_users",
            json={"fields": [{"type": "direct", "target": "admin_users.email", "source": "Email"}]},
        )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission.refused")


async def test_every_data_type_is_taken_back_from_the_last_to_the_first(district: District, send: Sender) -> None:
    admins = [{**ADMIN, "admin_users.all_programs": 1}]
    steps = [
        ("schools", SCHOOLS),
        ("programs", PROGRAMS),
        ("students", STUDENTS),
        ("cutoff_numbers", CUTOFFS),
        ("seat_tracker_mapping", SEATS),
        ("admin_users", admins),
    ]
    runs = [(data_type, await send(data_type, rows)) for data_type, rows in steps]
    first = await undone(district, runs[0][1]["id"])
    assert await send.problems(first) == [("record.in_use", "")] * 2, "programs belong to the schools"
    for data_type, run in reversed(runs):
        undo = await undone(district, run["id"])
        told = (data_type, undo["counts"], await send.problems(undo))
        assert (undo["state"], undo["counts"]["removed"]) == ("succeeded", run["counts"]["created"]), told
        rest = f"/sandbox/organizations/{district.org}/{data_type}"
        assert (await district.enroll.get(rest)).raise_for_status().json()[data_type] == []


async def undone(district: District, run: str) -> dict[str, Any]:
    id = (await district.api.post(f"/runs/{run}/undo")).raise_for_status().json()["id"]
    return await district.watch(id)
