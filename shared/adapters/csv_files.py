"""Delimited text files of any size, read as a stream with flat memory."""

import asyncio
import csv
import io
import secrets
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Final

from shared.adapters import csv_header
from shared.adapters.spool import Spooled
from shared.model.error_texts import said
from shared.model.errors import BadInput
from shared.model.record import Problem, RowBatch

BATCH_ROWS: Final = 2_000
BATCH_CHARS: Final = 4 * 1024 * 1024
RECORD_CHARS: Final = 16 * 1024 * 1024
MAX_CELL_CHARS: Final = 65_536
CUT_SHORT: Final = "file.cut_short"

_LINE_END = ("\n", "\r")
_DOS_END = "\x1a"
_END = f"\0{secrets.token_hex(16)}"
"""A line of our own after the last one: it comes back as a row of its own, unless a quotation mark was left open."""

csv.field_size_limit(RECORD_CHARS)


class CsvFile:
    """A spooled file as a table; `columns` are the trimmed header names, each on one line. Read once, then `close`.

    Rows of nothing but separators are skipped. A row that cannot be used is in `RowBatch.bad` with one of the codes
    row.too_few_values, row.too_many_values, value.too_long, value.nul, value.unreadable.
    """

    def __init__(self, spooled: Spooled, max_cell_chars: int = MAX_CELL_CHARS) -> None:
        """Reads the header, blocking.

        Raises:
            BadInput: file.empty, file.not_text, file.no_header, file.unnamed_column, file.duplicate_header,
                file.too_many_columns, file.unclosed_quote.
        """
        if spooled.size == 0:
            raise BadInput(*said("file.empty"))
        csv_header.refuse_foreign(spooled.head)
        self.spooled = spooled
        self.separator, self._title_rows = csv_header.layout(spooled.head.decode(spooled.encoding, "replace"))
        self.warnings: list[str] = [CUT_SHORT] if spooled.cut else []
        self._max_cell = max_cell_chars
        self._marks = spooled.marks
        self._lines = _Lines(spooled.text())
        self._reader = csv.reader(iter(self._lines), delimiter=self.separator)
        self._number = 0
        self._short = 0
        with spooled.lock:
            self.columns = csv_header.columns(self._header())

    @property
    def details(self) -> dict[str, str]:
        skipped = {"rows_above_header": str(self._title_rows)} if self._title_rows else {}
        separator = csv_header.SEPARATORS[self.separator]
        return {"encoding": self.spooled.encoding, "separator": separator, **skipped}

    async def batches(self) -> AsyncIterator[RowBatch]:
        """Rows in batches of up to 2,000 rows or some 4 million characters.

        Raises:
            BadInput: file.unclosed_quote, for a row that does not end within 16 million characters.
        """
        slices = self.slices()
        while (batch := await asyncio.to_thread(self._next, slices)) is not None:
            if batch.rows or batch.bad:
                yield batch

    def close(self) -> None:
        self.spooled.close()

    def _next(self, slices: Iterator[RowBatch]) -> RowBatch | None:
        with self.spooled.lock:
            return next(slices, None)

    def _header(self) -> list[str]:
        try:
            for row in self._reader:
                self._lines.start = self._lines.chars
                if self._lines.ended:
                    break
                self._number += 1
                if self._number > self._title_rows and any(map(str.strip, row)):
                    return row
        except csv.Error as error:
            raise _unclosed(self._number + 1) from error
        if row != [_END]:
            raise _unclosed(self._number + 1)
        raise BadInput(*said("file.no_header"))

    def slices(self) -> Iterator[RowBatch]:
        """The same, blocking."""
        lines, width, limit, marks = self._lines, len(self.columns), self._max_cell, self._marks
        number, seen = self._number, lines.start
        batch, full = RowBatch(), seen + BATCH_CHARS
        try:
            for row in self._reader:
                if lines.ended:
                    break
                number += 1
                chars = lines.chars
                if len(row) == width and chars - seen <= limit and not marks and any(row):
                    batch.rows.append((number, row))
                elif any(row):
                    self._sort(number, row, batch)
                lines.start = seen = chars
                if chars >= full or len(batch.rows) >= BATCH_ROWS or len(batch.bad) >= BATCH_ROWS:
                    yield batch
                    batch, full = RowBatch(), seen + BATCH_CHARS
        except csv.Error as error:
            raise _unclosed(number + 1) from error
        self._end(number, row, batch)
        yield batch

    def _sort(self, number: int, row: list[str], batch: RowBatch) -> None:
        width = len(self.columns)
        if len(row) < width:
            self._short = number
        if problem := self._problem(row):
            batch.bad.append((number, problem))
        else:
            del row[width:]
            batch.rows.append((number, row))

    def _problem(self, row: list[str]) -> Problem | None:
        width = len(self.columns)
        if len(row) < width or any(row[width:]):
            return _ragged(len(row), width)
        for column, cell in zip(self.columns, row, strict=False):
            if len(cell) > self._max_cell:
                return _too_long(column, cell, self._max_cell)
            for mark in self._marks:
                if mark in cell:
                    return _unreadable(column, cell, mark)
        return None

    def _end(self, number: int, row: list[str], batch: RowBatch) -> None:
        if row == [_END]:
            cut = self._lines.unterminated and self._short == number
        else:
            cut = True
            batch.bad.append((number + 1, _open_quote()))
        if cut and CUT_SHORT not in self.warnings:
            self.warnings.append(CUT_SHORT)


class _Lines:
    """The lines of a text. `chars` counts what was read, `start` is where the record in hand begins."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self.chars = 0
        self.start = 0
        self.ended = False
        self.unterminated = False
        self._text = text

    def __iter__(self) -> Iterator[str]:
        line = ""
        for line in iter(partial(self._text.readline, RECORD_CHARS), ""):
            if line == _DOS_END:
                break
            self.chars += len(line)
            if self.chars - self.start >= RECORD_CHARS:
                raise csv.Error("record too long")
            yield line
        self.unterminated = not line.endswith((*_LINE_END, _DOS_END))
        self.ended = True
        yield _END


def _unclosed(number: int) -> BadInput:
    return BadInput(*said("file.unclosed_quote", number=number))


def _open_quote() -> Problem:
    return Problem(*said("row.unclosed_quote"))


def _ragged(count: int, width: int) -> Problem:
    if count < width:
        return Problem(*said("row.too_few_values", count=count, width=width))
    return Problem(*said("row.too_many_values", count=count, width=width))


def _too_long(column: str, cell: str, limit: int) -> Problem:
    return Problem(*said("cell.too_long", count=len(cell), limit=limit), column=column, value=cell[:100])


def _unreadable(column: str, cell: str, mark: str) -> Problem:
    code = "value.nul" if mark == "\0" else "value.unreadable"
    return Problem(
        *said(code),
        column=column,
        value=cell[:100].replace("\0", ""),
    )
