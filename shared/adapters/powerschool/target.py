"""Students of PowerSchool as the target of exports: found, created and changed in bulk, read back, with contacts.

Source: SIS facts, 1.8 to 1.12.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from shared.adapters.contact_match import slots
from shared.adapters.powerschool.contacts import Contacts
from shared.adapters.powerschool.json import at, extensions, group, many, postal_code, text
from shared.adapters.powerschool.server import PowerSchool
from shared.adapters.sis_http import SisHttp
from shared.adapters.sis_target import SisTarget, problem_of, rest_of_saved
from shared.adapters.sis_values import dropped, typed, written
from shared.adapters.student_finder import Person, StudentFinder
from shared.model.catalog import Catalog
from shared.model.contacts import contact_field
from shared.model.error_texts import said
from shared.model.errors import Permanent
from shared.model.export_rules import ExportRules, MatchBy
from shared.model.kind_settings import PowerSchoolSettings
from shared.model.record import Action, Applied, Change, ChangeBatch, Problem, Values

BATCH: Final = 20
_FIELDS: Final[Mapping[MatchBy, str]] = {
    "student_id": "local_id",
    "state_id": "state_province_id",
    "name_and_birth_date": "name.last_name",
}


class PowerSchoolTarget(SisTarget):
    """One use: the first call opens it, `aclose` ends it (`shared.model.ports.Target`)."""

    batch_size = BATCH

    def __init__(
        self, http: SisHttp, settings: PowerSchoolSettings, rules: ExportRules, about: Catalog, spool_dir: Path | None
    ) -> None:
        self._server = PowerSchool(http, settings)
        self._custom = frozenset(settings.extension_fields)
        self._about = about
        super().__init__(http, StudentFinder(rules.match, self._search, self._everybody, spool_dir))

    def person(self, values: Values) -> Person:
        return _person(values)

    async def held(self, id: str, mine: Values, fields: Sequence[str]) -> Values | None:
        raw = await self._server.student(id)
        if raw is None:
            return None
        values = self._values(raw, fields)
        if contacts := slots(mine):
            values |= (await self._contacts(id, raw)).values(contacts)
        return values

    async def apply(self, batch: ChangeBatch) -> list[Applied]:
        """Students in one call; then, one after the other, what has to be read back and their contacts."""
        saved = await self._save(batch.changes)
        unread, lost = await self._lost(batch.changes, saved)
        answers = []
        for change, answer in zip(batch.changes, saved, strict=True):
            problems = [*unread, *(Problem(*said("sis.field_dropped"), name) for name in change.values if name in lost)]
            if answer.ok and answer.target_id and (contacts := slots(change.values)):
                problems += await rest_of_saved(self._save_contacts(answer.target_id, contacts))
            answers.append(_with(answer, problems) if answer.ok else answer)
        return answers

    async def _save_contacts(self, id: str, contacts: Mapping[int, Values]) -> list[Problem]:
        raw = await self._server.student(id) or {}
        return await (await self._contacts(id, raw)).save(contacts)

    async def _save(self, changes: Sequence[Change]) -> list[Applied]:
        records = [record for one in changes if (record := self._record(one))]
        results = {text(one.get("client_uid")): one for one in await self._server.save(records)} if records else {}
        sent = {record["client_uid"] for record in records}
        return [self._answer(one, results.get(one.key), sent=one.key in sent) for one in changes]

    def _answer(self, change: Change, result: Mapping[str, Any] | None, *, sent: bool) -> Applied:
        """A `WARNING` was saved. What is not in the answer at all may have been: it is looked up the next time."""
        status = "created" if change.action is Action.CREATE else "updated"
        if not sent:
            return Applied(change.key, True, status, change.target_id)
        if result is None:
            return Applied(change.key, False, "failed", None, [Problem(*said("sis.no_result"))])
        id = text(group(result.get("success_message")).get("id")) or change.target_id
        if text(result.get("status")) not in ("SUCCESS", "WARNING") or not id:
            return Applied(change.key, False, "failed", change.target_id, list(self._problems(result)))
        return Applied(change.key, True, status, id)

    def _problems(self, result: Mapping[str, Any]) -> Iterable[Problem]:
        """`field` paths begin with `student/` or `students/`."""
        for error in map(group, many(group(result.get("error_message")).get("error"))):
            path = text(error.get("field")).removeprefix("students/").removeprefix("student/").replace("/", ".")
            why = text(error.get("error_description")) or text(error.get("error_code"))
            yield Problem(*said("sis.record_refused", why=why[:300]), path)

    async def _lost(self, changes: Sequence[Change], saved: Sequence[Applied]) -> tuple[list[Problem], set[str]]:
        """Fields that PowerSchool has dropped without a word: as few students are read back as show every field.

        With why nobody can tell, where it refuses to be asked.
        """
        unseen = {name for one in changes for name in _own(one)}
        lost: set[str] = set()
        for change, answer in zip(changes, saved, strict=True):
            names = unseen & _own(change).keys()
            if answer.ok and answer.target_id and names:
                try:
                    raw = await self._server.student(answer.target_id) or {}
                except Permanent as error:
                    return [problem_of(error)], lost
                lost |= dropped(change, self._values(raw, sorted(names)))
                unseen -= names
        return [], lost

    def _record(self, change: Change) -> dict[str, Any]:
        """Nested groups under the names of the API; empty where only contacts are to be changed."""
        record: dict[str, Any] = {}
        tables: dict[str, list[dict[str, str]]] = {}
        for name, value in _own(change).items():
            if name in self._custom:
                table, _, field = name.partition(".")
                tables.setdefault(table, []).append({"name": field, "type": "String", "value": written(value)})
            else:
                *path, last = name.split(".")
                place = record
                for part in path:
                    place = place.setdefault(part, {})
                place[last] = written(value)
        if tables:
            listed = [{"name": table, "_field": fields} for table, fields in tables.items()]
            record["_extension_data"] = {"_table_extension": listed}
        if not record:
            return {}
        if change.action is Action.CREATE:
            return {"client_uid": change.key, "action": "INSERT", **record}
        return {"client_uid": change.key, "action": "UPDATE", "id": change.target_id, **record}

    def _values(self, raw: Mapping[str, Any], fields: Sequence[str]) -> Values:
        texts = {name: text(at(raw, name)) for name in fields if contact_field(name) is None}
        texts |= {name: value for name, value in extensions(raw) if name in self._custom}
        for name in texts:
            if name.endswith(".postal_code"):
                texts[name] = postal_code(texts[name])
        return typed(self._about, texts)

    async def _contacts(self, id: str, raw: Mapping[str, Any]) -> Contacts:
        return Contacts(self._server, text(raw.get("local_id")), await self._server.contacts(id))

    async def _search(self, by: MatchBy, wanted: Person) -> Iterable[Person]:
        value = {"student_id": wanted.student_id, "state_id": wanted.state_id}.get(by, wanted.last_name)
        return map(_held, await self._server.search(_FIELDS[by], value))

    async def _everybody(self) -> AsyncIterator[Sequence[Person]]:
        async for page in self._server.everybody():
            yield [_held(one) for one in page]


def _own(change: Change) -> Values:
    """What goes into the student: contacts and references left out, blanks of a new one as well."""
    return {
        name: value
        for name, value in change.values.items()
        if contact_field(name) is None
        and not name.startswith(("registrations.", "schools."))
        and (value is not None or change.action is not Action.CREATE)
    }


def _with(answer: Applied, problems: Sequence[Problem]) -> Applied:
    return Applied(answer.key, True, answer.status, answer.target_id, problems, partial=bool(problems))


def _person(values: Values) -> Person:
    return Person(
        student_id=text(values.get("local_id")),
        state_id=text(values.get("state_province_id")),
        first_name=text(values.get("name.first_name")),
        last_name=text(values.get("name.last_name")),
        birth_date=text(values.get("demographics.birth_date")),
    )


def _held(raw: Mapping[str, Any]) -> Person:
    names = ("local_id", "state_province_id", "name.first_name", "name.last_name", "demographics.birth_date")
    return Person(text(raw.get("id")), *(text(at(raw, name)) for name in names))
