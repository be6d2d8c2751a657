"""What a pulled file is: a table, or an archive with one table or a OneRoster set in it."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from shared.adapters import csv_header
from shared.adapters.csv_files import CsvFile
from shared.adapters.roster_set import RosterSet
from shared.adapters.spool import BLOCK, Spooled, too_large
from shared.model.error_texts import said
from shared.model.errors import BadInput
from shared.model.record import RowBatch

MAX_MEMBER_BYTES: Final = 4 * 2**30
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(NotImplementedError, ValueError, OverflowError, OSError),
)
"""What `zipfile` raises for archives that are damaged, or of a kind it does not know."""
_ZIP = b"PK\x03\x04"
_TABLES = frozenset({".csv", ".txt", ".tsv"})
_EXCEL = "[content_types].xml"


class Table(Protocol):
    """Rows under named columns. Read once, then `close`."""

    columns: tuple[str, ...]
    warnings: list[str]

    @property
    def details(self) -> dict[str, str]: ...

    def batches(self) -> AsyncIterator[RowBatch]: ...

    def close(self) -> None: ...


def open_table(spooled: Spooled, data_type: str, spool_dir: Path | None, max_cell_chars: int) -> Table:
    """The table in a pulled file. Blocking. Raises what `CsvFile` and `RosterSet` do, and

    BadInput: archive.damaged, archive.encrypted, archive.empty, archive.several.
    """
    if not spooled.head.startswith(_ZIP):
        return CsvFile(spooled, max_cell_chars)
    archive = _Archive(spooled, spool_dir, max_cell_chars)
    if "users.csv" in archive.names or "orgs.csv" in archive.names:
        return RosterSet(data_type, archive.table, spool_dir)
    if len(archive.names) == 1:
        return archive.table(archive.names[0])
    if not archive.names:
        raise BadInput(*said("archive.empty"))
    raise BadInput(*said("archive.several", names=", ".join(archive.names[:10])))


class _Archive:
    """The tables of a ZIP archive by their plain names, whatever folder they are in; no path is ever used."""

    def __init__(self, spooled: Spooled, spool_dir: Path | None, max_cell_chars: int) -> None:
        self._spool_dir = spool_dir
        self._max_cell = max_cell_chars
        try:
            self._zip = zipfile.ZipFile(spooled.file)
        except DAMAGE:
            raise BadInput(*said("archive.damaged")) from None
        self._members: dict[str, zipfile.ZipInfo] = {}
        for one in self._zip.infolist():
            path = PurePosixPath(one.filename.replace("\\", "/"))
            name = path.name.casefold()
            if name == _EXCEL:
                csv_header.refuse_foreign(spooled.head)
            if path.suffix.casefold() in _TABLES and not name.startswith(".") and "__MACOSX" not in path.parts:
                self._members.setdefault(name, one)

    @property
    def names(self) -> Sequence[str]:
        return tuple(self._members)

    def table(self, name: str) -> CsvFile:
        """Raises BadInput, also where there is no such table."""
        if name not in self._members:
            raise BadInput(*said("roster.no_file", file=name))
        spooled = Spooled(self._spool_dir)
        try:
            self._unpack(self._members[name], spooled)
            return CsvFile(spooled, self._max_cell)
        except BaseException:
            spooled.close()
            raise

    def _unpack(self, member: zipfile.ZipInfo, spooled: Spooled) -> None:
        if member.flag_bits & 1:
            raise BadInput(*said("archive.encrypted"))
        try:
            with self._zip.open(member) as content:
                while block := content.read(BLOCK):
                    spooled.write(block)
                    if spooled.size > MAX_MEMBER_BYTES:
                        raise too_large(MAX_MEMBER_BYTES)
        except DAMAGE:
            raise BadInput(*said("archive.damaged")) from None
        spooled.finish()
