"""The small tables of Skyward, by which codes become the numbers that objects refer to. Source: SIS facts, 3.6."""

import asyncio
from typing import Any, Final

from shared.adapters.skyward.objects import Objects, Row

CODED: Final = {
    "relationship": "Demographics/Relationship",
    "phone type": "Demographics/PhoneType",
    "email type": "Demographics/EmailType",
    "language": "Demographics/Language",
    "entry code": "Enrollment/EntryCode",
    "student type": "Enrollment/StudentType",
    "grade": "Enrollment/GradeReference",
}
"""The name of a set to its object."""


class Codes:
    """Read once for each use of the connection, and only those that are asked for."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: dict[str, list[Row]] = {}
        self._lock = asyncio.Lock()

    async def rows(self, path: str, *fields: str) -> list[Row]:
        """All objects of a small table."""
        async with self._lock:
            if path not in self._known:
                pages = self._objects.pages(path, fields or ("Code", "Description"))
                self._known[path] = [row async for page in pages for row in page]
            return self._known[path]

    async def id(self, name: str, code: str) -> int | None:
        """The number of a code, capital letters aside; None where there is no such code."""
        key = f"{CODED[name].partition('/')[2]}ID"
        wanted = code.strip().casefold()
        found = (row[key] for row in await self.rows(CODED[name]) if _plain(row.get("Code")) == wanted)
        return next(found, None)

    async def code(self, name: str, id: Any) -> str:
        """The code of a number; blank where there is none."""
        key = f"{CODED[name].partition('/')[2]}ID"
        found = (str(row.get("Code") or "") for row in await self.rows(CODED[name]) if id and row[key] == id)
        return next(found, "")

    async def first(self, name: str, *preferred: str) -> int | None:
        """The number of the first of these codes that there is, else of the first code."""
        for code in preferred:
            if (id := await self.id(name, code)) is not None:
                return id
        key = f"{CODED[name].partition('/')[2]}ID"
        return next((row[key] for row in await self.rows(CODED[name])), None)

    async def place(self, school: str) -> dict[str, int] | None:
        """What an enrollment at a school refers to: EntityID, SchoolID, SchoolYearID and CalendarID."""
        schools = await self.rows("Enrollment/School", "Code", "SchoolNumber")
        wanted = school.strip().casefold()
        found = [one for one in schools if wanted in (_plain(one.get("Code")), _plain(one.get("SchoolNumber")))]
        if not found:
            return None
        id = found[0]["SchoolID"]
        links = await self.rows("Enrollment/EntitySchool", "EntityID", "SchoolID")
        entity = next((one["EntityID"] for one in links if one["SchoolID"] == id), None)
        entities = await self.rows("District/Entity", "SchoolYearIDCurrent")
        year = next((one.get("SchoolYearIDCurrent") for one in entities if one["EntityID"] == entity), None)
        calendars = await self.rows("Enrollment/Calendar", "EntityID", "SchoolYearID")
        fits = (one for one in calendars if (one.get("EntityID"), one.get("SchoolYearID")) == (entity, year))
        calendar = next((one["CalendarID"] for one in fits), None)
        parts = {"EntityID": entity, "SchoolID": id, "SchoolYearID": year, "CalendarID": calendar}
        return {name: value for name, value in parts.items() if value is not None}


def _plain(value: Any) -> str:
    return str(value or "").strip().casefold()
