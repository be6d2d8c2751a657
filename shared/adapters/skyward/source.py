"""Students and schools of Skyward Qmlativ as a source of records. Source: SIS facts, section 3.

A student is spread over a dozen tables. Each is paged once, and what it says of a student kept on disk; then the
students are walked through and put together. Numbers of codes become the codes themselves.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from shared.adapters.disk_index import DiskIndex
from shared.adapters.pulled import PulledSource
from shared.adapters.row_store import RowStore
from shared.adapters.skyward.codes import CODED, Codes
from shared.adapters.skyward.objects import Objects, Row
from shared.model.contacts import contact_name
from shared.model.kind_settings import SkywardSettings

STUDENT: Final = (
    *("StudentID", "NameID", "StudentNumber", "CalculatedStudentStateID", "Grade", "GradYear", "IsCurrentActive"),
    *("EarliestDistrictEnrollmentDate", "LanguageIDNative", "LanguageIDPrimary"),
)
NAME: Final = (
    *("FirstName", "MiddleName", "LastName", "BirthDate", "GenderCode"),
    *("IsHispanic", "IsWhite", "IsBlack", "IsAsian", "IsAlaskan", "IsHawaiian"),
)
COLUMNS: Final = (
    *("StudentID", "NameID", "StudentNumber", "CalculatedStudentStateID", "Grade", "GradYear", "IsCurrentActive"),
    *("EarliestDistrictEnrollmentDate", "NativeLanguage", "PrimaryLanguage", *(f"Name.{one}" for one in NAME)),
    *("School.Code", "StartDate", "EndDate", "EntryCode", "StudentType"),
    *(f"{kind}Address.{part}" for kind in ("Home", "Mailing") for part in ("Street", "City", "State", "Zip")),
    *("Phone1", "Phone2", "Email1"),
)
SCHOOL: Final = ("SchoolID", "Code", "Name", "SchoolNumber", "PhoneNumber")
OVERLAP: Final = timedelta(days=1)
"""The time zone of ModifiedTime is not documented: a day is read again rather than an hour missed."""
ENROLLED: Final = "Enrollment/EntryWithdrawal"
_FLAGS: Final = ("Custodial", "Emergency", "SchoolPickup")
CONTACT: Final = (
    *("FirstName", "MiddleName", "LastName", "Relationship", "Emails1", "Emails2", "Phones1", "Phones2", "Phones3"),
    *_FLAGS,
)
"""The fields of a contact; those of the first one are columns whether anybody has one or not."""
_LINKS: Final = {
    "Family/StudentGuardian": {
        "who": "StudentID",
        "contact": "NameIDGuardian",
        "flags": {
            "Custodial": "IsCustodialGuardian",
            "Emergency": "IsEmergencyContact",
            "SchoolPickup": "AllowStudentPickup",
        },
    },
    "Demographics/EmergencyContact": {
        "who": "NameID",
        "contact": "NameIDEmergencyContact",
        "flags": {"SchoolPickup": "AllowPickUp"},
    },
}


class SkywardSource(PulledSource[Objects, SkywardSettings]):
    form = "Skyward"

    def fixed(self) -> Sequence[str]:
        if not self._is_students:
            return SCHOOL
        first = (contact_name(1, name) for name in CONTACT) if self._settings.contacts else ()
        return (*COLUMNS, *self._settings.extra_fields, *first)

    async def schools(self, rows: RowStore) -> None:
        async for page in self._server.pages("Enrollment/School", SCHOOL):
            await rows.add([{name: text(row.get(name)) for name in SCHOOL} for row in page])

    async def students(self, rows: RowStore, stack: AsyncExitStack) -> None:
        index = DiskIndex(self._spool_dir)
        stack.callback(index.close)
        self.cursor = (datetime.now(UTC) - OVERLAP).strftime("%Y-%m-%dT%H:%M:%S")
        students = _Students(self._server, self._settings, index)
        if self._since:
            await students.only_changed(self._since)
        await students.into(rows)


class _Students:
    """Puts students together from what the tables say of them, which is kept in `index`."""

    def __init__(self, objects: Objects, settings: SkywardSettings, index: DiskIndex) -> None:
        self._objects = objects
        self._settings = settings
        self._codes = Codes(objects)
        self._index = index
        self._coded: dict[str, dict[Any, str]] = {}
        self._only: dict[str, set[Any]] = {}

    async def only_changed(self, since: str) -> None:
        """Leave out all students but those who have changed, or whose name or enrollment has."""
        changed = [row async for page in self._since("Student/Student", ["NameID"], since) for row in page]
        names = [row["NameID"] async for page in self._since("Demographics/Name", [], since) for row in page]
        changed += await self._objects.among("Student/Student", ["NameID"], "NameID", names)
        enrolled = [row["StudentID"] async for page in self._since(ENROLLED, ["StudentID"], since) for row in page]
        changed += await self._objects.among("Student/Student", ["NameID"], "StudentID", sorted(set(enrolled)))
        self._only = {key: {row[key] for row in changed} for key in ("StudentID", "NameID")}
        self._only |= {"AddressID": set(), "contact": set()}

    def _since(self, path: str, fields: Sequence[str], since: str) -> AsyncIterator[list[Row]]:
        condition = {"FieldName": "ModifiedTime", "ConditionType": "GreaterEqual", "Value": since}
        body = {"SearchCondition": {"StringSearchCondition": condition}}
        return self._objects.pages(path, [*fields, "ModifiedTime"], body)

    async def _walk(self, path: str, fields: Sequence[str], key: str, who: str = "") -> AsyncIterator[list[Row]]:
        """A table as a whole, or of those who are wanted; `who` names them where it is not `key`."""
        if not self._only:
            async for page in self._objects.pages(path, fields):
                yield page
        else:
            wanted = self._only[who or key]
            yield await self._objects.among(path, fields, key, sorted(wanted))

    async def into(self, rows: RowStore) -> None:
        for name in ("relationship", "language", "entry code", "student type"):
            self._coded[name] = await self._all(name)
        await self._enrollments()
        await self._addresses()
        if self._settings.contacts:
            await self._contacts()
        if self._only:
            self._only["reached"] = self._only["NameID"] | self._only["contact"]
        await self._keep("Demographics/NamePhone", "NameID", "phone", ("PhoneNumber", "Rank"), "reached")
        await self._keep("Demographics/NameEmail", "NameID", "email", ("EmailAddress", "Rank"), "reached")
        fields = [*STUDENT, *(f"Name.{one}" for one in NAME), *self._settings.extra_fields]
        async for page in self._walk("Student/Student", fields, "StudentID"):
            wanted = [one for one in page if one.get("IsCurrentActive") or not self._settings.active_only]
            await rows.add(await asyncio.to_thread(lambda some: [self._student(one) for one in some], wanted))

    async def _all(self, name: str) -> dict[Any, str]:
        key = f"{CODED[name].partition('/')[2]}ID"
        return {row[key]: text(row.get("Code")) for row in await self._codes.rows(CODED[name])}

    async def _keep(self, path: str, key: str, kind: str, fields: Sequence[str], who: str = "") -> None:
        """The rows of a table, in lists by the id of whom they are about."""
        async for page in self._walk(path, [key, *fields], key, who):
            await asyncio.to_thread(self._note, kind, key, page)

    def _note(self, kind: str, who: str, page: Sequence[Row]) -> None:
        for row in page:
            id = text(row.get(who))
            self._index.put(kind, id, [*(self._index.get(kind, id) or []), row])

    async def _enrollments(self) -> None:
        schools = {
            one["SchoolID"]: text(one.get("Code")) for one in await self._codes.rows("Enrollment/School", "Code")
        }
        fields = ("StudentID", "SchoolID", "StartDate", "EndDate", "EntryCodeID", "StudentTypeID")
        async for page in self._walk(ENROLLED, fields, "StudentID"):
            told = [{**one, "School.Code": schools.get(one.get("SchoolID"), "")} for one in page]
            await asyncio.to_thread(self._note, "enrollment", "StudentID", told)

    async def _addresses(self) -> None:
        streets = await self._by_id("Demographics/Street", "StreetID", ("Name",))
        zips = await self._by_id("Demographics/Zip", "ZipID", ("ZipCode", "City", "State.Code"))
        links = ("NameID", "AddressID", "IsMailing", "IsPhysical")
        async for page in self._walk("Demographics/NameAddress", links, "NameID"):
            if self._only:
                self._only["AddressID"] |= {one["AddressID"] for one in page}
            await asyncio.to_thread(self._note, "home", "NameID", page)
        fields = ("FreeformAddress", "StreetNumber", "StreetID", "SecondaryUnitNumber", "POBox", "ZipID")
        async for page in self._walk("Demographics/Address", fields, "AddressID"):
            told = [{"AddressID": one["AddressID"], **_address(one, streets, zips)} for one in page]
            await asyncio.to_thread(self._note, "address", "AddressID", told)

    async def _by_id(self, path: str, key: str, fields: Sequence[str]) -> dict[Any, Row]:
        return {row[key]: row async for page in self._objects.pages(path, fields) for row in page}

    async def _contacts(self) -> None:
        for path, about in _LINKS.items():
            flags: Any = about["flags"]
            who, contact = str(about["who"]), str(about["contact"])
            async for page in self._walk(path, [who, contact, "RelationshipID", "Rank", *flags.values()], who):
                if self._only:
                    self._only["contact"] |= {one[contact] for one in page}
                told = [
                    {who: one.get(who), "contact": one.get(contact), "Rank": one.get("Rank"), "of": path}
                    | {"Relationship": self._coded["relationship"].get(one.get("RelationshipID"), "")}
                    | {name: text(one.get(theirs)) for name, theirs in flags.items()}
                    for one in page
                ]
                await asyncio.to_thread(self._note, f"contact of {who}", who, told)
        await self._keep("Demographics/Name", "NameID", "name", ("FirstName", "MiddleName", "LastName"), "contact")

    def _student(self, row: Row) -> dict[str, str]:
        id, name = text(row.get("StudentID")), text(row.get("NameID"))
        found = {field: text(row.get(field)) for field in COLUMNS if field in row}
        found |= {field: text(row.get(field)) for field in self._settings.extra_fields}
        for field, key in (("NativeLanguage", "LanguageIDNative"), ("PrimaryLanguage", "LanguageIDPrimary")):
            found[field] = self._coded["language"].get(row.get(key), "")
        enrollment = self._enrollment(id)
        found |= {field: text(enrollment.get(field)) for field in ("School.Code", "StartDate", "EndDate")}
        found["EntryCode"] = self._coded["entry code"].get(enrollment.get("EntryCodeID"), "")
        found["StudentType"] = self._coded["student type"].get(enrollment.get("StudentTypeID"), "")
        for kind, flag in (("Home", "IsPhysical"), ("Mailing", "IsMailing")):
            found |= {f"{kind}Address.{part}": value for part, value in self._home(name, flag).items()}
        found |= {f"Phone{place}": one for place, one in enumerate(self._ranked("phone", name, "PhoneNumber")[:2], 1)}
        found |= {f"Email{place}": one for place, one in enumerate(self._ranked("email", name, "EmailAddress")[:1], 1)}
        if self._settings.contacts:
            found |= dict(self._named(id, name))
        return {field: value for field, value in found.items() if value}

    def _enrollment(self, student: str) -> Row:
        """The newest that is open, else the newest."""
        rows = self._index.get("enrollment", student) or []
        return max(rows, key=lambda one: (not one.get("EndDate"), text(one.get("StartDate"))), default={})

    def _home(self, name: str, flag: str) -> dict[str, str]:
        link = next((one for one in self._index.get("home", name) or [] if one.get(flag)), None)
        rows = self._index.get("address", text(link["AddressID"])) if link else None
        return {part: text(rows[0].get(part)) for part in ("Street", "City", "State", "Zip")} if rows else {}

    def _ranked(self, kind: str, name: str, field: str) -> list[str]:
        rows = sorted(self._index.get(kind, name) or [], key=_rank)
        return [text(one.get(field)) for one in rows]

    def _named(self, id: str, name: str) -> Iterator[tuple[str, str]]:
        """Guardians first, then who is called in an emergency, each by rank; nobody twice."""
        guardians = sorted(self._index.get("contact of StudentID", id) or [], key=_rank)
        called = sorted(self._index.get("contact of NameID", name) or [], key=_rank)
        people: dict[str, Row] = {}
        for one in guardians:
            people.setdefault(text(one["contact"]), one)
        for one in called:
            key = text(one["contact"])
            people[key] = {**one, **people.get(key, {}), "Emergency": "1"}
        for slot, (contact, one) in enumerate(people.items(), 1):
            who: Row = next(iter(self._index.get("name", contact) or []), {})
            values = {field: text(who.get(field)) for field in ("FirstName", "MiddleName", "LastName")}
            values |= {
                field: text(one.get(field)) for field in ("Relationship", "Custodial", "Emergency", "SchoolPickup")
            }
            values |= {f"Emails{n}": e for n, e in enumerate(self._ranked("email", contact, "EmailAddress")[:2], 1)}
            values |= {f"Phones{n}": e for n, e in enumerate(self._ranked("phone", contact, "PhoneNumber")[:3], 1)}
            yield from ((contact_name(slot, field), value) for field, value in values.items())


def _address(row: Row, streets: Mapping[Any, Row], zips: Mapping[Any, Row]) -> dict[str, str]:
    street = streets.get(row.get("StreetID"), {})
    parts = (row.get("StreetNumber"), street.get("Name"), row.get("SecondaryUnitNumber"))
    line = text(row.get("FreeformAddress")) or " ".join(text(one) for one in parts if one)
    place = zips.get(row.get("ZipID"), {})
    return {
        "Street": line or (f"PO Box {text(row.get('POBox'))}" if row.get("POBox") else ""),
        "City": text(place.get("City")),
        "State": text(place.get("State.Code")),
        "Zip": text(place.get("ZipCode")),
    }


def _rank(row: Row) -> int:
    rank = row.get("Rank")
    return rank if isinstance(rank, int) else 99


def text(value: Any) -> str:
    """Flags as 1 and 0, dates without an empty time."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(value).replace("\0", "").strip().removesuffix("T00:00:00")
