"""Students of Skyward Qmlativ as the target of exports: a sequence of objects for each, which may break off anywhere.

Source: SIS facts, 3.6 and 3.7. Each step looks for what it is about to make, by what the step before has made, so that
doing a creation again makes nothing twice.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from shared.adapters.contact_match import slots
from shared.adapters.sis_http import SisHttp
from shared.adapters.sis_target import SisTarget, one_by_one, rest_of_saved
from shared.adapters.sis_values import dropped, same_digits
from shared.adapters.skyward.addresses import FIELDS as ADDRESS
from shared.adapters.skyward.addresses import Addresses
from shared.adapters.skyward.codes import Codes
from shared.adapters.skyward.contacts import Contacts
from shared.adapters.skyward.gender import Gender, told
from shared.adapters.skyward.objects import ObjectRefused, Objects, Row
from shared.adapters.skyward.people import NAME, People
from shared.adapters.student_finder import Person, StudentFinder
from shared.model.error_texts import said
from shared.model.export_rules import ExportRules, MatchBy
from shared.model.kind_settings import SkywardSettings
from shared.model.record import Action, Applied, Change, ChangeBatch, Problem, Values

BATCH: Final = 10
STUDENT: Final = "Student/Student"
ENROLLED: Final = "Enrollment/EntryWithdrawal"
FLAGS: Final = ("IsHispanic", "IsWhite", "IsBlack", "IsAsian", "IsAlaskan", "IsHawaiian")
NAMES: Final = ("FirstName", "MiddleName", "LastName", "BirthDate", "GenderCode", *FLAGS)
LANGUAGES: Final = {"Student.LanguageNative": "LanguageIDNative", "Student.LanguagePrimary": "LanguageIDPrimary"}
_WHO: Final = ("StudentNumber", "CalculatedStudentStateID", "NameID")


class SkywardTarget(SisTarget):
    """One use: the first call opens it, `aclose` ends it (`shared.model.ports.Target`)."""

    batch_size = BATCH
    resumes = True
    """A creation may be applied again as it is."""

    def __init__(self, http: SisHttp, settings: SkywardSettings, rules: ExportRules, spool_dir: Path | None) -> None:
        self._objects = Objects(http, settings)
        self._codes = Codes(self._objects)
        self._people = People(self._objects, self._codes, keyed=settings.external_ids)
        self._addresses = Addresses(self._objects)
        self._gender = Gender(self._objects)
        super().__init__(http, StudentFinder(rules.match, self._search, self._everybody, spool_dir))

    def person(self, values: Values) -> Person:
        return _person(values)

    async def held(self, id: str, mine: Values, fields: Sequence[str]) -> Values | None:
        row = await self._objects.read(STUDENT, id, ["NameID", "StudentNumber", *LANGUAGES.values()])
        return None if row is None else await self._values(id, row, mine, fields)

    async def _values(self, id: str, row: Row, mine: Values, fields: Sequence[str]) -> Values:
        """Only what is asked for is read: each table is a call."""
        name = str(row["NameID"])
        found: Values = {"Student.StudentNumber": row.get("StudentNumber")}
        if any(field.startswith("Name.") for field in fields):
            names = await self._gender.read(name, NAMES, mine.get("Name.GenderCode"))
            found |= {f"Name.{field}": _value(field, names.get(field)) for field in NAMES}
        for field, key in LANGUAGES.items():
            if field in fields:
                found[field] = await self._codes.code("language", row.get(key)) or None
        if any(field in ADDRESS for field in fields):
            found |= await self._addresses.of(name)
        if "Phone.Number" in fields:
            phones = (await self._people.phones([int(name)])).get(name, [])
            number = phones[0].get("PhoneNumber") if phones else None
            found["Phone.Number"] = same_digits(mine.get("Phone.Number"), number)
        if "Email.Address" in fields:
            emails = (await self._people.emails([int(name)])).get(name, [])
            found["Email.Address"] = emails[0].get("EmailAddress") if emails else None
        if contacts := slots(mine):
            found |= (await self._contacts(id, mine)).values(contacts)
        return found

    async def apply(self, batch: ChangeBatch) -> list[Applied]:
        """One student after the other, one object after the other: the API knows nothing of bulk."""
        return await one_by_one(batch.changes, self._apply)

    async def _apply(self, change: Change) -> Applied:
        creates = change.action is Action.CREATE
        id = change.target_id or ""
        try:
            if creates:
                id = await self._create(change, id)
                problems = await rest_of_saved(self._parts(change, id))
            else:
                problems = await self._parts(change, id)
        except ObjectRefused as refused:
            problem = Problem(*said("sis.record_refused", why=str(refused)[:300]))
            return Applied(change.key, False, "failed", id or None, [problem])
        if contacts := slots(change.values):
            problems += await rest_of_saved(self._save_contacts(id, change.values, contacts))
        status = "created" if creates else "updated"
        return Applied(change.key, True, status, id, problems, partial=bool(problems))

    async def _create(self, change: Change, known: str) -> str:
        """Name, student, enrollment: the id of the student. Codes are looked up first, so that nothing is half made."""
        values = change.values
        enrollment, languages = await self._enrollment(values), await self._languages(values)
        if known:
            row = await self._objects.read(STUDENT, known, ["NameID"]) or {}
            name = str(row.get("NameID"))
        else:
            name = await self._people.named(_key(values), await self._gender.written(_names(values)))
        found = await self._objects.find(STUDENT, ["NameID"], NameID=int(name))
        if found:
            id = str(found[0]["StudentID"])
        else:
            number = {"StudentNumber": values["Student.StudentNumber"]} if values.get("Student.StudentNumber") else {}
            id = await self._objects.create(STUDENT, {"NameID": int(name), **number, **languages})
        there = await self._objects.find(ENROLLED, ["SchoolID", "SchoolYearID", "EndDate"], StudentID=int(id))
        place = (enrollment.get("SchoolID"), enrollment.get("SchoolYearID"))
        if not any((one.get("SchoolID"), one.get("SchoolYearID")) == place for one in there):
            await self._objects.create(ENROLLED, {"StudentID": int(id), **enrollment})
        return id

    async def _parts(self, change: Change, id: str) -> list[Problem]:
        """What hangs on the student: of one that is there already, what differs. Says what was dropped."""
        values, problems = change.values, list[Problem]()
        row = await self._objects.read(STUDENT, id, ["NameID"]) or {}
        name = str(row["NameID"])
        names = _names(values)
        if change.action is not Action.CREATE and names:
            answer = await self._objects.change(NAME, name, await self._gender.written(names))
            answer = told(answer, names.get("GenderCode"))
            held = {f"Name.{field}": _value(field, answer[field]) for field in names if field in answer}
            problems += [Problem(*said("sis.field_dropped"), field) for field in sorted(dropped(change, held))]
        if change.action is not Action.CREATE and (languages := await self._languages(values)):
            await self._objects.change(STUDENT, id, languages)
        if change.action is Action.CREATE and names:
            answer = await self._gender.read(name, tuple(names), names.get("GenderCode"))
            held = {f"Name.{field}": _value(field, answer.get(field)) for field in names}
            problems += [Problem(*said("sis.field_dropped"), field) for field in sorted(dropped(change, held))]
        address = {field: values[field] for field in ADDRESS if values.get(field)}
        if address and (await self._addresses.of(name)).items() & address.items() != address.items():
            await self._addresses.save(name, values)
        if number := values.get("Phone.Number"):
            phones = await self._people.phones([int(name)])
            await self._people.set_phone(name, 1, str(number), phones.get(name, ()))
        if email := values.get("Email.Address"):
            emails = await self._people.emails([int(name)])
            await self._people.set_email(name, str(email), emails.get(name, ()))
        return problems

    async def _enrollment(self, values: Values) -> dict[str, Any]:
        """Raises ObjectRefused for a school or code that the SIS does not have."""
        place = await self._codes.place(str(values.get("Enrollment.School") or ""))
        if place is None:
            raise ObjectRefused(f"there is no school {values.get('Enrollment.School')!r}")
        found: dict[str, Any] = {**place, "StartDate": values.get("Enrollment.StartDate"), "IsDefaultEntity": True}
        for field, name, key in (
            ("Enrollment.Grade", "grade", "GradeReferenceID"),
            ("Enrollment.EntryCode", "entry code", "EntryCodeID"),
            ("Enrollment.StudentType", "student type", "StudentTypeID"),
        ):
            if values.get(field):
                found[key] = await self._coded(name, str(values[field]))
        return found

    async def _languages(self, values: Values) -> dict[str, Any]:
        return {
            key: await self._coded("language", str(values[field]))
            for field, key in LANGUAGES.items()
            if values.get(field)
        }

    async def _coded(self, name: str, code: str) -> int:
        found = await self._codes.id(name, code)
        if found is None:
            raise ObjectRefused(f"there is no {name} {code!r}")
        return found

    async def _save_contacts(self, id: str, values: Values, contacts: Mapping[int, Values]) -> list[Problem]:
        return await (await self._contacts(id, values)).save(contacts)

    async def _contacts(self, id: str, values: Values) -> Contacts:
        return await Contacts(self._objects, self._codes, self._people, id, _key(values)).load()

    async def _search(self, by: MatchBy, wanted: Person) -> Iterable[Person]:
        if by == "student_id":
            rows = await self._objects.find(STUDENT, _WHO, StudentNumber=wanted.student_id)
        elif by == "state_id":
            rows = await self._objects.find(STUDENT, _WHO, CalculatedStudentStateID=wanted.state_id)
        else:
            names = await self._objects.find(NAME, ["NameID"], LastName=wanted.last_name, FirstName=wanted.first_name)
            rows = await self._objects.among(STUDENT, _WHO, "NameID", [one["NameID"] for one in names])
        names = await self._objects.among(
            NAME, ("FirstName", "LastName", "BirthDate"), "NameID", [one["NameID"] for one in rows]
        )
        by_id = {one["NameID"]: one for one in names}
        return [_held({**by_id.get(row["NameID"], {}), **row}) for row in rows]

    async def _everybody(self) -> AsyncIterator[Sequence[Person]]:
        names = ("FirstName", "LastName", "BirthDate")
        async for page in self._objects.pages(STUDENT, [*_WHO, *(f"Name.{one}" for one in names)]):
            yield [_held({**row, **{one: row.get(f"Name.{one}") for one in names}}) for row in page]


def _key(values: Values) -> str:
    return f"enroll-{values.get('registrations.student_id')}"


def _names(values: Values) -> dict[str, Any]:
    named = {field: values.get(f"Name.{field}") for field in NAMES if values.get(f"Name.{field}") is not None}
    return {field: bool(value) if field in FLAGS else value for field, value in named.items()}


def _value(field: str, value: Any) -> Any:
    if field in FLAGS:
        return int(bool(value))
    return str(value)[:10] if field == "BirthDate" and value else value or None


def _person(values: Values) -> Person:
    names = ("Student.StudentNumber", "Student.CalculatedStudentStateID", "Name.FirstName", "Name.LastName")
    return Person("", *(str(values.get(name) or "") for name in (*names, "Name.BirthDate")))


def _held(row: Mapping[str, Any]) -> Person:
    def text(name: str) -> str:
        return str(row.get(name) or "")

    number, state = text("StudentNumber"), text("CalculatedStudentStateID")
    return Person(text("StudentID"), number, state, text("FirstName"), text("LastName"), text("BirthDate")[:10])
