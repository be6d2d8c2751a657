"""The simulated Enroll's store: what it takes, what it refuses, and what it counts."""

from typing import Any

import pytest

from services.sandbox.students import Batch, Result, Students

KEY = "students.student_district_id"
BATCH = Batch(2026, KEY)
MARA = {
    "students.fname": "Mara",
    "students.lname": "Torres",
    "students.dob": "2015-03-09",
    "student_annual.grade": 3,
}


def record(key: Any = "20231", id_: Any = None, **values: Any) -> dict[str, Any]:
    return {"key": key, "id": id_, "values": MARA | {_field(name): value for name, value in values.items()}}


def change(key: Any = "20231", id_: Any = None, **values: Any) -> dict[str, Any]:
    return {"key": key, "id": id_, "values": {_field(name): value for name, value in values.items()}}


def _field(name: str) -> str:
    table = "student_annual" if name in {"grade", "phone", "city", "emergency1_contact_id"} else "students"
    return f"{table}.{name}"


def codes(result: Result) -> list[tuple[str, str]]:
    assert result["status"] == "failed"
    assert result["id"] is None
    return [(error["code"], error["field"]) for error in result["errors"]]


@pytest.fixture
def students() -> Students:
    made = Students(first_id=48210)
    assert made.upsert(BATCH, record())["status"] == "created"
    return made


def values(students: Students, key: str = "20231", year: int = 2026) -> dict[str, Any]:
    position = students.find(KEY, key)
    assert position is not None
    shown: dict[str, Any] = students.show(position, year)["values"]
    return shown


def test_a_new_student_gets_the_next_id_and_its_key() -> None:
    students = Students(first_id=48210)
    first = students.upsert(BATCH, record("20231"))
    second = students.upsert(BATCH, record("20232"))
    assert first == {"key": "20231", "status": "created", "id": "48210", "errors": []}
    assert second["id"] == "48211"
    assert values(students, "20232")[KEY] == "20232"


def test_only_the_named_fields_are_touched_and_null_clears(students: Students) -> None:
    students.upsert(BATCH, change(mname="Ines"))
    assert students.upsert(BATCH, change(grade=4))["status"] == "updated"
    assert values(students) | MARA | {"students.mname": "Ines", "student_annual.grade": 4} == values(students)
    assert students.upsert(BATCH, change(mname=None))["status"] == "updated"
    assert "students.mname" not in values(students)


def test_a_record_that_changes_nothing_is_not_written(students: Students) -> None:
    before = students.show(0, 2026)
    assert students.upsert(BATCH, record())["status"] == "unchanged"
    assert students.upsert(BATCH, change(grade="3"))["status"] == "unchanged"
    assert students.upsert(BATCH, change(mname=None))["status"] == "unchanged"
    assert students.show(0, 2026) == before
    assert before["writes"] == 1


def test_every_write_is_counted_on_the_student(students: Students) -> None:
    for grade in (4, 4, 5):
        students.upsert(BATCH, change(grade=grade))
    assert students.show(0, 2026)["writes"] == 3


def test_annual_fields_belong_to_the_school_year(students: Students) -> None:
    students.upsert(Batch(2027, KEY), change(grade=4, fname="Maria"))
    assert values(students, year=2026)["student_annual.grade"] == 3
    assert values(students, year=2027)["student_annual.grade"] == 4
    assert values(students, year=2026)["students.fname"] == "Maria"
    assert "student_annual.grade" not in values(students, year=2025)


def test_a_record_is_found_by_id_before_its_key(students: Students) -> None:
    moved = students.upsert(BATCH, change("new-id", "48210", student_district_id="new-id"))
    assert (moved["status"], moved["id"]) == ("updated", "48210")
    assert students.find(KEY, "20231") is None
    assert students.find(KEY, "new-id") == 0


@pytest.mark.parametrize("match_key", ["students.sis_unique_key", "students.state_unique_key"])
def test_other_match_keys_find_too(students: Students, match_key: str) -> None:
    students.upsert(BATCH, {"key": "20231", "id": None, "values": {match_key: "X-1"}})
    found = students.upsert(Batch(2026, match_key), change("X-1", fname="Maria"))
    assert (found["status"], found["id"]) == ("updated", "48210")


def test_students_are_found_by_enrolls_own_id(students: Students) -> None:
    own = Batch(2026, "students.id")
    assert students.upsert(own, change("48210", fname="Maria"))["status"] == "updated"
    assert codes(students.upsert(own, record("48299"))) == [("student.unknown", "students.id")]
    assert codes(students.upsert(own, record("abc"))) == [("student.unknown", "students.id")]


def test_an_unknown_id_never_makes_a_second_student(students: Students) -> None:
    assert codes(students.upsert(BATCH, record(id_="99999"))) == [("student.unknown", "students.id")]
    assert codes(students.upsert(BATCH, record(id_=48210))) == [("student.unknown", "students.id")]
    assert len(students) == 1


@pytest.mark.parametrize("missing", ["fname", "lname", "dob"])
@pytest.mark.parametrize("blank", [None, ...])
def test_creating_needs_names_and_birth_date(missing: str, blank: Any) -> None:
    students = Students()
    sent = record(**{missing: None})
    if blank is ...:
        del sent["values"][f"students.{missing}"]
    assert codes(students.upsert(BATCH, sent)) == [("value.required", f"students.{missing}")]
    assert len(students) == 0
    assert students.find(KEY, "20231") is None


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("fname", "x" * 101, "value.too_long"),
        ("fname", 5, "value.wrong_type"),
        ("dob", "2015-02-30", "value.bad_date"),
        ("dob", "03/09/2015", "value.bad_date"),
        ("dob", "20150309", "value.bad_date"),
        ("dob", "2015-W10-1", "value.bad_date"),
        ("dob", 20150309, "value.wrong_type"),
        ("grade", "three", "value.wrong_type"),
        ("grade", "", "value.wrong_type"),
        ("grade", True, "value.wrong_type"),
        ("grade", 3.0, "value.wrong_type"),
        ("grade", 12345, "value.too_long"),
        ("emergency1_contact_id", "9" * 20, "value.too_long"),
        ("sis_missing", 2, "value.wrong_type"),
        ("sis_missing", "1", "value.wrong_type"),
        ("sis_missing", True, "value.wrong_type"),
        ("race", 7, "value.wrong_type"),
        ("race", ["W", 7], "value.wrong_type"),
        ("last_import", "2026-01-01", "field.not_importable"),
        ("last_import", None, "field.not_importable"),
        ("shoe_size", "40", "field.unknown"),
        ("id", 7, "id.read_only"),
        ("student_district_id", "other", "key.differs"),
    ],
)
def test_a_bad_value_refuses_the_record_and_changes_nothing(
    students: Students, field: str, value: Any, code: str
) -> None:
    before = students.show(0, 2026)
    refused = students.upsert(BATCH, change(city="Mesa", **{field: value}))
    assert codes(refused) == [(code, _field(field))]
    assert len(str(value)) < 5 or str(value) not in refused["errors"][0]["message"]
    assert students.show(0, 2026) == before


@pytest.mark.parametrize(
    ("field", "value", "stored"),
    [
        ("fname", "é" * 100, "é" * 100),
        ("dob", "2016-02-29", "2016-02-29"),
        ("grade", "-1", -1),
        ("grade", 0, 0),
        ("emergency1_contact_id", str(2**62), 2**62),
        ("sis_missing", 1, 1),
        ("race", ["W", "H"], ["W", "H"]),
        ("race", "W", "W"),
        ("student_district_id", "20231", "20231"),
    ],
)
def test_good_values_are_stored(students: Students, field: str, value: Any, stored: Any) -> None:
    assert students.upsert(BATCH, change(**{field: value}))["status"] in {"updated", "unchanged"}
    assert values(students)[_field(field)] == stored


def test_its_own_id_may_be_sent_along(students: Students) -> None:
    assert students.upsert(BATCH, change(id=48210, fname="Maria"))["status"] == "updated"


def test_all_problems_of_a_record_are_told_at_once(students: Students) -> None:
    refused = students.upsert(BATCH, change(fname="x" * 101, dob="soon", shoe_size=1))
    assert {code for code, _ in codes(refused)} == {"value.too_long", "value.bad_date", "field.unknown"}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (None, "record.malformed"),
        ([], "record.malformed"),
        ({"key": "1"}, "record.malformed"),
        ({"key": "1", "values": []}, "record.malformed"),
        ({"values": {}}, "key.missing"),
        ({"key": "", "values": {}}, "key.missing"),
        ({"key": 7, "values": {}}, "key.missing"),
    ],
)
def test_a_malformed_record_fails_alone(students: Students, sent: Any, code: str) -> None:
    assert [found for found, _ in codes(students.upsert(BATCH, sent))] == [code]


def test_a_key_too_long_for_its_field_makes_nobody() -> None:
    students = Students()
    assert codes(students.upsert(BATCH, record("k" * 51))) == [("value.too_long", KEY)]
    assert len(students) == 0


def test_a_key_twice_in_a_batch_is_one_student() -> None:
    students = Students()
    done = [students.upsert(BATCH, sent) for sent in (record(), record(fname="Maria"))]
    assert [result["status"] for result in done] == ["created", "updated"]
    assert len(students) == 1


def test_students_who_share_a_district_id_are_counted_until_they_differ(students: Students) -> None:
    by_sis = Batch(2026, "students.sis_unique_key")
    for key in ("S-1", "S-2"):
        students.upsert(by_sis, record(key, student_district_id="20231"))
    assert students.duplicates() == 3
    assert students.find(KEY, "20231") == 0
    students.upsert(BATCH, change("x", "48210", student_district_id="x"))
    assert students.duplicates() == 2
    students.upsert(BATCH, change("y", "48211", student_district_id="y"))
    assert students.duplicates() == 0
    assert students.find(KEY, "20231") == 2


def test_look_up_gives_the_fields_asked_for(students: Students) -> None:
    fields = ["students.id", "students.fname", "students.mname", "student_annual.grade"]
    found = list(students.look_up(2026, KEY, ["absent", "20231", "20231"], fields))
    assert found == [
        {
            "key": "20231",
            "id": "48210",
            "values": dict(zip(fields, [48210, "Mara", None, 3], strict=True)),
        }
    ]


def test_a_field_under_a_fault_is_refused_with_its_message(students: Students) -> None:
    batch = Batch(2026, KEY, {"student_annual.city": "No such city."})
    refused = students.upsert(batch, change(city="Mesa"))
    assert refused["errors"] == [{"code": "value.rejected", "field": "student_annual.city", "message": "No such city."}]
    assert students.upsert(batch, change(fname="Maria"))["status"] == "updated"


def test_pages_follow_the_order_of_creation() -> None:
    students = Students(first_id=1)
    for number in range(5):
        students.upsert(BATCH, record(str(number)))
    assert [shown["id"] for shown in students.page(2026, 1, 2)] == ["2", "3"]
    assert [shown["id"] for shown in students.page(2026, 4, 10)] == ["5"]
    assert list(students.page(2026, 9, 10)) == []


def removal(students: Students, used: bool = False, dry: bool = False, **more: Any) -> Result:
    asked = {"key": "20231", "id": "48210", "values": MARA | {_field(name): value for name, value in more.items()}}
    return students.remove(BATCH, asked, lambda _: used, dry=dry)


def test_a_student_is_removed_who_is_as_they_were_made(students: Students) -> None:
    assert removal(students, dry=True)["status"] == "removed"
    assert len(students) == 1
    assert removal(students) == {"key": "20231", "status": "removed", "id": "48210", "errors": []}
    assert (len(students), students.find(KEY, "20231"), list(students.page(2026, 0, 9))) == (0, None, [])
    assert removal(students)["status"] == "unchanged"
    assert students.upsert(BATCH, record())["id"] == "48211", "an id is never given twice"


def test_a_student_with_more_or_other_values_or_in_use_stays(students: Students) -> None:
    assert codes(removal(students, used=True)) == [("record.in_use", "")]
    assert codes(removal(students, city="Mesa")) == [("record.changed", "student_annual.city")]
    students.upsert(BATCH, change(phone="480-555-0147"))
    assert codes(removal(students)) == [("record.changed", "student_annual.phone")]
    students.upsert(BATCH, change(phone=None))
    students.upsert(Batch(2027, KEY), change(grade=4))
    assert codes(removal(students)) == [("record.changed", "")]
    assert len(students) == 1
