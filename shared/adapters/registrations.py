"""Approved registrations of Enroll as a source of records, and the report of how their export ended."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
import orjson

from shared.adapters.enroll import call
from shared.model.catalog import export_catalog
from shared.model.error_texts import said
from shared.model.errors import Unavailable
from shared.model.ports import SourceInfo
from shared.model.record import Outcome, RowBatch
from shared.model.run import Selection

PAGE = 500
EXAMPLES = 5
KEY = "registrations.id"
DISTRICT_ID = "students.student_district_id"
EVERYTHING = Selection()
COLUMNS = tuple(export_catalog("students").fields)
UNFINISHED = (None, Outcome.PENDING, Outcome.IN_PROGRESS, Outcome.FAILED, Outcome.PARTIAL)
"""How Enroll shows what is not exported yet, or not whole."""
LISTED = (
    "registrations.student_id",
    DISTRICT_ID,
    "students.fname",
    "students.lname",
    "schools.school_name",
    "student_annual.grade",
    "schools.school_code",
)
"""What a search shows of each."""


@dataclass(slots=True, frozen=True)
class Listed:
    """A registration, as people choose it from a list. `student` is Enroll's id, `school` a name, where it has one."""

    registration: str
    student: str
    district_id: str
    first_name: str
    last_name: str
    school: str
    grade: str
    school_code: str


class RegistrationSource:
    """Enroll's approved registrations of a school year, page by page; every value is a text.

    A list is a JSON list; what has no value is blank. The number of a row is its place, from 2 on, as in a file with a
    header.
    """

    def __init__(self, http: httpx.AsyncClient, org: str, school_year: int, selection: Selection = EVERYTHING) -> None:
        self._chosen, *self._more = _chosen(selection)
        self._limit = 1 if selection.test else PAGE
        self._test = selection.test
        self._http = http
        self._path = f"/api/v1/organizations/{quote(org, safe='')}/registrations"
        self._year = school_year
        self._first: Any = None

    async def __aenter__(self) -> Self:
        """Reads the first page, so that a switch that is off is told at once."""
        self._first = await self._page(0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._first = None

    @property
    def info(self) -> SourceInfo:
        return SourceInfo(COLUMNS, f"registrations {self._year}", 0, "")

    @property
    def warnings(self) -> Sequence[str]:
        return ()

    async def batches(self) -> AsyncIterator[RowBatch]:
        number, page = 2, self._first
        while True:
            rows = [(number + place, self._texts(one)) for place, one in enumerate(page["registrations"])]
            number += len(rows)
            yield RowBatch(rows)
            if self._test or (page["next"] is None and not self._more):
                return
            after = 0 if page["next"] is None else int(page["next"])
            if page["next"] is None:
                self._chosen = self._more.pop(0)
            page = await self._page(after)

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Nothing is left behind."""

    async def of(self, students: Sequence[str]) -> dict[str, list[str]]:
        """The approved registration of each of up to `EXAMPLES` students, by the id that was asked for.

        An id is Enroll's or the district's; who has no such registration is left out.
        """
        found = {}
        for student in students[:EXAMPLES]:
            page = await self._page(0, student)
            if page["registrations"]:
                found[student] = self._texts(page["registrations"][0])
        return found

    async def search(self, text: str) -> list[Listed]:
        """Approved registrations by an id, or by words of the student's name: at most as many as Enroll answers."""
        found = (await self._page(0, search=text))["registrations"]
        return [_listed(one) for one in found]

    async def first(self) -> Listed | None:
        """The one that a run of the same selection begins with; None where it finds none."""
        found = (await self._page(0))["registrations"]
        return _listed(found[0]) if found else None

    async def report(self, results: Sequence[Mapping[str, str]]) -> None:
        """Tell Enroll how the export of each registration ended: id, status, and an error of at most 512 characters."""
        for at in range(0, len(results), PAGE):
            await call(self._http, "POST", f"{self._path}:report", {"results": list(results[at : at + PAGE])})

    async def _page(self, after: int, student: str | None = None, search: str = "") -> Any:
        fields = list(LISTED if search else COLUMNS)
        body = {"school_year": self._year, "fields": fields, "after": after, "limit": self._limit}
        body |= {"search": search} if search else self._chosen if student is None else {"student": student}
        page = await call(self._http, "POST", f"{self._path}:page", body)
        if not isinstance(page, dict) or not isinstance(page.get("registrations"), list) or "next" not in page:
            raise Unavailable(*said("enroll.not_understood"))
        return page

    def _texts(self, registration: Mapping[str, Any]) -> list[str]:
        values = registration["values"]
        return [_text(values.get(name)) for name in COLUMNS]


def _listed(one: Mapping[str, Any]) -> Listed:
    return Listed(str(one["id"]), *(_text(one["values"].get(name)) for name in LISTED))


def _chosen(selection: Selection) -> list[dict[str, Any]]:
    """What is asked for, one time after the other: a call names no more registrations than it may answer."""
    ids = selection.registrations
    return [_asked(selection, ids[at : at + PAGE]) for at in range(0, max(len(ids), 1), PAGE)]


def _asked(selection: Selection, registrations: Sequence[str]) -> dict[str, Any]:
    """What is left out is not asked about."""
    asked = {
        "registrations": list(registrations),
        "student": selection.student,
        "school_codes": list(selection.schools),
        "export_statuses": [*UNFINISHED] if selection.pending else [],
    }
    return {name: value for name, value in asked.items() if value}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
