"""Rows in blocks: compressed JSON lists, each behind its length, so that a reader never holds more than one of them."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import orjson

LENGTH_BYTES = 4


def pack(rows: Sequence[Any], per_block: int) -> bytes:
    return b"".join(framed(orjson.dumps(rows[at : at + per_block])) for at in range(0, len(rows), per_block))


def framed(content: bytes) -> bytes:
    block = zlib.compress(content, 1)
    return len(block).to_bytes(LENGTH_BYTES, "big") + block


def places(artifact: bytes) -> Iterator[tuple[int, int]]:
    """Where each block stands, and how long it is."""
    place = 0
    while place < len(artifact):
        length = int.from_bytes(artifact[place : place + LENGTH_BYTES], "big")
        yield place + LENGTH_BYTES, length
        place += LENGTH_BYTES + length


def opened(block: bytes) -> list[Any]:
    rows: list[Any] = orjson.loads(zlib.decompress(block))
    return rows


def unpack(artifact: bytes) -> Iterator[list[Any]]:
    """The blocks of an artifact, each a list of rows."""
    for place, length in places(artifact):
        yield opened(artifact[place : place + length])
