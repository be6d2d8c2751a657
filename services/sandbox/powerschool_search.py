"""What `q` asks of a simulated PowerSchool: terms joined by `;`. Source: SIS facts, 1.4.

Numbers are compared as numbers and dates as dates; `*` stands for any text; what is blank is neither more nor less.
"""

import re
from datetime import date
from typing import Any

Json = dict[str, Any]
_TERM = re.compile(r"([A-Za-z0-9_.]+)(==|=gt=|=ge=|=lt=|=le=)(.*)")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)|(\d\d)/(\d\d)/(\d{4})")


def terms(q: str) -> list[tuple[str, str, str]]:
    """Name, sign and what is sought; what is no term is passed over."""
    parsed = (_TERM.fullmatch(term.strip()) for term in q.split(";"))
    return [(one[1].casefold(), one[2], one[3]) for one in parsed if one is not None]


def fits(held: str, sign: str, sought: str) -> bool:
    mine, theirs = _pair(held, sought)
    if sign == "==":
        like = ".*".join(re.escape(part) for part in sought.split("*"))
        return mine == theirs or re.fullmatch(like, held, re.DOTALL) is not None
    if not held:
        return False
    return bool({"=gt=": mine > theirs, "=ge=": mine >= theirs, "=lt=": mine < theirs, "=le=": mine <= theirs}[sign])


def in_order(value: Any) -> tuple[int, float, str]:
    """What to sort by: numbers first, then texts."""
    held = text(value)
    return (0, float(held), "") if _NUMBER.fullmatch(held) else (1, 0.0, held)


def text(value: Any) -> str:
    return "" if value is None else str(value)


def at(one: Json, name: str) -> Any:
    found: Any = one
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _pair(held: str, sought: str) -> tuple[Any, Any]:
    """Both as numbers or as dates, else both as texts."""
    if _NUMBER.fullmatch(held) and _NUMBER.fullmatch(sought):
        return float(held), float(sought)
    days = _day(held), _day(sought)
    return days if all(days) else (held, sought)


def _day(value: str) -> date | None:
    found = _DAY.fullmatch(value)
    if found is None:
        return None
    year, month, day = (found[1], found[2], found[3]) if found[1] else (found[6], found[4], found[5])
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
