"""Who may do what, in the words of people; what stands in the table is asked of `shared.model.permission` itself."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from services.gateway.pages.words import label
from shared.model.catalog import data_types
from shared.model.permission import LIMITED_IMPORTS, Deed, Permission, refusal

COLUMNS: Final = {"Limited Access": Permission.LIMITED, "Full Access": Permission.FULL}
BESIDE: Final = tuple(one for one in Permission if one not in COLUMNS.values())
IMPORTING: Final = (Deed.MAP_IMPORT, Deed.IMPORT, Deed.DECIDE)


@dataclass(frozen=True, slots=True)
class Row:
    """Something people do, and all that it asks for: what, of which data type."""

    words: str
    asks: tuple[tuple[Deed, str], ...]


def rows() -> list[Row]:
    limited = [one for one in data_types() if one in LIMITED_IMPORTS]
    found = [
        Row("See connections, runs, records of imports, charts and Explain", ((Deed.VIEW, ""),)),
        Row(
            f"Map and run imports of {_named(limited)}; edit match codes, which exports use once they are saved again",
            _each((Deed.MAP_IMPORT, Deed.IMPORT), limited),
        ),
        Row("Approve, reject, cancel, retry and undo those imports", _each((Deed.DECIDE, Deed.IMPORT), limited)),
    ]
    others = [one for one in data_types() if one not in LIMITED_IMPORTS]
    found += [Row(f"All of this with imports of {label(one)}", _each(IMPORTING, [one])) for one in others]
    managing = "Add, change, test, schedule, switch on and delete connections; read the audit log"
    exporting = "Run exports, and approve, reject, cancel, retry and undo them"
    for words, deed in (
        (managing, Deed.MANAGE_CONNECTION),
        ("Map exports", Deed.MAP_EXPORT),
        ("See the records and files of exports", Deed.VIEW_EXPORT),
        (exporting, Deed.EXPORT),
        ("See failed messages, those of all organizations, and send them again or discard them", Deed.OPERATE),
    ):
        found.append(Row(words, ((deed, "students"),)))
    return found


def answer(row: Row, held: Permission) -> str:
    """Yes; with what beside, where that is needed; or No."""
    for size in range(len(BESIDE) + 1):
        for more in combinations(BESIDE, size):
            if all(refusal(deed, data_type, {held, *more}) is None for deed, data_type in row.asks):
                return f"With {' and '.join(more)}" if more else "Yes"
    return "No"


def table() -> list[tuple[str, list[str]]]:
    """What, and the answer for each of the columns."""
    return [(row.words, [answer(row, held) for held in COLUMNS.values()]) for row in rows()]


def _each(deeds: Iterable[Deed], types: Iterable[str]) -> tuple[tuple[Deed, str], ...]:
    wanted = list(types)
    return tuple((deed, one) for deed in deeds for one in wanted)


def _named(types: list[str]) -> str:
    names = [label(one) for one in types]
    return f"{', '.join(names[:-1])} and {names[-1]}"
