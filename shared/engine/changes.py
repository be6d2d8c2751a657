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
        )
        for one in changes
    ]
    return zlib.compress(orjson.dumps(rows), 1)


def unpack(artifact: bytes) -> list[Change]:
    rows = orjson.loads(zlib.decompress(artifact))
    return [_change(*row) for row in rows]


def _change(key: str, action: str, *values: Any) -> Change:
    *sent, problems = values
    about = dict(zip(("row", "values", "before", "target_id", "digest", "mark"), sent, strict=True))
    return Change(key, Action(action), **about, problems=tuple(Problem(**one) for one in problems))
