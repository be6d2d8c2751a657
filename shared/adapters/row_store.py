"""Rows pulled from an API, kept on local disk until all of them, and so all their columns, are known."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import orjson

from shared.model.record import RowBatch

BATCH: Final = 2000


class RowStore:
    """Add rows, then read them; their numbers count from 2, as in a file with a header. Gone when closed.

    `names` are those of all rows, in the order they came up. `size` in bytes, `sha256` in hex.
    """

    def __init__(self, directory: Path | None) -> None:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=directory, prefix="sync-rows-")  # noqa: SIM115
        self._names: dict[str, None] = {}
        self._digest = hashlib.sha256()
        self.count = 0
        self.size = 0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._names)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    async def add(self, rows: Sequence[Mapping[str, str]]) -> None:
        await asyncio.to_thread(self._add, rows)

    async def batches(self, columns: Sequence[str]) -> AsyncIterator[RowBatch]:
        """The rows with these columns; what a row does not have is blank."""
        await asyncio.to_thread(self._file.seek, 0)
        number = 2
        while lines := await asyncio.to_thread(lambda: list(islice(self._file, BATCH))):
            rows = await asyncio.to_thread(lambda some: [orjson.loads(line) for line in some], lines)
            yield RowBatch(
                [(number + place, [row.get(name, "") for name in columns]) for place, row in enumerate(rows)]
            )
            number += len(rows)

    def close(self) -> None:
        self._file.close()

    def _add(self, rows: Sequence[Mapping[str, str]]) -> None:
        for row in rows:
            self._names.update(dict.fromkeys(row))
        content = b"".join(orjson.dumps(row) + b"\n" for row in rows)
        self._file.write(content)
        self._digest.update(content)
        self.size += len(content)
        self.count += len(rows)
