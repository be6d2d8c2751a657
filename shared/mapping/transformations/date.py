"""Date: from one pattern to another."""

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from shared.mapping.transformations.registry import Read, Reader, Source, Step, ValueProblem, transformation

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_NUMBERS = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
_SHORT_NUMBERS = {name[:3]: number for name, number in _NUMBERS.items()}

_READ: dict[str, tuple[str, str]] = {
    "YYYY": ("year", "[0-9]{4}"),
    "YY": ("year", "[0-9]{2}"),
    "MMMM": ("month", "[A-Za-z]+"),
    "MMM": ("month", "[A-Za-z]{3}"),
    "MM": ("month", "[0-9]{2}"),
    "M": ("month", "[0-9]{1,2}"),
    "DD": ("day", "[0-9]{2}"),
    "D": ("day", "[0-9]{1,2}"),
}
_WRITE: dict[str, Callable[[date], str]] = {
    "YYYY": lambda day: f"{day.year:04}",
    "YY": lambda day: f"{day.year % 100:02}",
    "MMMM": lambda day: _MONTHS[day.month - 1],
    "MMM": lambda day: _MONTHS[day.month - 1][:3],
    "MM": lambda day: f"{day.month:02}",
    "M": lambda day: str(day.month),
    "DD": lambda day: f"{day.day:02}",
    "D": lambda day: str(day.day),
}
_TOKEN = re.compile(r"YYYY|YY|M{1,4}|DD?|[^A-Za-z0-9]")


def _tokens(pattern: str) -> list[str]:
    tokens = _TOKEN.findall(pattern)
    parts = [_READ[token][0] if token in _READ else "" for token in tokens]
    twice = any(left and left == right for left, right in pairwise(parts))
    if "".join(tokens) != pattern or twice or not any(parts):
        raise ValueError("Write the pattern with YYYY, YY, MM, M, MMM, MMMM, DD, D and separators")
    return tokens


def _readable(pattern: str) -> str:
    tokens = _tokens(pattern)
    if sorted(_READ[token][0] for token in tokens if token in _READ) != ["day", "month", "year"]:
        raise ValueError("The pattern needs the year, the month and the day, each once")
    for left, right in pairwise(tokens):
        pair = {left, right}
        if pair & {"M", "D"} and pair <= _READ.keys() and not pair & {"MMM", "MMMM"}:
            raise ValueError("M and D need a separator beside them; without one use MM and DD")
    return pattern


def _writable(pattern: str) -> str:
    _tokens(pattern)
    return pattern


@transformation("date")
class Date(Step):
    """A date written another way, for example `from` MM/DD/YYYY `to` YYYY-MM-DD.

    M and D read one digit or two, MM and DD exactly two. MMM and MMMM are English month names, short and long, in any
    case. YY needs `pivot`: years up to it are 20YY, years above it 19YY. A day that is in no calendar is a problem.
    Blank gives blank.
    """

    source: Source
    from_: Annotated[str, AfterValidator(_readable)] = Field(alias="from", max_length=50)
    to: Annotated[str, AfterValidator(_writable)] = Field(max_length=50)
    pivot: int | None = Field(default=None, ge=0, le=99)

    @model_validator(mode="after")
    def _pivot_given(self) -> Self:
        if self.pivot is None and "YY" in _tokens(self.from_):
            raise ValueError("YY needs pivot: the last two-digit year that is in the 2000s")
        return self

    def compile(self, read: Read) -> Reader:
        source = read(self.source)
        parse = _parser(self.from_, self.pivot)
        write = [_WRITE.get(token) or _literal(token) for token in _tokens(self.to)]

        @lru_cache(maxsize=4096)
        def convert(text: str) -> str:
            if not text:
                return ""
            day = parse(text)
            return "".join(part(day) for part in write)

        return lambda values: convert(source(values).strip())


def _literal(text: str) -> Callable[[date], str]:
    return lambda _: text


def _parser(pattern: str, pivot: int | None) -> Callable[[str], date]:
    tokens = _tokens(pattern)
    shape = re.compile("".join(_group(token) for token in tokens))
    short_year = "YY" in tokens
    months = _NUMBERS if "MMMM" in tokens else _SHORT_NUMBERS

    def parse(text: str) -> date:
        found = shape.fullmatch(text)
        if found is None:
            raise ValueProblem(
                "date.wrong_pattern",
                f"This date is not written as {pattern}.",
                "Correct the date, or change the Source Data Format of this field.",
            )
        year = int(found["year"])
        if short_year:
            year += 2000 if year <= (pivot or 0) else 1900
        month = found["month"]
        try:
            return date(year, int(month) if month.isdigit() else months[month.lower()], int(found["day"]))
        except (ValueError, KeyError):
            raise ValueProblem(
                "date.not_real",
                f"There is no such day in the calendar, read as {pattern}.",
                "Correct the date, or change the Source Data Format of this field.",
            ) from None

    return parse


def _group(token: str) -> str:
    if token not in _READ:
        return re.escape(token)
    part, shape = _READ[token]
    return f"(?P<{part}>{shape})"
