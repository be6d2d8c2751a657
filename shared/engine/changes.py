"""The change set of a slice: what is to be sent, as a compressed JSON artifact."""

import zlib
from collections.abc import Sequence
from typing import Any

import orjson

from shared.model.record import Action, Change, Problem


def pack(changes: Sequence[Change]) -> bytes:
    rows = [
        (
            *(one.key, one.action.value, one.row, one.values, one.before, one.target_id, one.digest, one.mark),
            [problem.as_dict() for problem in one.problems],
            one.label,
        )
        for one in changes
    ]
    return zlib.compress(orjson.dumps(rows), 1)


def unpack(artifact: bytes) -> list[Change]:
    rows = orjson.loads(zlib.decompress(artifact))
    return [_change(*row) for row in rows]


def _change(key: str, action: str, *values: Any) -> Change:
    """Those that were packed before records had labels end with the problems."""
    names = ("row", "values", "before", "target_id", "digest", "mark", "problems", "label")
    about = dict(zip(names, values, strict=False))
    problems = tuple(Problem(**one) for one in about.pop("problems"))
    return Change(key, Action(action), **about, problems=problems)
