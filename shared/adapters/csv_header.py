"""The header row of a delimited file: is it text, what separates its columns, what are they called."""

import re
from typing import Final

from shared.model.error_texts import said
from shared.model.errors import BadInput

MAX_COLUMNS: Final = 2_000
SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}
_QUOTED = re.compile(r'"[^"]*"?')

_FOREIGN = (
    (b"PK\x03\x04", "an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old format (.xls)"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a compressed (gzip) file"),
    (b"{\\rtf", "a Rich Text document"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML document"),
)


def refuse_foreign(head: bytes) -> None:
    """Raises BadInput file.not_text if these first bytes are those of another kind of file."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, what in _FOREIGN:
        if start.startswith(magic.lower()):
            raise BadInput(*said("file.not_text", what=what))


def separator(head: str) -> str:
    """The separator found most often outside quotation marks in the first line that is not blank; comma if none is."""
    lines = (line for line in re.split(r"[\r\n]", _QUOTED.sub("x", head)) if line.strip())
    header = next(lines, "")
    best = max(SEPARATORS, key=header.count)
    return best if best in header else ","


def columns(header: list[str]) -> tuple[str, ...]:
    """The trimmed names, without nameless columns at the end (trailing separators).

    Raises:
        BadInput: file.not_text, file.too_many_columns, file.no_header, file.unnamed_column, file.duplicate_header.
            Columns are told by letter: the first row of a file without a header is somebody's data.
    """
    names = [name.strip() for name in header]
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
