"""Time zones to choose from: those of the United States first, as people there call them."""

from functools import cache
from typing import Final

from shared.model.zone import zones

COMMON: Final = (
    ("America/New_York", "Eastern"),
    ("America/Chicago", "Central"),
    ("America/Denver", "Mountain"),
    ("America/Phoenix", "Arizona"),
    ("America/Los_Angeles", "Pacific"),
    ("America/Anchorage", "Alaska"),
    ("Pacific/Honolulu", "Hawaii"),
    ("America/Puerto_Rico", "Puerto Rico"),
)
_PLACES: Final = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")


@cache
def others() -> tuple[str, ...]:
    """All that are named after a place; the rest of IANA's names are accepted as well."""
    common = {zone for zone, _ in COMMON}
    return tuple(sorted(one for one in zones() - common if one.startswith(_PLACES)))
