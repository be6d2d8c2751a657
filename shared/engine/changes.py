"""The change set of a slice: what is to be sent, as a compressed JSON artifact."""

import zlib
from collections.abc import Sequence

import orjson

from shared.model.record import Action, Change


def pack(changes: Sequence[Change]) -> bytes:
    rows = [
        (one.key, one.action.value, one.row, one.values, one.before, one.target_id, one.digest, one.mark)
        for one in changes
    ]
    return zlib.compress(orjson.dumps(rows), 1)


def unpack(artifact: bytes) -> list[Change]:
    return [Change(key, Action(action), *rest) for key, action, *rest in orjson.loads(zlib.decompress(artifact))]
