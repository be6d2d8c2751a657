"""Long names without a space, such as `student_annual.address`: where a narrow column may break them."""

import re
from typing import Final

from markupsafe import Markup, escape

_JOINT: Final = re.compile(r"(?<=[._])(?=[^._])")


def breakable(name: str) -> Markup:
    """The name, which may break behind a dot or an underscore, and is copied and read as it was."""
    return Markup("<wbr>").join(escape(part) for part in _JOINT.split(name))
