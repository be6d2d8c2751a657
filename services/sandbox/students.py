"""The students of one organization, in memory: about half a kilobyte each, so that a million fit."""

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import orjson

from services.sandbox.validation import ID_FIELD, ID_SLOT, Cleaned, Problem, clean, problem, student_rules
from shared.model.number import whole_number

Status: TypeAlias = Literal["created", "updated", "unchanged", "failed"]
Result: TypeAlias = dict[str, Any]
Index: TypeAlias = dict[str, int | tuple[int, ...]]
DISTRICT_ID = "students.student_district_id"
_RULES = student_rules()
_LAST_IMPORT = _RULES.shared.index("students.last_import")
_NO_REJECTIONS: Mapping[str, str] = {}
_ENROLLS_OWN = frozenset({"students.last_import", "students.sis_missing"})
CHANGED = "The record holds something else than was written."
IN_USE = "Something in Enroll refers to this record."


class _Refused(Exception):
    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(message)
        self.problem = problem(code, field, message)


@dataclass(frozen=True, slots=True)
class Batch:
    """What the records of one call have in common. `rejected` are fields to refuse, with the message."""

    school_year: int
    match_key: str
    rejected: Mapping[str, str] = field(default_factory=lambda: _NO_REJECTIONS)


class Students:
    """Students by position; a student's id is `first_id` plus the position.

    A student is a JSON array of the shared fields and one per school year of the annual fields, in catalog order.
    """

    def __init__(self, first_id: int = 1) -> None:
        self.first_id = first_id
        self.writes = array("L")
        self._shared: list[bytes] = []
        self._removed: set[int] = set()
        self._annual: dict[int, list[bytes | None]] = {}
        self._indexes: dict[int, Index] = {
            _RULES.fields[name].slot: {} for name in _RULES.match_keys if name != ID_FIELD
        }

    def __len__(self) -> int:
        return len(self._shared) - len(self._removed)

    def find(self, match_key: str, key: str) -> int | None:
        """The position of the student with this key, the oldest if several share it."""
        if match_key == ID_FIELD:
            position = whole_number(key) - self.first_id
            there = 0 <= position < len(self._shared) and position not in self._removed
            return position if there else None
        found = self._indexes[_RULES.fields[match_key].slot].get(key)
        return found[0] if isinstance(found, tuple) else found

    def look_up(self, year: int, match_key: str, keys: Sequence[str], fields: Sequence[str]) -> Iterator[Result]:
        """The named fields of the students with these keys; keys that match nobody are left out."""
        for key in dict.fromkeys(keys):
            position = self.find(match_key, key)
            if position is not None:
                values = self._read(position, year, fields)
                yield {"key": key, "id": str(self.first_id + position), "values": values}

    def upsert(self, batch: Batch, record: Any, *, dry: bool = False) -> Result:
        """Applies one record, or refuses it and changes nothing. `dry` never changes anything."""
        try:
            position = self._locate(batch, record)
        except _Refused as refused:
            return _failed(record.get("key") if isinstance(record, dict) else None, [refused.problem])
        key: str = record["key"]
        cleaned = clean(record["values"], _RULES, batch.rejected)
        if record.get("id") is None:
            self._settle_key(batch.match_key, key, cleaned)
        self._settle_id(position, cleaned)
        if position is None:
            cleaned.problems += _missing(cleaned)
        if cleaned.problems:
            return _failed(key, cleaned.problems)
        if dry:
            return _done(key, "created" if position is None else "updated", self.first_id + (position or 0))
        if position is None:
            return self._create(batch, key, cleaned)
        return self._update(batch, key, cleaned, position)

    def remove(self, batch: Batch, record: Any, is_in_use: Callable[[int], bool], *, dry: bool = False) -> Result:
        """Takes a student out who holds what the record says and nothing else, and on whom nothing hangs."""
        key: str = record["key"]
        position = self.find(ID_FIELD, record["id"])
        if position is None:
            return {"key": key, "status": "unchanged", "id": None, "errors": []}
        cleaned = clean({batch.match_key: key, **record["values"]}, _RULES, {})
        given = {name: self._given(cleaned, name) for name in (*_RULES.shared, *_RULES.annual)}
        held = self._read(position, batch.school_year, list(given))
        wrong = [name for name in given if name not in _ENROLLS_OWN and given[name] != held[name]]
        others = [year for year in self._annual if year != batch.school_year and self._has_annual(position, year)]
        if wrong or others:
            problems = [problem("record.changed", name, CHANGED) for name in wrong or [""]]
            return _failed(key, problems)
        if is_in_use(position):
            return _failed(key, [problem("record.in_use", "", IN_USE)])
        if not dry:
            row = orjson.loads(self._shared[position])
            for slot in self._indexes:
                self._reindex(slot, position, row[slot], None)
            self._removed.add(position)
        return {"key": key, "status": "removed", "id": record["id"], "errors": []}

    def _given(self, cleaned: Cleaned, name: str) -> Any:
        rule = _RULES.fields[name]
        return (cleaned.annual if rule.annual else cleaned.shared).get(rule.slot)

    def _has_annual(self, position: int, year: int) -> bool:
        rows = self._annual[year]
        return position < len(rows) and rows[position] is not None

    def page(self, year: int, offset: int, limit: int) -> Iterator[Result]:
        """Students in the order they were made."""
        for position in range(offset, min(offset + limit, len(self._shared))):
            if position not in self._removed:
                yield self.show(position, year)

    def show(self, position: int, year: int) -> Result:
        """One student with the fields that have a value, and how often it was written."""
        values = self._read(position, year, (*_RULES.shared, *_RULES.annual))
        return {
            "id": str(self.first_id + position),
            "writes": self.writes[position],
            "values": {name: value for name, value in values.items() if value is not None},
        }

    def duplicates(self) -> int:
        """How many students share their district id with another."""
        index = self._indexes[_RULES.fields[DISTRICT_ID].slot]
        return sum(len(found) for found in index.values() if isinstance(found, tuple))

    def _locate(self, batch: Batch, record: Any) -> int | None:
        if not isinstance(record, dict) or not isinstance(record.get("values"), dict):
            raise _Refused("record.malformed", "", "A record needs a key and values.")
        key, given = record.get("key"), record.get("id")
        if not isinstance(key, str) or not key:
            raise _Refused("key.missing", batch.match_key, "A record needs a key.")
        if given is not None:
            position = self.find(ID_FIELD, given) if isinstance(given, str) else None
        else:
            position = self.find(batch.match_key, key)
        if position is None and (given is not None or batch.match_key == ID_FIELD):
            raise _Refused("student.unknown", ID_FIELD, "There is no student with this id.")
        return position

    def _settle_key(self, match_key: str, key: str, cleaned: Cleaned) -> None:
        slot = _RULES.fields[match_key].slot
        if match_key == ID_FIELD or any(found["field"] == match_key for found in cleaned.problems):
            return
        if slot not in cleaned.shared:
            own = clean({match_key: key}, _RULES, {})
            cleaned.shared |= own.shared
            cleaned.problems += own.problems
        elif cleaned.shared[slot] != key:
            cleaned.problems.append(problem("key.differs", match_key, "The value is not the record's key."))

    def _settle_id(self, position: int | None, cleaned: Cleaned) -> None:
        if ID_SLOT not in cleaned.shared:
            return
        wanted = cleaned.shared.pop(ID_SLOT)
        if position is None or wanted != self.first_id + position:
            cleaned.problems.append(problem("id.read_only", ID_FIELD, "Enroll gives this id itself."))

    def _create(self, batch: Batch, key: str, cleaned: Cleaned) -> Result:
        position = len(self._shared)
        row: list[Any] = [None] * len(_RULES.shared)
        cleaned.shared[_LAST_IMPORT] = _today()
        for slot, value in cleaned.shared.items():
            row[slot] = value
        self._shared.append(_packed(row))
        self.writes.append(1)
        for slot in self._indexes:
            self._reindex(slot, position, None, row[slot])
        if cleaned.annual:
            self._write_annual(position, batch.school_year, cleaned.annual)
        return _done(key, "created", self.first_id + position)

    def _update(self, batch: Batch, key: str, cleaned: Cleaned, position: int) -> Result:
        changed = self._write_shared(position, cleaned.shared)
        changed = self._write_annual(position, batch.school_year, cleaned.annual) or changed
        if changed:
            self._write_shared(position, {_LAST_IMPORT: _today()})
            self.writes[position] += 1
        return _done(key, "updated" if changed else "unchanged", self.first_id + position)

    def _write_shared(self, position: int, values: Mapping[int, Any]) -> bool:
        row = orjson.loads(self._shared[position])
        changed = False
        for slot, value in values.items():
            if row[slot] != value:
                if slot in self._indexes:
                    self._reindex(slot, position, row[slot], value)
                row[slot] = value
                changed = True
        if changed:
            self._shared[position] = _packed(row)
        return changed

    def _write_annual(self, position: int, year: int, values: Mapping[int, Any]) -> bool:
        rows = self._annual.setdefault(year, [])
        stored = rows[position] if position < len(rows) else None
        row = orjson.loads(stored) if stored is not None else [None] * len(_RULES.annual)
        changed = False
        for slot, value in values.items():
            if row[slot] != value:
                row[slot] = value
                changed = True
        if changed:
            rows.extend([None] * (position + 1 - len(rows)))
            rows[position] = _packed(row)
        return changed

    def _reindex(self, slot: int, position: int, old: str | None, new: str | None) -> None:
        index = self._indexes[slot]
        if old:
            found = index.pop(old)
            left = tuple(p for p in found if p != position) if isinstance(found, tuple) else ()
            if left:
                index[old] = left if len(left) > 1 else left[0]
        if new:
            found = index.get(new, ())
            both = tuple(sorted((*(found if isinstance(found, tuple) else (found,)), position)))
            index[new] = both if len(both) > 1 else position

    def _read(self, position: int, year: int, fields: Sequence[str]) -> dict[str, Any]:
        shared = orjson.loads(self._shared[position])
        rows = self._annual.get(year, ())
        stored = rows[position] if position < len(rows) else None
        annual = orjson.loads(stored) if stored is not None else [None] * len(_RULES.annual)
        values: dict[str, Any] = {}
        for name in fields:
            rule = _RULES.fields[name]
            if rule.slot == ID_SLOT:
                values[name] = self.first_id + position
            else:
                values[name] = (annual if rule.annual else shared)[rule.slot]
        return values


def _packed(row: list[Any]) -> bytes:
    # orjson's answer sits in a buffer of 4 KiB; a copy takes what it needs.
    return bytes(memoryview(orjson.dumps(row)))


def _missing(cleaned: Cleaned) -> list[Problem]:
    seen = {found["field"] for found in cleaned.problems}
    return [
        problem("value.required", name, "This field is needed to create a student.")
        for name, slot in _RULES.required.items()
        if not cleaned.shared.get(slot) and name not in seen
    ]


def _done(key: str, status: Status, student: int) -> Result:
    return {"key": key, "status": status, "id": str(student), "errors": []}


def _failed(key: Any, problems: list[Problem]) -> Result:
    return {"key": key, "status": "failed", "id": None, "errors": problems}


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
