"""The last step of every field: from a text to a value as the catalog wants it."""

import re
import sys
from collections.abc import Callable, Sequence
from datetime import date
from enum import Enum
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from shared.mapping.transformations.registry import Reader, ValueProblem
from shared.model.catalog import Field
from shared.model.codes import Code
from shared.model.error_texts import said
from shared.model.mapping import Blank

Convert: TypeAlias = Callable[[str], Any]
"""From a text that is not blank to a value. Raises `ValueProblem` and nothing else."""

ReadValue: TypeAlias = Callable[[list[str]], Any]
"""From the values of one row to the value of one field, or `KEEP`. Raises `ValueProblem` and nothing else."""


class Keep(Enum):
    """Its own type, and `true` in JSON, which no value of a field ever is."""

    KEEP = True


KEEP: Final = Keep.KEEP
"""Stands where a blank leaves the target as it is."""


class PlainText(NamedTuple):
    """A column copied to a text of at most `limit` characters: what is not blank and short enough stays as it is."""

    place: int
    limit: int


_INTEGER = re.compile(r"([+-]?)0*([0-9]+)")
_INT64_DIGITS = 19
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\".]+(\.[^@\s,;<>\".]+)+")
_FLAGS = {"0": 0, "1": 1}


def converter(field: Field) -> Convert:
    """What turns a text into a value of this field. A text stays as it is, spaces included; others are trimmed."""
    limit = field.length or sys.maxsize
    return {
        "text": _one_of(field.takes) if field.takes else _text(limit),
        "date": _date,
        "datetime": _datetime,
        "integer": _integer(field.length, field.minimum),
        "flag": _flag,
        "email": _email(limit),
        "list": _list,
        "json": _json,
    }[field.type]


def value_reader(field: Field, text: Reader, blank: Blank, *, key: bool) -> ReadValue:
    """The reader of a field's value. A match key is trimmed; it and a required field may not be blank."""
    convert = converter(field)
    when_blank = _when_blank(field, blank, key=key)

    def read(values: list[str]) -> Any:
        found = text(values)
        if not found or found.isspace():
            return when_blank()
        return convert(found.strip() if key else found)

    return read


def among(codes: Sequence[Code], read: ReadValue) -> ReadValue:
    """The same reader for a field that takes no value but these codes, in any list of them."""
    known = frozenset(one.code for one in codes)

    def checked(values: list[str]) -> Any:
        value = read(values)
        if isinstance(value, str):
            value = value.strip()
        parts = value if isinstance(value, list) else [] if value is None or value is KEEP else [value]
        if not all(str(one) in known for one in parts):
            raise ValueProblem(*said("value.code_unknown"))
        return value

    return checked


def _when_blank(field: Field, blank: Blank, *, key: bool) -> Callable[[], Any]:
    if key and not field.default:
        return _blank_key
    if field.required:
        return _blank_required
    value = KEEP if blank == "keep" and not field.replaces else None
    return partial(converter(field), field.default) if key else lambda: value


def _blank_key() -> Any:
    raise ValueProblem(*said("key.blank"))


def _blank_required() -> Any:
    raise ValueProblem(*said("value.required"))


def _too_long(limit: int) -> ValueProblem:
    return ValueProblem(*said("value.too_long", limit=limit))


def _text(limit: int) -> Convert:
    def convert(text: str) -> str:
        if len(text) > limit:
            raise _too_long(limit)
        return text

    return convert


def _one_of(takes: Sequence[str]) -> Convert:
    known = " or ".join(takes)

    def convert(text: str) -> str:
        if text.strip() not in takes:
            raise ValueProblem(*said("value.not_taken", known=known))
        return text.strip()

    return convert


def _integer(length: int | None, minimum: int | None) -> Convert:
    limit = min(length or _INT64_DIGITS, _INT64_DIGITS)
    convert = _whole_number(limit)
    if minimum is None:
        return convert

    def bounded(text: str) -> int:
        value = convert(text)
        if value < minimum:
            raise ValueProblem(*said("value.too_small", minimum=minimum))
        return value

    return bounded


def _whole_number(limit: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        text = text.strip()
        if len(text) < limit and text.isascii() and text.isdigit():
            return int(text)
        found = _INTEGER.fullmatch(text)
        if found is None:
            raise ValueProblem(*said("value.not_a_number"))
        if len(found[2]) <= limit:
            value = int(found[1] + found[2])
            if len(str(value)) <= limit and value < 2**63:
                return value
        raise _too_long(limit)

    return convert


def _date(text: str) -> str:
    return _real_date(text.strip())


@lru_cache(maxsize=8192)
def _real_date(text: str) -> str:
    try:
        if _DATE.fullmatch(text):
            date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise ValueProblem(*said("value.not_a_date"))


def _datetime(text: str) -> str:
    """A day without a time is its first second."""
    day, _, clock = text.strip().replace("T", " ", 1).partition(" ")
    if clock and not _TIME.fullmatch(clock):
        raise ValueProblem(*said("value.not_a_time"))
    return f"{_real_date(day)} {clock or '00:00:00'}"


def _email(limit: int) -> Convert:
    def convert(text: str) -> str:
        text = text.strip()
        if not _EMAIL.fullmatch(text):
            raise ValueProblem(*said("value.not_an_email"))
        if len(text) > limit:
            raise _too_long(limit)
        return text

    return convert


def _list(text: str) -> list[str]:
    """Separated by commas or semicolons, or a JSON list; each element once."""
    if text.strip().startswith("["):
        parts = [part.strip() for part in _json(text)]
    else:
        parts = [part.strip() for part in text.replace(";", ",").split(",")]
    return list(dict.fromkeys(part for part in parts if part))


def _flag(text: str) -> int:
    value = _FLAGS.get(text.strip())
    if value is None:
        raise ValueProblem(*said("value.not_a_flag"))
    return value


def _json(text: str) -> list[str]:
    text = text.strip()
    if not text.startswith("["):
        return [text]
    try:
        items = orjson.loads(text)
    except orjson.JSONDecodeError:
        items = [None]
    if not all(isinstance(item, str) for item in items):
        raise ValueProblem(*said("value.not_a_list"))
    return list(items)
