"""Students of Aeries as the target of exports: one call each, addresses by a call of their own, then the contacts.

Source: SIS facts, 2.4 and 2.6. Aeries answers a write with the student as it is now, so what it has ignored is seen
at once.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from shared.adapters.aeries.contacts import Contacts
from shared.adapters.aeries.json import texts
from shared.adapters.aeries.server import Aeries
from shared.adapters.contact_match import slots
from shared.adapters.sis_http import SisHttp
from shared.adapters.sis_target import SisTarget, one_by_one, rest_of_saved
from shared.adapters.sis_values import dropped, same_digits, typed, written
from shared.adapters.student_finder import Person, StudentFinder
from shared.model.catalog import Catalog
from shared.model.contacts import contact_field
from shared.model.error_texts import said
from shared.model.export_rules import ExportRules
from shared.model.kind_settings import AeriesSettings
from shared.model.record import Action, Applied, Change, ChangeBatch, Problem, Values

BATCH: Final = 10
READ: Final = {
    "BirthDate": "Birthdate",
    "NextSchool": "NextSchoolCode",
    **{f"Race{number}Code": f"RaceCode{number}" for number in range(1, 6)},
}
"""Fields that are read under another name than they are written by."""
_PHONES = ("HomePhone",)
_ADDRESSES = ("MailingAddress", "ResidenceAddress")


class AeriesTarget(SisTarget):
    """One use: the first call opens it, `aclose` ends it (`shared.model.ports.Target`). `today` is the district's."""

    batch_size = BATCH

    def __init__(
        self,
        http: SisHttp,
        settings: AeriesSettings,
        rules: ExportRules,
        about: Catalog,
        today: date,
        spool_dir: Path | None,
    ) -> None:
        self._server = Aeries(http, settings)
        self._settings = settings
        self._about = about
        self._today = today
        self._schools: list[str] = []
        super().__init__(http, StudentFinder(rules.match, None, self._everybody, spool_dir))

    def person(self, values: Values) -> Person:
        return _person(values)

    async def held(self, id: str, mine: Values, fields: Sequence[str]) -> Values | None:
        row = await self._row(id, str(mine.get("SchoolCode") or ""))
        if row is None:
            return None
        values = self._values(row, mine, fields)
        if contacts := slots(mine):
            values |= (await self._contacts(id)).values(contacts)
        return values

    async def apply(self, batch: ChangeBatch) -> list[Applied]:
        """One student after the other: the API takes one at a time."""
        return await one_by_one(batch.changes, self._apply)

    async def _apply(self, change: Change) -> Applied:
        status = "created" if change.action is Action.CREATE else "updated"
        id, problems = change.target_id or "", list[Problem]()
        for path, body in self._calls(change):
            refused, rows = await self._server.write_student(path, body)
            if refused:
                return Applied(
                    change.key, False, "failed", id or None, [Problem(*said("sis.record_refused", why=refused[:300]))]
                )
            row = texts(rows[0]) if rows else {}
            id = id or row.get("StudentID", "")
            problems += self._dropped(change, body, row)
        if not id:
            return Applied(change.key, False, "failed", None, [Problem(*said("sis.no_result"))])
        if contacts := slots(change.values):
            problems += await rest_of_saved(self._save_contacts(id, contacts))
        return Applied(change.key, True, status, id, problems, partial=bool(problems))

    async def _save_contacts(self, id: str, contacts: Mapping[int, Values]) -> list[Problem]:
        return await (await self._contacts(id)).save(contacts)

    def _calls(self, change: Change) -> list[tuple[str, dict[str, Any]]]:
        """What is to be sent, and where; a new student takes the address along."""
        own = _own(change)
        if change.action is Action.CREATE:
            school = own.pop("SchoolCode", "")
            return [
                (f"/schools/{school}/InsertStudent", {name: value for name, value in own.items() if value is not None})
            ]
        address = {name: own.pop(name) for name in list(own) if name.startswith(_ADDRESSES)}
        calls = []
        if own:
            calls.append((f"/UpdateStudent/{change.target_id}", {name: written(value) for name, value in own.items()}))
        if address:
            body = {name: written(value) for name, value in address.items()}
            body["CorrectionOrChange"] = self._settings.address_change.capitalize()
            body["EffectiveStartDate"] = self._today.isoformat()
            calls.append((f"/UpdateStudentAddress/{change.target_id}", body))
        return calls

    def _dropped(self, change: Change, body: Mapping[str, Any], row: Mapping[str, str]) -> list[Problem]:
        """An answer without a field says nothing about it."""
        sent = [name for name in body if name in change.values and READ.get(name, name) in row]
        held = self._values(row, change.values, sent)
        lost = dropped(change, held)
        return [Problem(*said("sis.field_dropped"), name) for name in sent if name in lost]

    def _values(self, row: Mapping[str, str], mine: Values, fields: Sequence[str]) -> Values:
        own = {name: row.get(READ.get(name, name), "") for name in fields if contact_field(name) is None}
        values = typed(self._about, own)
        for name in values.keys() & set(_PHONES):
            values[name] = same_digits(mine.get(name), values[name])
        return values

    async def _row(self, id: str, school: str) -> dict[str, str] | None:
        """The student's row at the school they are registered at, else at the first one that has them."""
        self._schools = self._schools or [one["SchoolCode"] for one in await self._server.schools()]
        for code in dict.fromkeys([*([school] if school in self._schools else []), *self._schools]):
            rows = await self._server.student(code, id)
            if rows:
                return texts(rows[0])
        return None

    async def _contacts(self, id: str) -> Contacts:
        return Contacts(self._server, id, await self._server.contacts_of(id))

    async def _everybody(self) -> AsyncIterator[Sequence[Person]]:
        """Those who have left among them: they are not created a second time."""
        for school in await self._server.schools():
            async for page in self._server.pages(school["SchoolCode"]):
                yield [_held(row) for row in page]


def _own(change: Change) -> Values:
    """What goes into the student: contacts and references left out."""
    references = ("registrations.", "schools.", "StudentID", "StateStudentID")
    return {
        name: value
        for name, value in change.values.items()
        if contact_field(name) is None and not name.startswith(references)
    }


def _person(values: Values) -> Person:
    names = ("StudentID", "StateStudentID", "FirstName", "LastName", "BirthDate")
    return Person("", *(str(values.get(name) or "") for name in names))


def _held(row: Mapping[str, str]) -> Person:
    id = row.get("StudentID", "")
    names = ("StateStudentID", "FirstName", "LastName", "Birthdate")
    return Person(id, id, *(row.get(name, "") for name in names))
