"""Puts the rows of all slices together to the files of an export, in their order, with flat memory.

The rows of each slice are sorted already, so one block of each is all that is held. Blocking: runs in a thread.
"""

import heapq
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from shared.adapters.delimited import DelimitedWriter
from shared.engine import blocks
from shared.model.export_file import ExportFile

HELD_ROWS = 20_000
WRITTEN_AT_ONCE = 500


def rows_per_block(slices: int) -> int:
    """So that one block of every slice makes `HELD_ROWS` rows at most."""
    return max(10, min(1000, HELD_ROWS // max(slices, 1)))


@dataclass(slots=True, frozen=True)
class Made:
    """A file that was written: `size` in bytes, `sha256` in hex, `rows` without the header."""

    path: Path
    size: int
    sha256: str
    rows: int


class Assembly:
    """Add the rows of every slice, then write. What it made is gone with it."""

    def __init__(self, directory: Path | None) -> None:
        self._within = directory
        self._parts: list[list[tuple[int, int]]] = []

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(dir=self._within, prefix="sync-export-")
        self._file: IO[bytes] = (Path(self._folder.name) / "parts").open("w+b")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._folder.cleanup()

    def add(self, artifact: bytes) -> None:
        """The rows of one slice, as `blocks.pack` has packed them."""
        begin = self._file.tell()
        self._file.write(artifact)
        self._parts.append([(begin + place, length) for place, length in blocks.places(artifact)])

    def write(self, files: Sequence[ExportFile]) -> list[Made]:
        """One file for each of `files`; the cells of a row stand in the same order."""
        self._file.flush()
        rows = heapq.merge(*(self._rows(part) for part in self._parts), key=lambda row: row[0])
        paths = [Path(self._folder.name) / f"file-{number}" for number in range(len(files))]
        opened = [path.open("wb") for path in paths]
        try:
            writers = [DelimitedWriter(place, file) for place, file in zip(opened, files, strict=True)]
            while some := list(islice(rows, WRITTEN_AT_ONCE)):
                for number, writer in enumerate(writers):
                    writer.write(cells[number] for _, cells in some)
        finally:
            for place in opened:
                place.close()
        return [Made(path, one.size, one.sha256, one.rows) for path, one in zip(paths, writers, strict=True)]

    def _rows(self, part: Sequence[tuple[int, int]]) -> Iterator[Any]:
        for place, length in part:
            yield from blocks.opened(os.pread(self._file.fileno(), length, place))
