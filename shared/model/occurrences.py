"""When a daily schedule is due: one occurrence per date of the local calendar.

A time that the clocks jump over fires at the first instant after the jump, and still belongs to the date it was meant
for. A time that comes twice fires once, the first time. A date that a zone skipped whole (Samoa had no 30 December
2011) has no occurrence.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_FARTHEST = timedelta(days=2)
"""Farther than any zone ever moved its clocks, so the date looked for is never more than this from the date it is."""


@dataclass(slots=True, frozen=True, order=True)
class Occurrence:
    """One time that a schedule is due: for which local date, and at which instant."""

    local_date: date
    at_utc: datetime


def last_due(time: str, zone: str, now: datetime) -> Occurrence:
    """The latest occurrence that is not after `now`. `time` is HH:MM or HH:MM:SS, `zone` an IANA name."""
    return next(due for due in _walk(time, zone, now, -_DAY) if due.at_utc <= now)


def next_due(time: str, zone: str, now: datetime) -> Occurrence:
    """The earliest occurrence after `now`."""
    return next(due for due in _walk(time, zone, now, _DAY) if due.at_utc > now)


def upcoming(time: str, zone: str, now: datetime, count: int = 3) -> list[Occurrence]:
    """The next `count` occurrences after `now`, in order."""
    return list(islice((due for due in _walk(time, zone, now, _DAY) if due.at_utc > now), count))


def _walk(text: str, zone: str, now: datetime, step: timedelta) -> Iterator[Occurrence]:
    """Occurrences from well on the other side of `now`, in the direction of `step`."""
    if now.tzinfo is None:
        raise ValueError("`now` needs a time zone.")
    at, tz = time.fromisoformat(text), ZoneInfo(zone)
    day = now.astimezone(tz).date() - (_FARTHEST if step > timedelta() else -_FARTHEST)
    while True:
        instant = _instant(day, at, tz)
        if instant is not None:
            yield Occurrence(day, instant)
        day += step


def _instant(day: date, at: time, tz: ZoneInfo) -> datetime | None:
    wall = datetime.combine(day, at)
    first = wall.replace(tzinfo=tz).astimezone(UTC)
    if first.astimezone(tz).replace(tzinfo=None) == wall:
        return first
    jump = _jump(wall.replace(tzinfo=tz, fold=1).astimezone(UTC), first, tz)
    before, after = _local(jump - _SECOND, tz) + _SECOND, _local(jump, tz)
    midnight = datetime.combine(day, time())
    return None if before <= midnight and midnight + _DAY <= after else jump


def _jump(low: datetime, high: datetime, tz: ZoneInfo) -> datetime:
    """The first instant with the new offset, between one with the old (`low`) and one with the new (`high`)."""
    new = high.astimezone(tz).utcoffset()
    while high - low > _SECOND:
        middle = low + (high - low) // (2 * _SECOND) * _SECOND
        if middle.astimezone(tz).utcoffset() == new:
            high = middle
        else:
            low = middle
    return high


def _local(instant: datetime, tz: ZoneInfo) -> datetime:
    return instant.astimezone(tz).replace(tzinfo=None)
