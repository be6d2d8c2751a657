"""The header row of a delimited file: is it text, what separates its columns, what are they called."""

import re
from typing import Final

from shared.model.errors import BadInput

MAX_COLUMNS: Final = 2_000
SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon", "|": "pipe"}
_QUOTED = re.compile(r'"[^"]*"?')

_FOREIGN = (
    (b"PK\x03\x04", "an Excel workbook or a ZIP archive"),
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
            raise BadInput(
                "file.not_text",
                f"The file is not a CSV file: it is {what}.",
                "Open it in the program it was made with and save it as CSV (in Excel: Save As, CSV UTF-8).",
            )


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
        raise BadInput("file.not_text", "The first row is not text.", "Save the file as CSV (UTF-8) and send it again.")
    if len(names) > MAX_COLUMNS:
        raise BadInput(
            "file.too_many_columns",
            f"The header has {len(names):,} columns; at most {MAX_COLUMNS:,} are read.",
            "Check the separator, and leave out the columns that are not needed.",
        )
    if not any(map(str.isalpha, "".join(names))):
        raise BadInput(
            "file.no_header",
            "The first row holds no column names.",
            "Put the column names in the first row, above the data.",
        )
    if unnamed := [_letters(index) for index, name in enumerate(names) if not name]:
        raise BadInput(
            "file.unnamed_column",
            f"These columns have no name in the header row: {', '.join(unnamed[:10])}.",
            "Name every column in the header row, or delete the columns.",
        )
    _refuse_duplicates(names)
    return tuple(names)


def _refuse_duplicates(names: list[str]) -> None:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        earlier = first.setdefault(name.casefold(), index)
        if earlier != index:
            raise BadInput(
                "file.duplicate_header",
                f"Columns {_letters(earlier)} and {_letters(index)} have the same name in the header row.",
                "Give every column a name of its own. Capital letters and spaces around a name make no difference.",
            )


def _letters(index: int) -> str:
    """A column as a spreadsheet names it: A is 0, AA is 26."""
    letters = ""
    while index >= 0:
        index, letter = divmod(index, 26)
        letters = chr(ord("A") + letter) + letters
        index -= 1
    return letters
