"""When a run happens, as far as a mapping may depend on it."""

from dataclasses import dataclass
from datetime import date


@dataclass(slots=True, frozen=True)
class Moment:
    """The district's own date on the day the run began, and the school year it is for (2026 is 2026-27)."""

    today: date
    school_year: int
