"""Partitions rows by key on local disk, in blocks, so that memory stays flat whatever the size of the source.

A row is `[row number, values, key, mark]`, or `[row number, null, problem]` where it could not be read. A slice's
artifact is its blocks of rows (`shared.engine.blocks`), one after the other.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import orjson

from shared.engine.blocks import framed
from shared.model.record import RowBatch
from shared.store.buckets import BUCKETS, bucket_of

BLOCK_BYTES = 48 * 1024


class Spill:
    """Add batches, then read slices. All methods are blocking: call them in a thread."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._file: IO[bytes] | None = None
        self._blocks: list[list[tuple[int, int]]] = [[] for _ in range(BUCKETS)]
        self._open = [bytearray() for _ in range(BUCKETS)]
        self.rows = [0] * BUCKETS

    def __enter__(self) -> Self:
        self._file = tempfile.TemporaryFile(dir=self._directory, prefix="sync-spill-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, batch: RowBatch, key: Callable[[list[str]], str], mark: Callable[[list[str]], str]) -> None:
        """Rows without a key are spread by their number: they fail later, each by itself."""
        dumps, opened, rows = orjson.dumps, self._open, self.rows
        for bucket, row in placed(batch, key, mark):
            rows[bucket] += 1
            block = opened[bucket]
            block += dumps(row)
            block += b","
            if len(block) > BLOCK_BYTES:
                self._flush(bucket)

    def _flush(self, bucket: int) -> None:
        if self._file is None or not self._open[bucket]:
            return
        block = framed(b"[" + self._open[bucket][:-1] + b"]")
        self._blocks[bucket].append((self._file.tell(), len(block)))
        self._file.write(block)
        self._open[bucket].clear()

    def finish(self) -> None:
        """No more rows: write what is still open."""
        for bucket in range(BUCKETS):
            self._flush(bucket)
        if self._file is not None:
            self._file.flush()

    def read(self, low: int, high: int) -> bytes:
        """The artifact of buckets `low` to `high`, both included. Several threads may read at once."""
        if self._file is None:
            raise ValueError("the spill is closed")
        places = (place for bucket in range(low, high + 1) for place in self._blocks[bucket])
        return b"".join(os.pread(self._file.fileno(), length, place) for place, length in places)


def placed(
    batch: RowBatch, key: Callable[[list[str]], str], mark: Callable[[list[str]], str]
) -> Iterator[tuple[int, Sequence[Any]]]:
    """Each row with its bucket; those without a key are spread by their number."""
    for number, values in batch.rows:
        found = key(values)
        yield bucket_of(found) if found else number % BUCKETS, (number, values, found, mark(values))
    for number, problem in batch.bad:
        yield number % BUCKETS, (number, None, problem.as_dict())


def plan(rows: list[int], slice_rows: int) -> list[tuple[int, int, int]]:
    """Cut all buckets into slices `(low, high, rows)` of about `slice_rows` rows. Every bucket is in exactly one."""
    slices: list[tuple[int, int, int]] = []
    low, held = 0, 0
    for bucket, count in enumerate(rows):
        if held and held + count > slice_rows:
            slices.append((low, bucket - 1, held))
            low, held = bucket, 0
        held += count
    return [*slices, (low, len(rows) - 1, held)]
