"""Tables that become blocks where they have no room: what the style sheet and a screen reader then need.

A cell stands below its neighbor there, so it carries the heading of its column; and what is displayed as a block
is a table, a row and a cell for a screen reader only where it says so.
"""

import re
from typing import Final

from markupsafe import Markup, escape

_PART: Final = re.compile(r"<(thead|tbody|tr|th|td)\b([^>]*)>")
_HEADING: Final = re.compile(r"<th scope=\"col\"[^>]*>(.*?)</th>", re.DOTALL)
_GROUP: Final = ' role="rowgroup"'


def stacked(table: Markup) -> Markup:
    """The inside of a table, each part with its role, each cell with the heading of its column as `data-label`.

    A cell that spans columns has no heading. What people typed is escaped already, so each `<` begins a tag of ours.
    """
    head, end, body = str(table).partition("</thead>")
    headings = [str(escape(Markup(one).striptags())) for one in _HEADING.findall(head)]  # noqa: S704 - escaped again
    return Markup(_marked(head, headings) + end + _marked(body, headings))  # noqa: S704 - as it came, and our marks


def _marked(part: str, headings: list[str]) -> str:
    column = 0

    def with_role(found: re.Match[str]) -> str:
        nonlocal column
        tag, given = found[1], found[2]
        if tag in ("thead", "tbody"):
            return f"<{tag}{given}{_GROUP}>"
        if tag == "tr":
            column = 0
            return f'<{tag}{given} role="row">'
        column += 1
        if 'scope="col"' in given:
            return f'<{tag}{given} role="columnheader">'
        role = "rowheader" if tag == "th" else "cell"
        label = "" if "colspan" in given or column > len(headings) else f' data-label="{headings[column - 1]}"'
        return f'<{tag}{given} role="{role}"{label}>'

    return _PART.sub(with_role, part)
