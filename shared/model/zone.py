"""Time zones, by their IANA names."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator


@cache
def zones() -> frozenset[str]:
    """All that this machine knows, looked for once: that is a walk through a folder of hundreds of files."""
    return frozenset(available_timezones())


@cache
def _by_name() -> Mapping[str, str]:
    return {zone.casefold(): zone for zone in zones()}


def _known_zone(zone: str) -> str:
    """As it is written, whichever way it was typed."""
    if not zone.strip():
        raise ValueError("Fill in a time zone, such as America/Denver.")
    if found := _by_name().get(zone.strip().casefold()):
        return found
    raise ValueError("There is no time zone of this name. Use one such as America/Denver.")


def zone_of(own: str, *schedules: str) -> str:
    """The district's own, else that of the first schedule there is, else UTC."""
    return next((one for one in (own, *schedules) if one), "UTC")


def common_zone(zones: Iterable[str]) -> str:
    """The one that all have; UTC where there are several, or none."""
    found = set(zones)
    return found.pop() if len(found) == 1 else "UTC"


Zone = Annotated[str, AfterValidator(_known_zone)]
