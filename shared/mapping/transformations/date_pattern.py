"""Patterns of dates and times, as people write them: MM/DD/YYYY, D MMM YYYY, YYYY-MM-DDTHH:mm:ss."""

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import partial
from itertools import pairwise
from typing import TypeAlias

from shared.mapping.transformations.registry import ValueProblem
from shared.model.error_texts import said

Parse: TypeAlias = Callable[[str], datetime]
Write: TypeAlias = Callable[[datetime], str]

EXCEL = "EXCEL"
"""Stands for the number a spreadsheet keeps for a date: days since 1899-12-30."""

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NUMBERS = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}
_SHORT_NUMBERS = {name[:3]: number for name, number in _NUMBERS.items()} | {"sept": 9}

_READ: dict[str, tuple[str, str]] = {
    "YYYY": ("year", "[0-9]{4}"),
    "YY": ("year", "[0-9]{2}"),
    "MMMM": ("month", "[A-Za-z]+"),
    "MMM": ("month", r"[A-Za-z]{3,4}\.?"),
    "MM": ("month", "[0-9]{2}"),
    "M": ("month", "[0-9]{1,2}"),
    "DD": ("day", "[0-9]{2}"),
    "D": ("day", "[0-9]{1,2}"),
    "dddd": ("weekday", "[A-Za-z]+"),
    "ddd": ("weekday", r"[A-Za-z]{3,5}\.?"),
    "HH": ("hour", "[0-9]{2}"),
    "H": ("hour", "[0-9]{1,2}"),
    "hh": ("half", "[0-9]{2}"),
    "h": ("half", "[0-9]{1,2}"),
    "mm": ("minute", "[0-9]{2}"),
    "ss": ("second", "[0-9]{2}"),
    "S": ("fraction", "[0-9]{1,9}"),
    "A": ("noon", r"[AaPp]\.?[Mm]\.?"),
    "Z": ("zone", "[Zz]|[+-][0-9]{2}:?[0-9]{2}"),
}
_WRITE: dict[str, Write] = {
    "YYYY": lambda at: f"{at.year:04}",
    "YY": lambda at: f"{at.year % 100:02}",
    "MMMM": lambda at: _MONTHS[at.month - 1],
    "MMM": lambda at: _MONTHS[at.month - 1][:3],
    "MM": lambda at: f"{at.month:02}",
    "M": lambda at: str(at.month),
    "DD": lambda at: f"{at.day:02}",
    "D": lambda at: str(at.day),
    "dddd": lambda at: _DAYS[at.weekday()],
    "ddd": lambda at: _DAYS[at.weekday()][:3],
    "HH": lambda at: f"{at.hour:02}",
    "H": lambda at: str(at.hour),
    "hh": lambda at: f"{at.hour % 12 or 12:02}",
    "h": lambda at: str(at.hour % 12 or 12),
    "mm": lambda at: f"{at.minute:02}",
    "ss": lambda at: f"{at.second:02}",
    "A": lambda at: "AM" if at.hour < 12 else "PM",
}
_ONE_OR_TWO = frozenset({"M", "D", "H", "h"})
_WORDS = frozenset({"MMM", "MMMM", "ddd", "dddd", "A", "Z"})
_TOKEN = re.compile(r"YYYY|YY|M{1,4}|DD?|d{3,4}|HH?|hh?|mm|ss|S|A|Z|\[[^\[\]]{1,20}\]|[^A-Za-z0-9\[\]]|T")
_EXCEL_DAY = re.compile(r"([0-9]{1,7})(?:\.[0-9]{1,15})?")
_EXCEL_EPOCH = date(1899, 12, 30)
_KNOWN = "YYYY, YY, MM, M, MMM, MMMM, DD, D, separators and, for times, HH, H, hh, h, mm, ss, S, A, Z"


def readable(pattern: str) -> str:
    """The pattern. Raises ValueError where no date could be read by it."""
    if pattern == EXCEL:
        return pattern
    parts = [_READ[token][0] for token in _tokens(pattern) if token in _READ]
    if [parts.count(part) for part in ("year", "month", "day")] != [1, 1, 1] or len(set(parts)) < len(parts):
        raise ValueError("The pattern needs the year, the month and the day, each once (MM is the month, mm minutes)")
    if ("hour" in parts and "half" in parts) or ("half" in parts) != ("noon" in parts):
        raise ValueError("Write HH or H for 24 hours, or hh or h together with A for AM and PM")
    for left, right in pairwise(_tokens(pattern)):
        pair = {left, right}
        if pair & _ONE_OR_TWO and pair <= _READ.keys() and not pair & _WORDS:
            raise ValueError("M, D, H and h need a separator beside them; without one use MM, DD, HH and hh")
    return pattern


def writable(pattern: str) -> str:
    """The pattern. Raises ValueError where it has a part that cannot be written."""
    tokens = _tokens(pattern)
    if any(token in _READ and token not in _WRITE for token in tokens):
        raise ValueError("S and Z can be read, but not written")
    return pattern


def needs_pivot(pattern: str) -> bool:
    return pattern != EXCEL and "YY" in _tokens(pattern)


def parser(pattern: str, pivot: int | None) -> Parse:
    """What reads texts of this pattern. It raises ValueProblem: `date.wrong_pattern` or `date.not_real`."""
    if pattern == EXCEL:
        return _excel
    tokens = _tokens(pattern)
    shape = re.compile("".join(_group(token) for token in tokens))
    short_year, months = "YY" in tokens, _NUMBERS if "MMMM" in tokens else _SHORT_NUMBERS

    def parse(text: str) -> datetime:
        found = shape.fullmatch(text)
        if found is None:
            raise wrong_pattern(pattern)
        part = found.groupdict()
        year = int(part["year"])
        if short_year:
            year += 2000 if year <= (pivot or 0) else 1900
        month = part["month"]
        try:
            number = int(month) if month.isdigit() else months[month.rstrip(".").lower()]
            hour = _hour(part)
            return datetime(  # noqa: DTZ001 - the wall clock of a file, whose zone nobody knows
                year, number, int(part["day"]), hour, int(part.get("minute") or 0), int(part.get("second") or 0)
            )
        except (ValueError, KeyError):
            raise _not_real(pattern) from None

    return parse


def writer(pattern: str) -> Write:
    """What writes a moment by this pattern."""
    parts = [_WRITE.get(token) or partial(_same, _literal(token)) for token in _tokens(pattern)]
    return lambda at: "".join([part(at) for part in parts])


def wrong_pattern(pattern: str) -> ValueProblem:
    return ValueProblem(*said("date.wrong_pattern", pattern=pattern))


def _not_real(pattern: str) -> ValueProblem:
    return ValueProblem(*said("date.not_real", pattern=pattern))


def _hour(part: dict[str, str | None]) -> int:
    half = part.get("half")
    if half is None:
        return int(part.get("hour") or 0)
    if not 1 <= int(half) <= 12:
        raise ValueError
    return int(half) % 12 + (12 if (part["noon"] or "")[0] in "Pp" else 0)


def _excel(text: str) -> datetime:
    found = _EXCEL_DAY.fullmatch(text)
    if found is None:
        raise wrong_pattern(EXCEL)
    try:
        # Day 60 is 29 February 1900, which there was not; spreadsheets count it all the same.
        day = _EXCEL_EPOCH + timedelta(days=int(found[1]) + (int(found[1]) < 60))
    except OverflowError:
        raise _not_real(EXCEL) from None
    if int(found[1]) in (0, 60):
        raise _not_real(EXCEL)
    return datetime.combine(day, time())


def _tokens(pattern: str) -> list[str]:
    tokens = _TOKEN.findall(pattern)
    parts = [_READ[token][0] if token in _READ else "" for token in tokens]
    twice = any(left and left == right for left, right in pairwise(parts))
    if "".join(tokens) != pattern or twice or not any(parts):
        raise ValueError(f"Write the pattern with {_KNOWN}; other words in [brackets]")
    return tokens


def _literal(token: str) -> str:
    return token[1:-1] if token.startswith("[") else token


def _same(text: str, _: datetime) -> str:
    return text


def _group(token: str) -> str:
    if token not in _READ:
        return re.escape(_literal(token))
    part, shape = _READ[token]
    return f"(?P<{part}>{shape})"
