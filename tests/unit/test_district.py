"""Invented districts: the same every time, the size asked for, and fit for Enroll through their mapping."""

import csv
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.sandbox.district import HEADERS, district_header, district_rows, student_mapping, write_district
from services.sandbox.students import Batch, Students
from shared.model.catalog import catalog
from shared.model.mapping import MappingDraft


def read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        rows = list(reader)
        return list(reader.fieldnames or ()), rows


def test_a_district_is_the_same_every_time(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_district(tmp_path / name, 200, seed=seed)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_a_student_does_not_depend_on_the_number_of_rows(tmp_path: Path) -> None:
    write_district(tmp_path / "a", 50)
    write_district(tmp_path / "b", 80)
    assert (tmp_path / "b").read_bytes().startswith((tmp_path / "a").read_bytes())


def test_district_rows_are_the_rows_of_the_file(tmp_path: Path) -> None:
    write_district(tmp_path / "a", 30)
    with (tmp_path / "a").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [list(HEADERS), *district_rows(30)]


def test_a_row_is_about_as_long_as_a_real_one(tmp_path: Path) -> None:
    write_district(tmp_path / "a", 2000)
    assert 200 <= (tmp_path / "a").stat().st_size / 2000 <= 250


@pytest.mark.parametrize("columns", [8, 30, 45])
def test_columns_as_asked(tmp_path: Path, columns: int) -> None:
    write_district(tmp_path / "a", 3, columns=columns)
    header, rows = read(tmp_path / "a")
    assert header == district_header(columns)
    assert len(set(header)) == columns
    assert all(None not in row and None not in row.values() for row in rows)


def test_too_few_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 8"):
        write_district(tmp_path / "a", 3, columns=7)


def test_changed_rows_have_another_street_in_each_edition(tmp_path: Path) -> None:
    base, changed = write_district(tmp_path / "a", 1000), write_district(tmp_path / "b", 1000, changed=0.05)
    write_district(tmp_path / "c", 1000, changed=0.05, edition=2)
    assert (base.changed, changed.changed, changed.rows) == (0, 50, 1000)
    one, two, three = (read(tmp_path / name)[1] for name in "abc")
    different = [n for n in range(1000) if one[n] != two[n]]
    assert len(different) == 50
    assert [n for n in range(1000) if two[n] != three[n]] == different
    assert all(one[n] | {"Street": ""} == two[n] | {"Street": ""} for n in different)


def test_missing_students_are_left_out(tmp_path: Path) -> None:
    written = write_district(tmp_path / "a", 1000, missing=0.1)
    write_district(tmp_path / "b", 1000)
    some, everyone = ({row["Student ID"] for row in read(tmp_path / name)[1]} for name in "ab")
    assert (written.rows, written.missing, len(some)) == (900, 100, 900)
    assert some < everyone


def test_bad_rows_have_a_birth_date_that_does_not_exist(tmp_path: Path) -> None:
    written = write_district(tmp_path / "a", 1000, bad=0.01)
    bad = [row for row in read(tmp_path / "a")[1] if row["Birth Date"].startswith("02/30/")]
    assert written.bad == len(bad) == 10


def test_nobody_can_be_reached_and_names_are_of_all_kinds() -> None:
    rows = [dict(zip(HEADERS, row, strict=True)) for row in district_rows(2000)]
    for row in rows:
        assert row["Guardian 1 Email"].endswith("@example.org")
        assert row["Guardian 1 Email"].isascii()
        for column in ("Phone", "Guardian 1 Phone", "Guardian 2 Phone", "Emergency 1 Phone"):
            assert re.fullmatch(r"\d{3}55501\d\d|", row[column])
    names = {row["First Name"] for row in rows} | {row["Last Name"] for row in rows}
    assert {"José", "Nguyễn", "O'Neil"} <= names
    assert len({row["Student ID"] for row in rows}) == 2000


@pytest.mark.parametrize("columns", [8, 30])
def test_the_mapping_names_columns_and_fields_that_exist(columns: int) -> None:
    draft = MappingDraft.model_validate(student_mapping(columns))
    fields, header = catalog("students").fields, set(district_header(columns))
    targets = [row.target for row in draft.fields]
    assert len(targets) == len(set(targets))
    assert all(fields[target].importable for target in targets)
    assert {row.source for row in draft.fields if row.type in ("direct", "match_codes")} <= header
    assert {row.type for row in draft.fields} == {"direct", "match_codes", "transformation", "do_not_map"}


def test_enroll_takes_every_mapped_row() -> None:
    mapping = student_mapping()
    students, batch = Students(), Batch(2026, "students.student_district_id")
    for row in district_rows(500):
        cells = dict(zip(HEADERS, row, strict=True))
        record = {"key": cells["Student ID"], "id": None, "values": _mapped(mapping, cells)}
        assert students.upsert(batch, record)["errors"] == []
    assert len(students) == 500


def _mapped(mapping: dict[str, Any], cells: dict[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for row in mapping["fields"]:
        cell = cells.get(row.get("source", ""), "")
        match row["type"], row.get("name"):
            case "direct", _:
                values[row["target"]] = cell or None
            case "match_codes", _:
                values[row["target"]] = row["codes"][cell]
            case _, "date":
                born = datetime.strptime(cells["Birth Date"], "%m/%d/%Y")  # noqa: DTZ007
                values[row["target"]] = born.date().isoformat()
            case _, "phone_number":
                phone = cells["Phone"]
                values[row["target"]] = f"({phone[:3]}) {phone[3:6]}-{phone[6:]}"
            case _, "value_input":
                values[row["target"]] = row["options"]["value"]
    return values
