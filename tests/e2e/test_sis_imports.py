"""Students out of a SIS: connected, tested, proposed with their contacts, imported, then only what changed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from devtools.district import ENDED, EXPORTER, District
from devtools.sis_districts import SISS, SisDistrict
from devtools.stack import Stack
from tests.e2e.enroll import Faults, students

STUDENTS = 120
STOPPED = frozenset({"needs_approval", *ENDED})
RENAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "powerschool": ("/students/{id}", {"name": {"last_name": "Quintanilla"}}),
    "aeries": ("/students/{StudentID}", {"LastName": "Quintanilla"}),
    "skyward": ("/objects/Demographics/Name/{NameID}", {"LastName": "Quintanilla"}),
}
GONE: dict[str, tuple[str, dict[str, Any]]] = {
    "powerschool": ("/students/{id}", {"school_enrollment": {"enroll_status": "T"}}),
    "aeries": ("/students/{StudentID}", {"InactiveStatusCode": "T "}),
}
ABOUT: dict[str, dict[str, Any]] = {
    "powerschool": {"contacts": True, "extension_fields": ["u_enroll_ext.homeroom"]},
}


@pytest.fixture
async def district(stack: Stack, unique: str) -> AsyncIterator[District]:
    async with District(stack, f"o-{unique}", permissions=EXPORTER) as one:
        yield one


async def opened(district: District, kind: str) -> tuple[SisDistrict, str]:
    """A SIS with students, and a connection whose mapping of imports is the proposed one."""
    sis = SISS[kind](district)
    await sis.make(students=STUDENTS)
    connection = await sis.connect(about=ABOUT.get(kind, {}))
    await sis.propose(connection)
    return sis, connection


async def pulled(district: District, connection: str) -> dict[str, Any]:
    return await district.watch((await district.pull(connection))["id"], states=STOPPED)


async def change(sis: SisDistrict, what: tuple[str, dict[str, Any]], place: int) -> None:
    path, values = what
    await sis.patch(path.format(**(await sis.held())["students"][place]), **values)


@pytest.mark.parametrize("kind", sorted(SISS))
async def test_students_are_imported_and_then_only_what_changed(district: District, kind: str) -> None:
    sis, connection = await opened(district, kind)
    tested = (await district.api.post(f"/connections/{connection}/test")).raise_for_status().json()
    assert tested["ok"]
    run = await pulled(district, connection)
    told = [one["problems"] for one in await district.records(run["id"], limit=2)]
    assert (run["state"], run["counts"]["created"]) == ("succeeded", STUDENTS), (run["reasons"], run["error"], told)
    held = await students(district)
    assert all(one["students.dob"] and one["student_annual.guardian1_fname"] for one in held.values())

    await change(sis, RENAMED[kind], 7)
    again = await pulled(district, connection)
    counts = {name: again["counts"][name] for name in ("updated", "unchanged", "missing", "invalid")}
    same = {"updated": 1, "unchanged": STUDENTS - 1, "missing": 0, "invalid": 0}
    assert (again["state"], counts) == ("succeeded", same), again["reasons"]
    assert [one["students.lname"] for one in (await students(district)).values()].count("Quintanilla") == 1


@pytest.mark.parametrize("kind", sorted(GONE))
async def test_who_has_left_is_missing_and_many_at_once_ask_first(district: District, kind: str) -> None:
    sis, connection = await opened(district, kind)
    await pulled(district, connection)
    await change(sis, GONE[kind], 7)
    one = await pulled(district, connection)
    assert (one["state"], one["counts"]["missing"]) == ("succeeded", 1)
    await sis.make(students=30)
    many = await pulled(district, connection)
    assert [reason["code"] for reason in many["reasons"]] == ["guard.too_many_missing"]


async def test_maintenance_is_waited_out(district: District, faults: Faults) -> None:
    _, connection = await opened(district, "powerschool")
    path = f"/powerschool/{district.org}/ws/v1/district/student$"
    await faults({"path": path, "body": "<html>Maintenance</html>", "times": 2})
    run = await pulled(district, connection)
    assert (run["state"], run["counts"]["created"]) == ("succeeded", STUDENTS)


async def test_a_login_of_another_kind_is_refused(district: District) -> None:
    _, connection = await opened(district, "aeries")
    for other in ({"password": "x"}, {"client_id": "a", "client_secret": "b"}):
        answer = await district.api.put(f"/connections/{connection}/credentials", json=other)
        assert answer.json()["error"]["code"] == "sis.other_login"
    (await district.api.put(f"/connections/{connection}/credentials", json={"certificate": "zz9"})).raise_for_status()
    answer = await district.api.post(f"/connections/{connection}/test")
    assert answer.json()["error"]["code"] == "sis.login_refused"
    assert "zz9" not in answer.text
