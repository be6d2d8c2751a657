"""Problems of many records, grouped by what went wrong and where."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from shared.model.error_texts import every_text, told
from shared.model.record import Problem

FEW_ROWS = 5
OTHERS = told("cause.several")


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: `count` problems, `rows` the first few of their rows. Holds no values, so no personal data."""

    code: str
    field: str
    message: str
    fix: str
    count: int
    rows: tuple[int, ...]

    def packed(self) -> list[Any]:
        return [self.code, self.field, self.message, self.fix, self.count, list(self.rows)]

    @classmethod
    def unpacked(cls, packed: Sequence[Any]) -> Self:
        code, field, message, fix, count, rows = packed
        return cls(code, field, message, fix, count, tuple(rows))


def causes_of(problems: Iterable[tuple[int, Sequence[Problem]]]) -> list[Cause]:
    """The causes behind the problems of each row; a row of 0 is none."""
    return merged(
        Cause(one.code, one.field, one.message, one.fix, 1, (row,) if row else ())
        for row, found in problems
        for one in found
    )


def merged(causes: Iterable[Cause]) -> list[Cause]:
    """One cause for each code and field, the most frequent first. Its words are true of all of its rows: where what was
    said of them differs, they are what is said of the code in general."""
    found: dict[tuple[str, str], Cause] = {}
    for one in causes:
        held = found.get((one.code, one.field))
        if held is not None:
            rows = tuple(sorted({*held.rows, *one.rows})[:FEW_ROWS])
            message, fix = _words(held, one)
            one = replace(held, message=message, fix=fix, count=held.count + one.count, rows=rows)
        found[one.code, one.field] = one
    return sorted(found.values(), key=lambda one: (-one.count, one.code, one.field))


def _words(one: Cause, other: Cause) -> tuple[str, str]:
    """Message and fix of both: each as it is where it is the same, else in general."""
    about = every_text().get(one.code)
    message, fix = (about.cause, about.fix) if about else (OTHERS["message"], OTHERS["fix"])
    general = "" if "{" in fix else fix
    return (
        one.message if one.message == other.message else message,
        one.fix if one.fix == other.fix else general,
    )
