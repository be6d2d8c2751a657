"""Aeries SIS over its API, version 5: reading. Source: SIS facts, section 2.

Students are listed school by school, with those who have left among them; a student may stand in several schools. Codes
are padded with spaces, and dates end in T00:00:00. All of that ends in this module.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from shared.adapters.disk_index import DiskIndex
from shared.adapters.row_store import RowStore
from shared.adapters.sis_http import SisHttp
from shared.model.connection import AeriesSettings
from shared.model.contacts import contact_name
from shared.model.error_texts import said
from shared.model.errors import BadInput, BadSettings, NotFound, Refused, Unavailable
from shared.model.ports import SourceInfo
from shared.model.record import RowBatch

API: Final = "/api/v5"
_PLACE = ("", "City", "State", "ZipCode", "ZipExt")
STUDENT: Final = (
    *("StudentID", "SchoolCode", "StudentNumber", "StateStudentID", "LastName", "FirstName", "MiddleName"),
    *("NameSuffix", "Gender", "Grade", "Birthdate", "ParentGuardianName", "HomePhone", "StudentMobilePhone"),
    *(f"MailingAddress{part}" for part in _PLACE),
    *(f"ResidenceAddress{part}" for part in _PLACE),
    *("EthnicityCode", "RaceCode1", "RaceCode2", "RaceCode3", "RaceCode4", "RaceCode5", "SchoolEnterDate"),
    *("SchoolLeaveDate", "DistrictEnterDate", "InactiveStatusCode", "LanguageFluencyCode", "HomeLanguageCode"),
    *("CorrespondenceLanguageCode", "ParentEdLevelCode", "ParentEmailAddress", "StudentEmailAddress"),
    *("NextSchoolCode", "NextGrade"),
)
SCHOOL: Final = (
    *("SchoolCode", "Name", "InactiveStatusCode", "Address", "AddressCity", "AddressState", "AddressZipCode"),
    *("StateCountyID", "StateDistrictID", "StateSchoolID", "LowGradeLevel", "HighGradeLevel", "PhoneNumber"),
    "PrincipalName",
)
CONTACT: Final = {
    "SequenceNumber": "SequenceNumber",
    "FirstName": "FirstName",
    "MiddleName": "MiddleName",
    "LastName": "LastName",
    "Relationship": "RelationshipToStudentCode",
    "Emails1": "EmailAddress",
    "Phones1": "CellPhone",
    "Phones2": "HomePhone",
    "Phones3": "WorkPhone",
    "LivesWith": "LivesWithStudentIndicator",
    "EducationalRights": "EducationalRightsHolder",
    "Priority": "ContactOrder",
}
_MISSPELLED = {"CorrespondanceLanguageCode": "CorrespondenceLanguageCode", "BirthDate": "Birthdate"}


class Certificate:
    """The one header that Aeries asks for; there is no token to renew."""

    def __init__(self, certificate: str) -> None:
        self._certificate = certificate

    async def headers(self, http: SisHttp) -> Mapping[str, str]:
        return {"AERIES-CERT": self._certificate}

    def refused(self) -> bool:
        return False


class Aeries:
    """What an Aeries server answers about its schools and students."""

    def __init__(self, http: SisHttp, settings: AeriesSettings) -> None:
        self._http = http
        self._settings = settings
        self._year = {"DatabaseYear": settings.database_year} if settings.database_year else {}

    async def check(self) -> dict[str, Any]:
        """Test connection: the certificate, the year, the right to read students."""
        try:
            version = await self.version()
            schools = await self.schools()
            if schools:
                await self._list(
                    f"/schools/{schools[0]['SchoolCode']}/students", {"StartingRecord": 1, "EndingRecord": 1}
                )
        except NotFound:
            raise BadSettings(*said("aeries.no_api", host=self._http.host)) from None
        except Refused:
            raise BadSettings(*said("aeries.no_access", host=self._http.host)) from None
        return {"version": version, "schools": len(schools)}

    async def schools(self) -> list[dict[str, str]]:
        """The schools that are read: those the connection names, else all that are active."""
        rows = [texts(one) for one in await self._list("/schools")]
        wanted = {str(code) for code in self._settings.schools}
        return [one for one in rows if (one["SchoolCode"] in wanted if wanted else not one.get("InactiveStatusCode"))]

    async def students(self, school: str) -> AsyncIterator[list[dict[str, str]]]:
        """Those of a school whose status is wanted, page by page, until one is empty: a site may cap its pages."""
        size, first = self._settings.page_size, 1
        while True:
            asked = {"StartingRecord": first, "EndingRecord": first + size - 1}
            rows = await self._list(f"/schools/{school}/students", asked)
            if not rows:
                return
            found = [texts(one) for one in rows]
            yield [one for one in found if one.get("InactiveStatusCode", "") in self._settings.statuses]
            first += len(rows)

    async def contacts(self, school: str) -> dict[str, list[dict[str, str]]]:
        """The contacts of a school's students, in their order, by StudentID."""
        found: dict[str, list[dict[str, str]]] = {}
        for one in await self._list(f"/schools/{school}/contacts"):
            row = texts(one)
            found.setdefault(row.get("StudentID", ""), []).append(row)
        return {student: sorted(rows, key=_order) for student, rows in found.items()}

    async def version(self) -> str:
        """That of the server.

        Raises:
            BadSettings: for a year that is not there. Aeries would answer the default year instead, without a word.
        """
        answer, _ = await self._http.get(f"{API}/systeminfo")
        about = answer if isinstance(answer, dict) else {}
        years = [str(year)[:4] for year in about.get("AvailableDatabaseYears") or ()]
        if self._year and years and str(self._settings.database_year) not in years:
            known = ", ".join(sorted(years))
            raise BadSettings(*said("aeries.no_year", year=self._settings.database_year, known=known))
        return text(about.get("AeriesVersion"))

    async def _list(self, path: str, params: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
        """A list, also where a single object stands alone."""
        answer, _ = await self._http.get(API + path, {**self._year, **(params or {})})
        rows = [answer] if isinstance(answer, dict) else answer
        if not isinstance(rows, list) or not all(isinstance(one, dict) and "SchoolCode" in one for one in rows):
            raise Unavailable(*said("sis.not_understood", host=self._http.host))
        return rows


class AeriesSource:
    """Students, or schools, of an Aeries server (`shared.model.ports.Source`).

    Of a student who stands in several schools the row counts whose status comes first in the settings, and of those the
    first. All of it is pulled before the first row is given.
    """

    def __init__(
        self,
        http: SisHttp,
        settings: AeriesSettings,
        *,
        data_type: str = "students",
        spool_dir: Path | None = None,
    ) -> None:
        self._http = http
        self._settings = settings
        self._data_type = data_type
        self._spool_dir = spool_dir
        self._open = AsyncExitStack()
        self._rows: RowStore | None = None
        self._best: DiskIndex | None = None
        self._columns: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        if self._data_type not in ("students", "schools"):
            raise BadInput(*said("sis.other_type", data_type=self._data_type))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._http)
            rows = RowStore(self._spool_dir)
            stack.callback(rows.close)
            server = Aeries(self._http, self._settings)
            await server.version()
            if self._data_type == "students":
                self._best = DiskIndex(self._spool_dir)
                stack.callback(self._best.close)
                await self._students(server, rows, self._best)
            else:
                await rows.add(await server.schools())
            self._open = stack.pop_all()
        self._rows = rows
        fixed = STUDENT if self._data_type == "students" else SCHOOL
        self._columns = tuple(dict.fromkeys((*fixed, *(name for name in rows.names if name not in fixed))))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def info(self) -> SourceInfo:
        if self._rows is None:
            raise RuntimeError("enter the source first")
        host = self._http.host
        details = {"form": "Aeries", "host": host}
        return SourceInfo(self._columns, f"Aeries at {host}", self._rows.size, self._rows.sha256, details)

    @property
    def warnings(self) -> Sequence[str]:
        return ()

    async def batches(self) -> AsyncIterator[RowBatch]:
        if self._rows is None:
            raise RuntimeError("enter the source first")
        async for batch in self._rows.batches(self._columns):
            yield await asyncio.to_thread(self._counting, batch)

    def _counting(self, batch: RowBatch) -> RowBatch:
        """Without the second rows of students who stand in several schools."""
        best = self._best
        if best is None:
            return batch
        key = self._columns.index("StudentID")
        return RowBatch([(n, row) for n, row in batch.rows if (best.get("row", row[key]) or [0, -1])[1] == n - 2])

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Nothing is left behind."""

    async def _students(self, server: Aeries, rows: RowStore, best: DiskIndex) -> None:
        ranks = {status: rank for rank, status in enumerate(self._settings.statuses)}
        for school in await server.schools():
            code = school["SchoolCode"]
            people = await server.contacts(code) if self._settings.contacts else {}
            async for page in server.students(code):
                found = [row | dict(named(people.get(row["StudentID"], ()))) for row in page]
                await asyncio.to_thread(_note, best, found, rows.count, ranks)
                await rows.add(found)


def _note(best: DiskIndex, rows: Sequence[Mapping[str, str]], first: int, ranks: Mapping[str, int]) -> None:
    """Which row of each student counts: the one whose status comes first, and of those the first."""
    for place, row in enumerate(rows, first):
        rank = ranks[row.get("InactiveStatusCode", "")]
        held = best.get("row", row["StudentID"])
        if held is None or rank < held[0]:
            best.put("row", row["StudentID"], [rank, place])


def named(contacts: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """Contacts as `N - Contacts.Field`. A name may stand in MailingName alone; it is the last name then."""
    for slot, one in enumerate(contacts, 1):
        for field, name in CONTACT.items():
            value = one.get(name, "")
            if field == "LastName" and not value and not one.get("FirstName"):
                value = one.get("MailingName", "")
            yield contact_name(slot, field), value


def texts(raw: Mapping[str, Any]) -> dict[str, str]:
    """The plain values of an object as texts; lists and objects in it are left out."""
    return {
        _MISSPELLED.get(name, name): text(value) for name, value in raw.items() if not isinstance(value, dict | list)
    }


def text(value: Any) -> str:
    """Without the spaces that codes are padded with, and a date without its empty time."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    found = str(value).replace("\0", "").strip()
    return found.removesuffix("T00:00:00")


def _order(contact: Mapping[str, str]) -> tuple[int, int]:
    parts = (contact.get("ContactOrder", ""), contact.get("SequenceNumber", ""))
    first, second = (int(part) if part.isascii() and part.isdigit() else 9999 for part in parts)
    return first or 9999, second
