"""Writes an export file: delimited text, a row at a time, with its size and digest."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import BinaryIO

from shared.model.export_file import ExportFile

_RUNS = frozenset("=+-@\t\r\uff1d\uff0b\uff0d\uff20")
_NUMBER = re.compile(r"[+-][0-9][0-9 ().,-]*")
_SEPARATORS = {"comma": ",", "tab": "\t"}
_IDENTIFIERS = {"double": '"', "single": "'"}
_LINE_ENDS = {"crlf": "\r\n", "lf": "\n"}
_CODECS = {"utf-8": "utf-8", "utf-8-bom": "utf-8-sig", "windows-1252": "cp1252"}


def neutralized(cell: str) -> str:
    """The cell with an apostrophe before it where a spreadsheet would run it. Numbers and phone numbers stay.

    Source: OWASP, CSV Injection.
    """
    first = cell.lstrip(" ")[:1]
    return f"'{cell}" if first in _RUNS and first and len(cell) > 1 and not _NUMBER.fullmatch(cell) else cell


class DelimitedWriter:
    """Writes to `place`, which stays open. Blocking; rows are not kept, so memory stays flat."""

    def __init__(self, place: BinaryIO, file: ExportFile) -> None:
        self._place = place
        self._text = io.StringIO(newline="")
        make = partial(
            csv.writer,
            self._text,
            delimiter=_SEPARATORS[file.separator],
            quotechar=_IDENTIFIERS[file.text_identifier],
            lineterminator=_LINE_ENDS[file.line_end],
        )
        # Before Python 3.13 a line end that is not the file's own is not taken for one, and left without quotes.
        self._quoted = make(quoting=csv.QUOTE_ALL)
        self._plain = self._quoted if file.quote == "all" else make(quoting=csv.QUOTE_MINIMAL)
        self._neutralize = file.neutralize_formulas
        self._codec = _CODECS[file.encoding]
        self._digest = hashlib.sha256()
        self.rows = 0
        self.size = 0
        if file.header:
            self._write([[column.header for column in file.columns]])

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, rows: Iterable[Sequence[str]]) -> None:
        """Raises UnicodeEncodeError where a cell does not fit the encoding (`CompiledRows.row` never makes one)."""
        self.rows += self._write(rows)

    def _write(self, rows: Iterable[Sequence[str]]) -> int:
        count = 0
        for row in rows:
            cells = [neutralized(cell) for cell in row] if self._neutralize else row
            broken = any("\n" in cell or "\r" in cell for cell in cells)
            (self._quoted if broken else self._plain).writerow(cells)
            count += 1
        content = self._text.getvalue().encode(self._codec)
        if self._codec == "utf-8-sig":
            self._codec = "utf-8"  # the mark stands once, before the first bytes
        self._text.seek(0)
        self._text.truncate()
        self._place.write(content)
        self._digest.update(content)
        self.size += len(content)
        return count
