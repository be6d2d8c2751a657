"""The header row of a delimited file: is it text, what separates its columns, what are they called."""

import csv
import io
import re
from collections import Counter
from itertools import islice
from typing import Final, NamedTuple

from shared.model.error_texts import said
from shared.model.errors import BadInput

MAX_COLUMNS: Final = 2_000
SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}
MAX_TITLE_ROWS: Final = 10
LOOKED_AT: Final = 30
_SEP = re.compile(r"\s*\"?sep=([,;|\t])\"?[\r\n]", re.IGNORECASE)
_LINE_BREAK = re.compile(r"\s*[\n\r\v\f\x85\u2028\u2029]\s*")
"""Spreadsheets wrap long names; whoever reads a name later has one line for it."""
_QUOTED = re.compile(r'"[^"]*"?')

_FOREIGN = (
    (b"PK\x03\x04", "an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old format (.xls)"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a compressed (gzip) file"),
    (b"7z\xbc\xaf", "a compressed (7z) file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"{\\rtf", "a Rich Text document"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<table", "a web page"),
    (b"[{", "a JSON document"),
    (b'{"', "a JSON document"),
    (b"<?xml", "an XML document"),
)


def refuse_foreign(head: bytes) -> None:
    """Raises BadInput file.not_text if these first bytes are those of another kind of file."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, what in _FOREIGN:
        if start.startswith(magic.lower()):
            raise BadInput(*said("file.not_text", what=what))


class Layout(NamedTuple):
    """What separates the columns, and how many rows stand above the header."""

    separator: str
    skipped: int


def layout(head: str) -> Layout:
    """How the file is laid out, from its first lines.

    The separator is the one found most often outside quotation marks in the first line that is not blank; comma if none
    is. Where that makes a header that none of the next rows fits, the rows above are taken for a title: the header is
    then the first row that is as wide as those below it. A line `sep=;`, which Excel writes, is obeyed.
    """
    told = _SEP.match(head)
    if told:
        return Layout(told[1], 1)
    plain = Layout(_separator(head), 0)
    first, *below = _rows(head, plain.separator) or [(0, [])]
    names = len(",".join(name.strip() and "x" for name in first[1]).rstrip(",").split(","))
    if not below or (names > 1 and any(len(row) == len(first[1]) for _, row in below)):
        return plain
    found = [one for separator in SEPARATORS if (one := _below_a_title(_rows(head, separator), separator, names))]
    return max(found)[1] if found else plain


def _separator(head: str) -> str:
    lines = (line for line in re.split(r"[\r\n]", _QUOTED.sub("x", head)) if line.strip())
    header = next(lines, "")
    best = max(SEPARATORS, key=header.count)
    return best if best in header else ","


def _rows(head: str, separator: str) -> list[tuple[int, list[str]]]:
    """The first rows that are not blank, each with how many stand above it. The last of a cut head is left out."""
    rows = csv.reader(io.StringIO(head, newline=""), delimiter=separator)
    try:
        found = [(number, row) for number, row in enumerate(islice(rows, LOOKED_AT)) if any(map(str.strip, row))]
    except csv.Error:
        return []
    return found[:-1] if len(found) > 3 and not head.endswith(("\n", "\r")) else found


def _below_a_title(rows: list[tuple[int, list[str]]], separator: str, least: int) -> tuple[int, Layout] | None:
    """How many cells speak for it, and the layout; None where nothing below is wider than the `least` of the title."""
    width, times = Counter(len(row) for _, row in rows[1:]).most_common(1)[0] if len(rows) > 1 else (0, 0)
    for number, row in rows:
        names = [name.strip() for name in row]
        if len(row) == width > least and sum(map(bool, names)) > 1 and any(map(str.isalpha, "".join(names))):
            return (width * times, Layout(separator, number)) if number <= MAX_TITLE_ROWS else None
    return None


def columns(header: list[str]) -> tuple[str, ...]:
    """The trimmed names on one line each, without nameless columns at the end (trailing separators).

    Raises:
        BadInput: file.not_text, file.too_many_columns, file.no_header, file.unnamed_column, file.duplicate_header.
            Columns are told by letter: the first row of a file without a header is somebody's data.
    """
    names = [_LINE_BREAK.sub(" ", name.strip()) for name in header]
    while names and not names[-1]:
        names.pop()
    if any("\0" in name for name in names):
        what = "binary data, not text"
        raise BadInput(*said("file.not_text", what=what))
    if len(names) > MAX_COLUMNS:
        raise BadInput(*said("file.too_many_columns", count=len(names), max_columns=MAX_COLUMNS))
    if not any(map(str.isalpha, "".join(names))):
        raise BadInput(*said("file.no_header"))
    if unnamed := [_letters(index) for index, name in enumerate(names) if not name]:
        raise BadInput(*said("file.unnamed_column", what=", ".join(unnamed[:10])))
    _refuse_duplicates(names)
    return tuple(names)


def _refuse_duplicates(names: list[str]) -> None:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        earlier = first.setdefault(name.casefold(), index)
        if earlier != index:
            raise BadInput(*said("file.duplicate_header", first=_letters(earlier), second=_letters(index)))


def _letters(index: int) -> str:
    """A column as a spreadsheet names it: A is 0, AA is 26."""
    letters = ""
    while index >= 0:
        index, letter = divmod(index, 26)
        letters = chr(ord("A") + letter) + letters
        index -= 1
    return letters
