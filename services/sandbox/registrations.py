"""Registrations of one organization: made under /sandbox, read by Sync Service once they are approved."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from services.sandbox.students import DISTRICT_ID
from shared.model.number import whole_number

if TYPE_CHECKING:
    from services.sandbox.world import Organization

APPROVED = 1
STATUSES = ("Pending", "In Progress", "Failed", "Partial Sync", "Succeeded")
MAX_REASON = 512
FOUND = 25
"""The most that a search answers."""
NAMES = ("students.fname", "students.mname", "students.lname")


@dataclass(slots=True)
class Registration:
    """A student's registration at a school in a school year, and how its last export ended."""

    id: int
    student: int
    school_year: int
    school_code: str
    status: int = APPROVED
    sis_export_status: str | None = None
    sis_export_timestamp: str | None = None
    sis_error: str | None = None


class Registrations:
    """In the order they were made; the id is one more than the place."""

    def __init__(self, org: "Organization") -> None:
        self._org = org
        self.all: list[Registration] = []

    def add(self, student: int, school_year: int, school_code: str, status: int) -> Registration:
        made = Registration(len(self.all) + 1, student, school_year, school_code, status)
        self.all.append(made)
        return made

    def page(
        self, school_year: int, after: int, limit: int, fields: Sequence[str], asked: Mapping[str, Any]
    ) -> tuple[list[Any], int | None]:
        """Approved registrations behind the id `after`, and the id to go on from, if there are more.

        Of those `asked` for: `registrations` by id, those of a `student` by Enroll's id or the district's, those of
        schools by `school_codes`, those in `export_statuses` (null is one), and those that a `search` finds.
        """
        found = [one for one in self.all[after:] if one.status == APPROVED and one.school_year == school_year]
        if "registrations" in asked:
            found = [one for one in found if str(one.id) in asked["registrations"]]
        if "school_codes" in asked:
            found = [one for one in found if one.school_code in asked["school_codes"]]
        if "export_statuses" in asked:
            found = [one for one in found if one.sis_export_status in asked["export_statuses"]]
        student: str | None = asked.get("student")
        if student is not None:
            by_own_id = whole_number(student) - self._org.students.first_id
            places = {self._org.students.find(DISTRICT_ID, student), by_own_id}
            found = [one for one in found if one.student in places]
        if search := asked.get("search", ""):
            found, limit = list(islice((one for one in found if self._is_found(one, search)), FOUND)), FOUND
        part = found[:limit]
        shown = [{"id": str(one.id), "values": self._values(one, fields)} for one in part]
        return shown, part[-1].id if len(found) > limit else None

    def report(self, results: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """Keeps how the exports ended; unknown ids are answered, not raised."""
        for result in results:
            id, status = str(result.get("id", "")), result.get("status")
            place = whole_number(id) - 1
            known = 0 <= place < len(self.all) and status in STATUSES
            if known:
                held = self.all[place]
                held.sis_export_status, held.sis_error = (
                    str(status),
                    str(result.get("error") or "")[:MAX_REASON] or None,
                )
                held.sis_export_timestamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
            yield {"id": id, "ok": known}

    def _is_found(self, one: Registration, search: str) -> bool:
        student = self._org.students.show(one.student, one.school_year)
        held = student["values"]
        if search.strip() in (str(one.id), str(student["id"]), held.get(DISTRICT_ID)):
            return True
        name = _plain(" ".join(str(held.get(field) or "") for field in NAMES))
        words = _plain(search).split()
        return bool(words) and all(word in name for word in words)

    def _values(self, one: Registration, fields: Sequence[str]) -> dict[str, Any]:
        student = self._org.students.show(one.student, one.school_year)
        codes = self._org.tables["schools"].look_up(
            one.school_year, "schools.school_code", [one.school_code], ["schools.id", "schools.school_name"]
        )
        school: dict[str, Any] = next((found["values"] for found in codes), {})
        values = {
            **student["values"],
            "students.id": int(student["id"]),
            "registrations.id": one.id,
            "registrations.student_id": int(student["id"]),
            "registrations.school_id": school.get("schools.id"),
            "registrations.is_from_lottery": 0,
            "registrations.sis_export_status": one.sis_export_status,
            "registrations.sis_export_timestamp": one.sis_export_timestamp,
            "schools.school_code": one.school_code,
            "schools.school_name": school.get("schools.school_name"),
        }
        return {name: values.get(name) for name in fields}


def _plain(text: str) -> str:
    """Without capital letters and accents."""
    return "".join(one for one in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(one))
