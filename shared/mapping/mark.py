"""A mark of what a mapping reads of a row: the same mark means the same result, without mapping the row."""

import sys
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from operator import itemgetter
from pathlib import Path
from typing import TypeAlias

import orjson

import shared.mapping
import shared.model
from shared.model.mapping import MappingDraft
from shared.model.moment import Moment

MARK_BYTES = 8
UNKNOWN = ""
"""Of a row that is to be looked at in any case: it is the same as none, itself not either."""

Mark: TypeAlias = Callable[[list[str]], str]
"""From the values of one row to 16 characters, or `UNKNOWN`."""


def marker(draft: MappingDraft, columns: Sequence[tuple[str, int]], moment: Moment | None) -> Mark:
    """`columns` are the names and places of those that are read. The others, and the order of all, do not count.

    `moment` is None where no row of the mapping depends on the day or the year.
    """
    named = sorted(set(columns))
    rows = [row.model_dump(mode="json") for row in draft.fields]
    depends_on = orjson.dumps([rows, [name for name, _ in named], moment])
    seed = blake2b(depends_on + _rules(), digest_size=16).digest()
    fresh = blake2b(digest_size=MARK_BYTES, person=seed).copy
    pick: Callable[[list[str]], object] = itemgetter(*(place for _, place in named)) if named else lambda _: ()
    dumps = orjson.dumps

    def mark(values: list[str]) -> str:
        state = fresh()
        state.update(dumps(pick(values)))
        return state.hexdigest()

    return mark


@cache
def _rules() -> bytes:
    """Of all code and tables that decide what a mapping makes of a row, so that a new release looks at each anew."""
    state = blake2b(repr(sys.version_info[:2]).encode(), digest_size=16)
    for package in (shared.mapping, shared.model):
        root = Path(package.__path__[0])
        for path in sorted(one for one in root.rglob("*") if one.suffix in {".py", ".toml"}):
            state.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return state.digest()
