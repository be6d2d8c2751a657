"""Whether a server of Skyward takes the gender of a name as GenderCode or as Gender: they differ, so it is asked.

Clients made from the metadata of servers know GenderCode as what may be written and Gender as its text; one integration
lets Gender be written and makes GenderCode read only. Source: SIS facts, 3.1 and 3.6.
"""

from collections.abc import Mapping
from typing import Any, Final

from shared.adapters.skyward.objects import Objects, Row
from shared.adapters.skyward.people import NAME
from shared.model.errors import Permanent

CODE: Final = "GenderCode"
TEXT: Final = "Gender"


class Gender:
    """Asked once for each use of the connection, and only where there is a gender to write."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._as_text: bool | None = None

    async def written(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a name under the names they may be written by."""
        if CODE not in names or not await self._is_text():
            return dict(names)
        return {TEXT if field == CODE else field: value for field, value in names.items()}

    async def read(self, name: str, fields: tuple[str, ...], mine: Any) -> Row:
        """The fields of a name; of a gender that is written as a text, code and text both say the same."""
        both = CODE in fields and mine is not None and await self._is_text()
        row = await self._objects.read(NAME, name, (*fields, TEXT) if both else fields) or {}
        return told(row, mine)

    async def _is_text(self) -> bool:
        if self._as_text is None:
            try:
                about = await self._objects.about(NAME)
            except Permanent:  # metadata may be closed to us
                about = {}
            self._as_text = not _writable(about, CODE) and _writable(about, TEXT)
        return self._as_text


def told(row: Row, mine: Any) -> Row:
    """The row with our own word for the gender where the server has it, as a code or as a text."""
    return {**row, CODE: mine} if mine is not None and mine in (row.get(CODE), row.get(TEXT)) else row


def _writable(about: Mapping[str, Any], field: str) -> bool:
    flags = about.get(field)
    return isinstance(flags, dict) and flags.get("ReadOnly") in (None, False, "false", "False", "")
