"""Charts of the last days: runs by how they ended, how long they took, and how many records they changed."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway.pages.chooser import OFFERED, Named, choice
from services.gateway.pages.filters import Chosen, Typed
from services.gateway.pages.site import page
from services.gateway.pages.visits import Visited
from services.gateway.pages.words import STATES, TONES, duration, plural
from shared.adapters.enroll_sites import PRODUCTION
from shared.model.connection import Instance
from shared.model.permission import Deed
from shared.model.run import ENDED, Run, RunState

router = APIRouter(include_in_schema=False)

DAYS: Final = 30
WIDTH: Final = 100
"""Places across are per cent of the plot: it gets narrow with its screen, and its words stay as large as they are."""
HEIGHT: Final = 220
BOTTOM: Final = 30
NAMED: Final = 5
"""One day of so many is named; where there is no room one of twice as many."""
SHOWN: Final = (RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED)


@dataclass(slots=True)
class Day:
    """What ran on one day of the zone that is shown: runs by how they ended, records created or changed, and how many
    seconds the longest took, without the wait for a person."""

    date: date
    ended: dict[RunState, int] = field(default_factory=lambda: dict.fromkeys(SHOWN, 0))
    longest: float = 0.0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """`x` and `width` are per cent, `y` and `height` pixels."""

    x: float
    y: float
    width: float
    height: float
    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`marks` are the lines of the scale: how high, and what they say. `days` are where a day ends, its name, and
    whether it is named where there is no room as well."""

    title: str
    bars: list[Bar]
    marks: list[tuple[float, str]]
    days: list[tuple[float, str, bool]]


@router.get("/charts")
async def show(
    visit: Visited, connection: Typed = "", name: Named = None, instance: Chosen[Instance] = None
) -> Response:
    """Of one connection; else of those of Enroll's production, or of its sandbox where that is chosen."""
    await visit.call.may(Deed.VIEW, subject="charts")
    one = await choice(visit.call, connection, name)
    zone = ZoneInfo(one.zone)
    today = datetime.now(zone).date()
    since = datetime.combine(today - timedelta(days=DAYS - 1), datetime.min.time(), zone)
    tried = await visit.call.org.connections.of_instance("sandbox")
    instance = one.chosen.instance if one.chosen else instance or PRODUCTION
    of = [one.id] if one.id else tried if instance == "sandbox" else None
    found = [] if one.is_open else await visit.call.org.runs.asked_since(since, of=of, but=tried)
    days = days_of(found, today, zone)
    about: dict[str, Any] = {"charts": charts_of(days), "days": days, "choice": one, "offered": OFFERED}
    about |= {"zone": zone.key, "instance": instance, "tried": bool(tried)}
    return await page(visit, "charts.html", **about, states=[(one, STATES[one]) for one in SHOWN], tones_of=TONES)


def days_of(runs: Sequence[Run], today: date, zone: tzinfo = UTC) -> list[Day]:
    """The last days of a time zone, the oldest first; runs that have not ended are left out."""
    days = {day: Day(day) for day in (today - timedelta(days=back) for back in reversed(range(DAYS)))}
    for run in runs:
        day = days.get(run.created_at.astimezone(zone).date())
        if day is None or run.state not in ENDED:
            continue
        day.ended[run.state] += 1
        day.changed += run.counts.get("created", 0) + run.counts.get("updated", 0)
        if run.worked:
            day.longest = max(day.longest, run.worked.total_seconds())
    return list(days.values())


def charts_of(days: Sequence[Day]) -> list[Chart]:
    runs = [[(TONES[state], count) for state, count in day.ended.items()] for day in days]
    return [
        _chart("Runs a day, by how they ended", days, runs, lambda count: plural(int(count), "run")),
        _chart(
            "Records created or changed a day",
            days,
            [[("busy", day.changed)] for day in days],
            lambda count: plural(int(count), "record"),
        ),
        _chart("Longest run of a day, in seconds", days, [[("busy", day.longest)] for day in days], duration),
    ]


def _chart(
    title: str, days: Sequence[Day], stacks: Sequence[Sequence[tuple[str, float]]], said: Callable[[float], str]
) -> Chart:
    top = nice(max((sum(value for _, value in stack) for stack in stacks), default=0))
    room, step = HEIGHT - BOTTOM - 10, WIDTH / max(1, len(days))
    bars = []
    for place, (day, stack) in enumerate(zip(days, stacks, strict=True)):
        base = float(HEIGHT - BOTTOM)
        for tone, value in stack:
            if value:
                height = room * value / top
                base -= height
                words = f"{day.date:%d %b}: {said(value)}"
                bars.append(Bar(place * step + step / 12, base, step * 5 / 6, height, tone, words))
    marks = [(HEIGHT - BOTTOM - room * part / 4, _number(top * part / 4)) for part in range(5)]
    return Chart(title, bars, marks, list(_named(days, step)))


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _named(days: Sequence[Day], step: float) -> Iterator[tuple[float, str, bool]]:
    for number, day in enumerate(days, 1):
        if number % NAMED == 0:
            yield number * step, f"{day.date:%d %b}", number % (2 * NAMED) == 0


def nice(value: float) -> float:
    """A round number at or above the value, for the top of a scale that is cut in four."""
    if value <= 4:
        return 4.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(part * size for part in (1, 2, 4, 6, 8, 10) if part * size >= value)
