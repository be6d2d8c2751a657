"""What an Aeries site answers over its API, version 5. Source: SIS facts, section 2."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from shared.adapters.aeries.json import text, texts
from shared.adapters.sis_http import SisHttp
from shared.model.error_texts import said
from shared.model.errors import BadSettings, NotFound, Refused, Unavailable
from shared.model.kind_settings import AeriesSettings
from shared.model.number import whole_number

API: Final = "/api/v5"
OVERLAP: Final = timedelta(minutes=5)
"""What changed while we were reading is read again rather than missed."""


class Certificate:
    """The one header that Aeries asks for; there is no token to renew."""

    def __init__(self, certificate: str) -> None:
        self._certificate = certificate

    async def headers(self, http: SisHttp) -> Mapping[str, str]:
        return {"AERIES-CERT": self._certificate}

    def stale(self, response: httpx.Response) -> bool:
        return response.status_code == 401

    def refused(self, sent: Mapping[str, str]) -> bool:
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
        """Those of a school whose status is wanted."""
        async for page in self.pages(school):
            yield [one for one in page if one.get("InactiveStatusCode", "") in self._settings.statuses]

    async def pages(self, school: str) -> AsyncIterator[list[dict[str, str]]]:
        """Everybody at a school, page by page, until one is empty, or is the one before again.

        A site may cap its pages, or know of none.
        """
        size, first = self._settings.page_size, 1
        before: list[dict[str, Any]] = []
        while True:
            asked = {"StartingRecord": first, "EndingRecord": first + size - 1}
            rows = await self._list(f"/schools/{school}/students", asked)
            if not rows or rows == before:
                return
            before = rows
            yield [texts(one) for one in rows]
            first += len(rows)

    async def codes(self, place: str) -> list[dict[str, str]]:
        """The rows of a code table, by table and field."""
        answer, _ = await self._http.get(f"{API}/codes/{place}")
        rows = answer if isinstance(answer, list) else [answer]
        return [texts(one) for one in rows if isinstance(one, dict)]

    async def student(self, school: str, id: str) -> list[dict[str, Any]]:
        """The rows of a student at a school; none where they are at another."""
        try:
            return await self._list(f"/schools/{school}/students/{id}")
        except NotFound:
            return []

    async def contacts_of(self, student: str) -> list[dict[str, Any]]:
        """Whatever the school: it is ignored here."""
        try:
            return await self._list(f"/schools/0/contacts/{student}")
        except NotFound:
            return []

    async def write_student(self, path: str, body: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
        """What stands against it, and the student's rows as they are now: one as an object, or several."""
        status, answer = await self._http.write("POST", API + path, body, self._year)
        if status >= 400:
            return _message(status, answer), []
        return "", [one for one in (answer if isinstance(answer, list) else [answer]) if isinstance(one, dict)]

    async def write_contact(self, path: str, body: Mapping[str, Any], *, update: bool = False) -> str:
        """What stands against it. Sites differ in the verb of an update."""
        status, answer = await self._http.write("POST", API + path, body, self._year)
        if update and status in (404, 405):
            status, answer = await self._http.write("PUT", API + path, body, self._year)
        return _message(status, answer) if status >= 400 else ""

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

    async def now(self) -> str:
        """The district's own time a little while ago, as `changed` takes it; blank where the site does not tell."""
        answer, _ = await self._http.get(f"{API}/systeminfo")
        told = text(answer.get("CurrentDateTime")) if isinstance(answer, dict) else ""
        try:
            return (datetime.fromisoformat(told[:19]) - OVERLAP).strftime("%Y-%m-%dT%H:%M")
        except ValueError:
            return ""

    async def changed(self, since: str) -> list[str]:
        """Whoever has changed since, by StudentID, each once; in student data, contacts or enrollment."""
        at = datetime.fromisoformat(since)
        place = f"{at.year}/{at.month}/{at.day}/{at.hour}/{at.minute}"
        found: dict[str, None] = {}
        for area in ("student", "contact", "enrollment"):
            rows = await self._list(f"/StudentDataChanges/{area}/{place}")
            found.update(dict.fromkeys(text(one.get("StudentID")) for one in rows))
        return list(found)

    async def schools_of(self, student: str) -> list[str]:
        """The codes of the schools that a student has stood in."""
        rows = await self._list(f"/enrollment/{student}")
        return list(dict.fromkeys(text(one.get("SchoolCode")) for one in rows))

    async def sorted_contacts(self, student: str) -> list[dict[str, str]]:
        return sorted(map(texts, await self.contacts_of(student)), key=_order)

    async def _list(self, path: str, params: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
        """A list, also where a single object stands alone."""
        answer, _ = await self._http.get(API + path, {**self._year, **(params or {})})
        rows = [answer] if isinstance(answer, dict) else answer
        if not isinstance(rows, list) or not all(isinstance(one, dict) and "SchoolCode" in one for one in rows):
            raise Unavailable(*said("sis.not_understood", host=self._http.host))
        return rows


def _message(status: int, answer: Any) -> str:
    message = answer.get("Message") if isinstance(answer, dict) else None
    return text(message) or f"answer {status}"


def _order(contact: Mapping[str, str]) -> tuple[int, int]:
    parts = (contact.get("ContactOrder", ""), contact.get("SequenceNumber", ""))
    first, second = (whole_number(part, 9999) for part in parts)
    return first or 9999, second
