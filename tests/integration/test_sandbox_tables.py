"""The data types beside students, over the contract's own calls."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest

from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import OrganizationSpec, World
from shared.adapters.enroll import enroll_client

SCHOOL = {
    "schools.school_code": "100",
    "schools.school_name": "Mesa Elementary",
    "schools.school_group_id": 1,
    "school_annual.level_id": 1,
    "schools.address": "12 Elm St",
}


class Caller:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self._sequence = 0

    async def send(self, data_type: str, key: str, records: list[dict[str, Any]], verb: str = "batch-upsert") -> Any:
        self._sequence += 1
        body = {
            "school_year": 2026,
            "match_key": key,
            "records": records,
            "connection": "c",
            "sequence": self._sequence,
        }
        return await self._post(f"{data_type}:{verb}", body, {"Idempotency-Key": f"{data_type}/{self._sequence}"})

    async def look_up(self, data_type: str, match_key: str, keys: list[str], fields: list[str]) -> Any:
        body = {"school_year": 2026, "match_key": match_key, "keys": keys, "fields": fields}
        return (await self._post(f"{data_type}:lookup", body, {}))[data_type]

    async def _post(self, path: str, body: Any, headers: dict[str, str]) -> Any:
        answer = await self._http.post(f"/api/v1/organizations/o-1/{path}", json=body, headers=headers)
        return answer.raise_for_status().json()


def record(key: Any, **values: Any) -> dict[str, Any]:
    text = key if isinstance(key, str) else orjson.dumps(key).decode()
    return {"key": text, "id": None, "values": {name.replace("__", "."): value for name, value in values.items()}}


@pytest.fixture
async def enroll() -> AsyncIterator[Caller]:
    world = World("token", organizations={"o-1": OrganizationSpec()})
    async with serving(create_app(world), bind("127.0.0.1", 0)) as address, enroll_client(address, "token") as http:
        yield Caller(http)


def codes(answer: Any) -> list[tuple[str, list[str]]]:
    return [(one["status"], [error["code"] for error in one["errors"]]) for one in answer["results"]]


async def test_a_check_answers_like_an_upsert_and_changes_nothing(enroll: Caller) -> None:
    school = {"key": "100", "id": None, "values": SCHOOL}
    assert codes(await enroll.send("schools", "schools.school_code", [school], "check")) == [("created", [])]
    assert await enroll.look_up("schools", "schools.school_code", ["100"], ["schools.school_name"]) == []
    assert codes(await enroll.send("schools", "schools.school_code", [school])) == [("created", [])]
    assert codes(await enroll.send("schools", "schools.school_code", [school], "check")) == [("unchanged", [])]
    student = {"students.fname": "Mara", "students.lname": "Torres", "students.dob": "2015-03-09"}
    sent: list[dict[str, Any]] = [{"key": "1", "id": None, "values": student}, {"key": "2", "id": None, "values": {}}]
    answer = await enroll.send("students", "students.student_district_id", sent, "check")
    assert codes(answer) == [("created", []), ("failed", ["value.required"] * 3)]
    assert await enroll.look_up("students", "students.student_district_id", ["1"], []) == []


async def test_a_record_is_found_by_each_of_its_keys(enroll: Caller) -> None:
    await enroll.send("schools", "schools.school_code", [{"key": "100", "id": None, "values": SCHOOL}])
    program = record(["100", "Dual"], programs__category_id=1, programs__title="Dual", schools__school_code="100")
    key = "schools.school_code+programs.title"
    assert codes(await enroll.send("programs", key, [program])) == [("created", [])]
    (found,) = await enroll.look_up("programs", key, ['["100","dual"]'], ["programs.id", "programs.school_id"])
    own, school = found["values"]["programs.id"], found["values"]["programs.school_id"]
    for match_key, text in (("programs.id", str(own)), ("programs.school_id+programs.title", f'["{school}","DUAL"]')):
        (same,) = await enroll.look_up("programs", match_key, [text], ["programs.title"])
        assert (same["id"], same["values"]["programs.title"]) == (str(own), "Dual")
    assert codes(await enroll.send("programs", key, [program])) == [("unchanged", [])]
    renamed = {"key": str(own), "id": None, "values": {"programs.title": "Immersion"}}
    assert codes(await enroll.send("programs", "programs.id", [renamed])) == [("updated", [])]
    assert await enroll.look_up("programs", key, ['["100","Dual"]'], []) == []


@pytest.mark.parametrize(
    ("data_type", "match_key", "sent", "expected"),
    [
        ("schools", "schools.school_code", {"key": "", "values": {}}, "key.missing"),
        ("schools", "schools.school_code", {"key": "1", "values": 5}, "record.malformed"),
        ("schools", "schools.id", {"key": "1", "values": {}}, "school.unknown"),
        ("schools", "schools.school_code", {"key": "1", "values": {"schools.shoe": 1}}, "field.unknown"),
        (
            "schools",
            "schools.school_code",
            {"key": "1", "values": {**SCHOOL, "schools.abbr": "x" * 101}},
            "value.too_long",
        ),
        (
            "schools",
            "schools.school_code",
            {"key": "1", "values": {**SCHOOL, "schools.school_group_id": 9}},
            "school_group.unknown",
        ),
        ("programs", "schools.school_code+programs.title", {"key": "100", "values": {}}, "key.malformed"),
        ("programs", "schools.school_code+programs.title", {"key": '["1"]', "values": {}}, "key.malformed"),
        ("programs", "schools.school_code+programs.title", {"key": '["1","a"]', "values": {}}, "school.unknown"),
        (
            "cutoff_numbers",
            "cutoff_numbers.program_id+cutoff_numbers.grade",
            {"key": '["1","x"]', "values": {}},
            "value.wrong_type",
        ),
        (
            "admin_users",
            "admin_users.email",
            {"key": "a@example.org", "values": {"admin_users.is_admin": 2}},
            "value.wrong_type",
        ),
    ],
)
async def test_what_is_refused(enroll: Caller, data_type: str, match_key: str, sent: Any, expected: str) -> None:
    ((status, found),) = codes(await enroll.send(data_type, match_key, [{"id": None, **sent}]))
    assert (status, expected in found) == ("failed", True), found
    assert await enroll.look_up(data_type, match_key, [sent["key"]], []) == []


async def test_a_program_of_two_schools_cannot_be_told_by_its_name(enroll: Caller) -> None:
    schools = [{"key": code, "id": None, "values": {**SCHOOL, "schools.school_code": code}} for code in ("100", "200")]
    await enroll.send("schools", "schools.school_code", schools)
    sent = [record([code, "Dual"], programs__category_id=1) for code in ("100", "200")]
    assert {
        status for status, _ in codes(await enroll.send("programs", "schools.school_code+programs.title", sent))
    } == {"created"}
    key = "cutoff_numbers.program_name+cutoff_numbers.grade"
    answer = await enroll.send("cutoff_numbers", key, [record(["Dual", "0"], cutoff_numbers__cutoff=5)])
    assert codes(answer) == [("failed", ["program.ambiguous"])]


async def test_a_record_is_removed_as_it_was_made_and_only_where_nothing_hangs_on_it(enroll: Caller) -> None:
    (school,) = (await enroll.send("schools", "schools.school_code", [{**record("100"), "values": SCHOOL}]))["results"]
    made = {"programs.title": "Dual", "program_annual.acceptgrades": ["3"]}
    key = ["100", "Dual"]
    (program,) = (
        await enroll.send(
            "programs",
            "schools.school_code+programs.title",
            [{**record(key), "values": {**made, "programs.category_id": 1}}],
        )
    )["results"]
    assert (school["status"], program["status"]) == ("created", "created")

    async def remove(data_type: str, match_key: str, one: dict[str, Any], values: dict[str, Any]) -> Any:
        asked = [{"key": one["key"], "id": one["id"], "values": values}]
        (answer,) = (await enroll.send(data_type, match_key, asked, "remove"))["results"]
        return answer["status"], [(error["code"], error["field"]) for error in answer["errors"]]

    title = "schools.school_code+programs.title"
    in_use = await remove("schools", "schools.school_code", school, SCHOOL)
    assert in_use == ("failed", [("record.in_use", "")])
    changed = await remove("programs", title, program, made)
    assert changed == ("failed", [("record.changed", "programs.category_id")])
    assert await remove("programs", title, program, {**made, "programs.category_id": 1}) == ("removed", [])
    assert await remove("programs", title, program, {**made, "programs.category_id": 1}) == ("unchanged", [])
    assert await remove("schools", "schools.school_code", school, SCHOOL) == ("removed", [])
    assert await enroll.look_up("schools", "schools.school_code", ["100"], []) == []
