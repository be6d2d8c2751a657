"""How a value of a record is written where people read it."""

import re
from typing import Any, Final

TURNING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that change the direction of what follows, and cannot be seen."""


def shown(held: Any) -> str:
    """As text; what would turn the text around stands there as a code."""
    if held is None or held == "":
        return "(blank)"
    text = ", ".join(map(str, held)) if isinstance(held, list | tuple) else str(held)
    return TURNING.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)
