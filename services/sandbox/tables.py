"""The records of one data type of one organization, but for students: plain dictionaries, found by what they are."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import orjson

from services.sandbox.students import CHANGED, IN_USE
from services.sandbox.validation import Problem, Rejected, check_of, problem
from shared.model.catalog import Catalog, Field, catalog
from shared.model.number import whole_number

if TYPE_CHECKING:
    from services.sandbox.world import Organization

Identity: TypeAlias = Hashable
Values: TypeAlias = Mapping[str, Any]
Result: TypeAlias = dict[str, Any]


class Refused(Exception):
    """One record is refused, for this reason."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.problem = problem(code, field, message)


@dataclass(slots=True)
class Record:
    """One record. `annual` holds the values that belong to a school year."""

    id: int
    identity: Identity
    shared: dict[str, Any] = field(default_factory=dict)
    annual: dict[int, dict[str, Any]] = field(default_factory=dict)
    writes: int = 1


class Kind(ABC):
    """What sets one data type apart: how its records are found, and what Enroll checks before it takes one."""

    data_type: ClassVar[str]
    per_year: ClassVar[bool] = False
    """Whether each school year has records of its own."""
    own_fields: ClassVar[frozenset[str]] = frozenset()
    """Fields that Enroll fills by itself, or takes from the key."""

    @property
    def about(self) -> Catalog:
        return catalog(self.data_type)

    @property
    def id_field(self) -> str:
        """The field that holds Enroll's own id; "" where people never see it."""
        return f"{self.data_type}.id" if f"{self.data_type}.id" in self.about.fields else ""

    @abstractmethod
    def identity(self, org: "Organization", given: Values, year: int) -> Identity:
        """What makes the record the one that it is. Raises Refused where `given` refers to what is not there."""

    @abstractmethod
    def problems(self, org: "Organization", record: Record, year: int, sent: Values) -> Iterator[Problem]:
        """What stands against the record as it would be after the change."""

    def referred(self, org: "Organization", record: Record) -> dict[str, Any]:
        """The values of the fields that only say which student, program or school is meant."""
        del org, record
        return {}


class Table:
    """The records of a kind, in the order they were made."""

    def __init__(self, kind: Kind, org: "Organization", first_id: int) -> None:
        self.kind = kind
        self._org = org
        self._first_id = first_id
        self._records: list[Record | None] = []
        self._index: dict[tuple[int, Identity], Record] = {}

    @property
    def records(self) -> list[Record]:
        return [one for one in self._records if one is not None]

    def __len__(self) -> int:
        return len(self.records)

    def by_id(self, id: Any) -> Record | None:
        place = whole_number(str(id)) - self._first_id
        return self._records[place] if 0 <= place < len(self._records) else None

    def look_up(self, year: int, match_key: str, keys: Sequence[str], fields: Sequence[str]) -> Iterator[Result]:
        """Keys that fit no record, or refer to nothing, are left out."""
        for key in dict.fromkeys(keys):
            try:
                record = self._find(match_key, key, year)
            except Refused:
                continue
            if record is not None:
                shown = self.values(record, year)
                yield {"key": key, "id": str(record.id), "values": {name: shown.get(name) for name in fields}}

    def upsert(self, year: int, match_key: str, record: Any, *, dry: bool = False) -> Result:
        """Applies one record, or refuses it and changes nothing. `dry` never changes anything."""
        key = record.get("key") if isinstance(record, dict) else None
        try:
            held, identity, values = self._read(year, match_key, record)
        except Refused as refused:
            return failed(key, [refused.problem])
        changed = self._changed(held, identity, values, year)
        problems = [] if held else list(self._missing(values))
        problems += self.kind.problems(self._org, changed, year, values)
        if problems:
            return failed(key, problems)
        status = "created" if held is None else "updated" if self._differs(held, changed, year) else "unchanged"
        if not dry and status != "unchanged":
            self._write(held, changed, year)
        return {"key": key, "status": status, "id": str(changed.id), "errors": []}

    def remove(self, year: int, record: Any, is_in_use: Callable[[int], bool], *, dry: bool = False) -> Result:
        """Takes out a record that holds what `values` say and nothing else, and on which nothing hangs."""
        key, held = record["key"], self.by_id(record["id"])
        if held is None:
            return {"key": key, "status": "unchanged", "id": None, "errors": []}
        given, fields = self._checked(record["values"]), self.kind.about.fields
        stored = {**held.shared, **held.annual.get(year, {})}
        names = {name for name in {*given, *stored} if not (name in fields and fields[name].refers)}
        wrong = [name for name in names - self.kind.own_fields if given.get(name) != stored.get(name)]
        if wrong or any(values for one, values in held.annual.items() if one != year):
            return failed(key, [problem("record.changed", name, CHANGED) for name in sorted(wrong) or [""]])
        if is_in_use(held.id):
            return failed(key, [problem("record.in_use", "", IN_USE)])
        if not dry:
            self._index.pop(self._place(held.identity, year), None)
            self._records[held.id - self._first_id] = None
        return {"key": key, "status": "removed", "id": record["id"], "errors": []}

    def values(self, record: Record, year: int) -> dict[str, Any]:
        own = {self.kind.id_field: record.id} if self.kind.id_field else {}
        return {**record.shared, **record.annual.get(year, {}), **self.kind.referred(self._org, record), **own}

    def _read(self, year: int, match_key: str, record: Any) -> tuple[Record | None, Identity, dict[str, Any]]:
        if not isinstance(record, dict) or not isinstance(record.get("values"), dict):
            raise Refused("record.malformed", "", "A record needs a key and values.")
        key, given = record.get("key"), record.get("id")
        if not isinstance(key, str) or not key:
            raise Refused("key.missing", match_key, "A record needs a key.")
        values = self._checked(record["values"])
        held = self.by_id(given) if given is not None else self._find(match_key, key, year)
        by_id = given is not None or match_key == self.kind.id_field
        if held is None and by_id:
            noun = self.kind.about.noun
            raise Refused(f"{noun.replace(' ', '_')}.unknown", match_key, f"There is no {noun} with this id.")
        about = {**(self.values(held, year) if held else {}), **self._parse(match_key, key), **values}
        return held, self.kind.identity(self._org, about, year), {**self._parse(match_key, key), **values}

    def _find(self, match_key: str, key: str, year: int) -> Record | None:
        given = self._parse(match_key, key)
        if match_key == self.kind.id_field:
            return self.by_id(given[match_key])
        return self._index.get(self._place(self.kind.identity(self._org, given, year), year))

    def _parse(self, match_key: str, key: str) -> dict[str, Any]:
        names = match_key.split("+")
        try:
            texts = [key] if len(names) == 1 else orjson.loads(key)
            pairs = list(zip(names, texts, strict=True))
        except (orjson.JSONDecodeError, TypeError, ValueError):
            raise Refused("key.malformed", match_key, "The key is not a list of one text for each field.") from None
        return self._checked(dict(pairs))

    def _checked(self, values: Values) -> dict[str, Any]:
        checked = {}
        for name, value in values.items():
            about = self.kind.about.fields.get(name)
            if about is None:
                raise Refused("field.unknown", name, "There is no such field.")
            try:
                checked[name] = None if value is None else check_of(about)(value)
            except Rejected as error:
                raise Refused(error.code, name, error.message) from None
        return checked

    def _missing(self, values: Values) -> Iterator[Problem]:
        about = self.kind.about
        for name, one in about.fields.items():
            if one.create and values.get(name) in (None, ""):
                yield problem("value.required", name, f"This field is needed to create a {about.noun}.")
        for names in about.create_one_of:
            if not any(values.get(name) for name in names):
                yield problem("value.required", names[0], f"One of {' or '.join(names)} is needed.")

    def _changed(self, held: Record | None, identity: Identity, values: Values, year: int) -> Record:
        record = Record(self._first_id + len(self._records), identity)
        if held is not None:
            annual = {one: dict(stored) for one, stored in held.annual.items()}
            record = Record(held.id, identity, dict(held.shared), annual, held.writes + 1)
        for name, value in values.items():
            about = self.kind.about.fields[name]
            if not about.refers and name != self.kind.id_field:
                place = record.annual.setdefault(year, {}) if _annual(about) else record.shared
                place[name] = value
        return record

    def _differs(self, held: Record, changed: Record, year: int) -> bool:
        return self.values(held, year) != self.values(changed, year)

    def _write(self, held: Record | None, changed: Record, year: int) -> None:
        if held is None:
            self._records.append(changed)
        else:
            self._index.pop(self._place(held.identity, year), None)
            self._records[held.id - self._first_id] = changed
        self._index[self._place(changed.identity, year)] = changed

    def _place(self, identity: Identity, year: int) -> tuple[int, Identity]:
        return (year if self.kind.per_year else 0), identity


def failed(key: Any, problems: list[Problem]) -> Result:
    return {"key": key if isinstance(key, str) else "", "status": "failed", "id": None, "errors": problems}


def _annual(about: Field) -> bool:
    return about.name.partition(".")[0].endswith("_annual")
