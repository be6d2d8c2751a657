"""Time zones, by their IANA names."""

from functools import cache
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator


@cache
def zones() -> frozenset[str]:
    """All that this machine knows, looked for once: that is a walk through a folder of hundreds of files."""
    return frozenset(available_timezones())


def _known_zone(zone: str) -> str:
    if zone not in zones():
        raise ValueError("There is no time zone of this name. Use one such as America/Denver.")
    return zone


def zone_of(own: str, *schedules: str) -> str:
    """The district's own, else that of the first schedule there is, else UTC."""
    return next((one for one in (own, *schedules) if one), "UTC")


Zone = Annotated[str, AfterValidator(_known_zone)]
