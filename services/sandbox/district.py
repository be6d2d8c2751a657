"""Invented districts as CSV files: any size, streamed, the same for the same seed."""

import csv
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from services.sandbox import people

HEADERS = (
    *("Student ID", "First Name", "Last Name", "Birth Date", "Gender", "Grade", "School", "Phone"),
    *("Street", "City", "State", "Zip", "Middle Name", "State ID", "Race", "Home Language", "Apartment"),
    *("Guardian 1 First Name", "Guardian 1 Last Name", "Guardian 1 Email", "Guardian 1 Phone"),
    *("Guardian 1 Relation", "Guardian 2 First Name", "Guardian 2 Last Name", "Guardian 2 Phone"),
    *("Emergency 1 Name", "Emergency 1 Phone", "Emergency 1 Relation", "Emergency 2 Name", "Homeroom"),
)
FIRST_STUDENT = 2_000_001
_FIRST_BIRTH_YEAR = 2021
_DIRECT = {
    "students.student_district_id": "Student ID",
    "students.fname": "First Name",
    "students.mname": "Middle Name",
    "students.lname": "Last Name",
    "students.state_unique_key": "State ID",
    "students.race": "Race",
    "student_annual.current_school": "School",
    "student_annual.address": "Street",
    "student_annual.address2": "Apartment",
    "student_annual.city": "City",
    "student_annual.state": "State",
    "student_annual.zip": "Zip",
    "student_annual.language": "Home Language",
    "student_annual.guardian1_fname": "Guardian 1 First Name",
    "student_annual.guardian1_lname": "Guardian 1 Last Name",
    "student_annual.guardian1_email": "Guardian 1 Email",
    "student_annual.guardian1_phone": "Guardian 1 Phone",
    "student_annual.guardian1_relation": "Guardian 1 Relation",
    "student_annual.guardian2_fname": "Guardian 2 First Name",
    "student_annual.guardian2_lname": "Guardian 2 Last Name",
    "student_annual.guardian2_phone": "Guardian 2 Phone",
    "student_annual.emergency1_name": "Emergency 1 Name",
    "student_annual.emergency1_phone": "Emergency 1 Phone",
    "student_annual.emergency1_relation": "Emergency 1 Relation",
    "student_annual.emergency2_name": "Emergency 2 Name",
}
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class District:
    """What was written: rows, and how many of them are `changed` or `bad`; `missing` were left out."""

    rows: int
    changed: int
    missing: int
    bad: int


def write_district(
    path: Path,
    rows: int,
    columns: int = 30,
    seed: int = 1,
    changed: float = 0.0,
    missing: float = 0.0,
    bad: float = 0.0,
    edition: int = 1,
) -> District:
    """Writes a district of `rows` students; student n is the same for every `rows`.

    Args:
        columns: of `HEADERS`, from the left, at least 8; further ones are called "Extra 31" and so on.
        changed: fraction with another street than without this option; each `edition` gives another one.
        missing: fraction of students left out.
        bad: fraction with a birth date that does not exist.
    """
    written = lost = moved = broken = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(district_header(columns))
        for number in range(rows):
            if _chosen(number, missing):
                lost += 1
                continue
            is_moved, is_broken = _chosen(number, changed), _chosen(number, bad)
            row = _row(number, seed, edition if is_moved else 0, is_broken)
            writer.writerow(_fit(row, columns, number))
            written += 1
            moved += is_moved
            broken += is_broken
    return District(written, moved, lost, broken)


def district_header(columns: int = 30) -> list[str]:
    """The header of a district with so many columns."""
    if columns < 8:
        raise ValueError("A district has at least 8 columns.")
    return [*HEADERS[:columns], *(f"Extra {number}" for number in range(len(HEADERS) + 1, columns + 1))]


def district_rows(rows: int, columns: int = 30, seed: int = 1) -> Iterator[list[str]]:
    """The rows of a district as `write_district` writes them, without the header."""
    return (_fit(_row(number, seed, 0, False), columns, number) for number in range(rows))


def student_mapping(columns: int = 30, school_year: int = 2026) -> dict[str, Any]:
    """An import mapping that fits such a file, in the shape of `shared.model.mapping.MappingDraft`."""
    grades = {"PK": "-1", "KG": "0", **{f"{grade:02d}": str(grade) for grade in range(1, 13)}}
    phone = {"source": "Phone", "form": "(999) 999-9999"}
    date = {"source": "Birth Date", "from": "MM/DD/YYYY", "to": "YYYY-MM-DD"}
    present = set(district_header(columns))
    fields: list[dict[str, Any]] = [
        {"type": "direct", "target": target, "source": source}
        for target, source in _DIRECT.items()
        if source in present
    ]
    fields += [
        _transformation("students.dob", "date", date),
        _match_codes("students.gender", "Gender", {"Male": "M", "Female": "F", "X": "X"}),
        _match_codes("student_annual.grade", "Grade", grades),
        _transformation("student_annual.phone", "phone_number", phone),
        _transformation("students.sis_school_year", "value_input", {"value": str(school_year)}),
        {"type": "do_not_map", "target": "students.ssn"},
    ]
    return {"name": "default", "fields": fields}


def student_export(name: str = "roster_{YYYY}{MM}{DD}", **settings: Any) -> dict[str, Any]:
    """One file of an export, in the shape of `shared.model.export_file.ExportFile`."""
    born = {"source": "students.dob", "from": "YYYY-MM-DD", "to": "MM/DD/YYYY"}
    columns: list[tuple[str, Any]] = [
        ("Student_Number", "students.student_district_id"),
        ("Last_Name", "students.lname"),
        ("First_Name", "students.fname"),
        ("DOB", {"transformation": "date", "options": born}),
        ("SchoolID", "schools.school_code"),
    ]
    return {"name": name, "columns": [{"header": header, "source": source} for header, source in columns], **settings}


def _transformation(target: str, name: str, options: dict[str, str]) -> dict[str, Any]:
    return {"type": "transformation", "target": target, "name": name, "options": options}


def _match_codes(target: str, source: str, codes: dict[str, str]) -> dict[str, Any]:
    return {"type": "match_codes", "target": target, "source": source, "codes": codes, "unmatched": "fail"}


class _Dice:
    """Draws that depend on the seed and the student alone."""

    __slots__ = ("_left",)

    def __init__(self, seed: int, number: int) -> None:
        self._left = int.from_bytes(blake2b(b"%d:%d" % (seed, number)).digest(), "big")

    def below(self, limit: int) -> int:
        self._left, drawn = divmod(self._left, limit)
        return drawn

    def pick(self, choices: Sequence[_T]) -> _T:
        return choices[self.below(len(choices))]


def _row(number: int, seed: int, edition: int, is_bad: bool) -> list[str]:
    dice = _Dice(seed, number)
    pick, below = dice.pick, dice.below
    grade = below(len(people.GRADES))
    first, last = pick(people.FIRST_NAMES), pick(people.LAST_NAMES)
    month, day = 1 + below(12), 1 + below(28)
    year = _FIRST_BIRTH_YEAR - grade
    city, postcode = pick(people.CITIES)
    parent, partner = pick(people.FIRST_NAMES), pick(people.FIRST_NAMES)
    both = below(2) == 0
    phone = _phone(dice)
    return [
        str(FIRST_STUDENT + number),
        first,
        last,
        f"02/30/{year}" if is_bad else f"{month:02d}/{day:02d}/{year}",
        pick(people.GENDERS),
        people.GRADES[grade],
        pick(people.SCHOOLS),
        phone,
        f"{1 + below(899) + 1000 * edition} {pick(people.STREETS)}",
        city,
        "AZ",
        postcode,
        pick(people.FIRST_NAMES) if below(3) else "",
        str(9_900_000_001 + number),
        pick(people.RACES),
        pick(people.LANGUAGES),
        f"Apt {1 + below(40)}, Rear" if below(8) == 0 else "",
        parent,
        last,
        f"{_ASCII[parent]}.{_ASCII[last]}@example.org",
        phone,
        pick(people.GUARDIANS),
        partner if both else "",
        last if both else "",
        _phone(dice) if both else "",
        f"{pick(people.FIRST_NAMES)} {pick(people.LAST_NAMES)}",
        _phone(dice),
        pick(people.CONTACTS),
        f"{pick(people.FIRST_NAMES)} {pick(people.LAST_NAMES)}",
        f"R{below(90) + 10}",
    ]


def _phone(dice: _Dice) -> str:
    return f"{dice.pick(people.AREA_CODES)}55501{dice.below(100):02d}"


def _fit(row: list[str], columns: int, number: int) -> list[str]:
    return [*row[:columns], *(f"x{(number + extra) % 97}" for extra in range(len(row), columns))]


def _chosen(number: int, fraction: float) -> bool:
    """Evenly spread, and exactly `rows * fraction` of the first `rows`, rounded down."""
    return int((number + 1) * fraction + 1e-9) > int(number * fraction + 1e-9)


def _ascii(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.lower().translate({0x142: "l", 0xF8: "o"}))
    return "".join(letter for letter in folded if letter.isascii() and letter.isalpha())


_ASCII = {name: _ascii(name) for name in (*people.FIRST_NAMES, *people.LAST_NAMES)}
