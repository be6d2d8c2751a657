"""What Enroll accepts in each student field, made from the field catalog."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, TypeAlias

from shared.model.catalog import Field, catalog

Check: TypeAlias = Callable[[Any], Any]
Problem: TypeAlias = dict[str, str]
ANNUAL = "student_annual."
ID_FIELD = "students.id"
ID_SLOT = -1
WRITABLE_BY_SYNC = frozenset({"students.sis_missing"})
_LARGEST = 2**63 - 1
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,30}")


class Rejected(Exception):
    """A value that a field does not take. The message never holds the value."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Rule:
    """One field: where its value is stored (`annual` or not, at `slot`) and what it takes."""

    annual: bool
    slot: int
    check: Check


@dataclass(frozen=True, slots=True)
class Rules:
    """All fields of a student.

    `shared` and `annual` name the slots in order; `fields` are all that can be read, `writable` those that can be
    written as well.
    """

    shared: tuple[str, ...]
    annual: tuple[str, ...]
    fields: Mapping[str, Rule]
    writable: Mapping[str, Rule]
    required: Mapping[str, int]
    match_keys: tuple[str, ...]


@dataclass(slots=True)
class Cleaned:
    """The values of one record by slot, and what is wrong with the others."""

    shared: dict[int, Any]
    annual: dict[int, Any]
    problems: list[Problem]


@cache
def student_rules() -> Rules:
    """The rules of the students catalog."""
    students = catalog("students")
    names = tuple(students.fields)
    annual = tuple(name for name in names if name.startswith(ANNUAL))
    shared = tuple(name for name in names if not name.startswith(ANNUAL) and name != ID_FIELD)
    slots = {ID_FIELD: ID_SLOT} | {n: i for i, n in enumerate(shared)} | {n: i for i, n in enumerate(annual)}
    fields = {n: Rule(n.startswith(ANNUAL), slots[n], check_of(f)) for n, f in students.fields.items()}
    return Rules(
        shared=shared,
        annual=annual,
        fields=fields,
        writable={n: r for n, r in fields.items() if students.fields[n].importable or n in WRITABLE_BY_SYNC},
        required={n: slots[n] for n, f in students.fields.items() if f.required},
        match_keys=tuple(key[0] for key in students.match_keys),
    )


def clean(values: Mapping[str, Any], rules: Rules, rejected: Mapping[str, str]) -> Cleaned:
    """Checks the values of one record. A field in `rejected` is refused with the message given there."""
    found = Cleaned({}, {}, [])
    writable = rules.writable
    for name, value in values.items():
        rule = writable.get(name)
        if rule is None or name in rejected:
            found.problems.append(_refusal(name, rules, rejected))
            continue
        if value is not None:
            try:
                value = rule.check(value)
            except Rejected as error:
                found.problems.append(problem(error.code, name, error.message))
                continue
        (found.annual if rule.annual else found.shared)[rule.slot] = value
    return found


def problem(code: str, field: str, message: str) -> Problem:
    return {"code": code, "field": field, "message": message}


def _refusal(name: str, rules: Rules, rejected: Mapping[str, str]) -> Problem:
    if name in rejected:
        return problem("value.rejected", name, rejected[name])
    if name in rules.fields:
        return problem("field.not_importable", name, "This field is written by Enroll alone.")
    return problem("field.unknown", name, "There is no such field.")


def check_of(field: Field) -> Check:
    """What tells whether a field takes a value: it answers the value as it is stored, or raises Rejected."""
    limit = field.length if field.length is not None else 65_535
    match field.type:
        case "date":
            return _date
        case "datetime":
            return _datetime
        case "list":
            return _list
        case "integer":
            return _integer(limit, field.minimum)
        case "flag":
            return _flag
        case "json":
            return _json
        case "text" | "email":
            return _text(limit)


def _text(limit: int) -> Check:
    def check(value: Any) -> Any:
        if type(value) is not str:
            raise Rejected("value.wrong_type", "This field takes text.")
        if len(value) > limit:
            raise Rejected("value.too_long", f"This field takes at most {limit} characters.")
        return value

    return check


def _integer(limit: int, minimum: int | None) -> Check:
    def check(value: Any) -> Any:
        if type(value) is str and _WHOLE_NUMBER.fullmatch(value):
            value = int(value)
        if type(value) is not int:
            raise Rejected("value.wrong_type", "This field takes a whole number.")
        if len(str(value)) > limit or abs(value) > _LARGEST:
            raise Rejected("value.too_long", f"This field takes at most {limit} digits.")
        if minimum is not None and value < minimum:
            raise Rejected("value.too_small", f"This field takes {minimum} or more.")
        return value

    return check


def _flag(value: Any) -> Any:
    if type(value) is not int or value not in (0, 1):
        raise Rejected("value.wrong_type", "This field takes 0 or 1.")
    return value


def _date(value: Any) -> Any:
    if type(value) is not str:
        raise Rejected("value.wrong_type", "This field takes a date as text.")
    try:
        if len(value) == 10 and value[4] == value[7] == "-":
            date.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise Rejected("value.bad_date", "This field takes a date that exists, as YYYY-MM-DD.")


def _datetime(value: Any) -> Any:
    try:
        if type(value) is str and len(value) == 19 and value[10] == " ":
            datetime.fromisoformat(value)
            return value
    except ValueError:
        pass
    raise Rejected("value.bad_date", "This field takes a date and time that exist, as YYYY-MM-DD HH:MM:SS.")


def _list(value: Any) -> Any:
    if type(value) is list and all(type(part) is str for part in value):
        return value
    raise Rejected("value.wrong_type", "This field takes a list of texts.")


def _json(value: Any) -> Any:
    if type(value) is str or (type(value) is list and all(type(part) is str for part in value)):
        return value
    raise Rejected("value.wrong_type", "This field takes text or a list of texts.")
