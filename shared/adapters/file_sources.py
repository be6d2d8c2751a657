"""Sources that are files: pulled from their place, opened as the table they hold."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from shared.adapters.archives import Table, open_table
from shared.adapters.csv_files import MAX_CELL_CHARS
from shared.adapters.spool import Spooled, spool
from shared.model.ports import SourceInfo
from shared.model.record import RowBatch


class Pulled(NamedTuple):
    """A file as its place gave it: its name, facts for the history, and what is needed to settle it later."""

    name: str
    spooled: Spooled
    details: Mapping[str, str]
    receipt: Mapping[str, Any]


class FileSource(ABC):
    """What every source of files shares (`shared.model.ports.Source`); subclasses say where the file is."""

    def __init__(self, spool_dir: Path | None, max_cell_chars: int, data_type: str) -> None:
        self._spool_dir = spool_dir
        self._max_cell_chars = max_cell_chars
        self._data_type = data_type
        self._spooled: Spooled | None = None
        self._table: Table | None = None
        self._info: SourceInfo | None = None

    @abstractmethod
    async def pull(self) -> Pulled: ...

    @abstractmethod
    async def settle(self, receipt: Mapping[str, Any]) -> None: ...

    async def __aenter__(self) -> Self:
        name, spooled, details, receipt = await self.pull()
        try:
            table = await asyncio.to_thread(open_table, spooled, self._data_type, self._spool_dir, self._max_cell_chars)
        except BaseException:
            spooled.close()
            raise
        self._spooled, self._table = spooled, table
        self._info = SourceInfo(
            columns=table.columns,
            name=name,
            size=spooled.size,
            sha256=spooled.sha256,
            details={**table.details, **details},
            receipt=receipt,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for part in (self._table, self._spooled):
            if part is not None:
                part.close()

    @property
    def info(self) -> SourceInfo:
        if self._info is None:
            raise RuntimeError("enter the source first")
        return self._info

    @property
    def warnings(self) -> Sequence[str]:
        return self._table.warnings if self._table else ()

    def batches(self) -> AsyncIterator[RowBatch]:
        if self._table is None:
            raise RuntimeError("enter the source first")
        return self._table.batches()


class UploadSource(FileSource):
    """A file somebody uploaded. `open_bytes` starts reading it from the beginning."""

    def __init__(
        self,
        name: str,
        open_bytes: Callable[[], AsyncIterator[bytes]],
        spool_dir: Path | None = None,
        max_cell_chars: int = MAX_CELL_CHARS,
        data_type: str = "students",
    ) -> None:
        super().__init__(spool_dir, max_cell_chars, data_type)
        self._name = name
        self._open_bytes = open_bytes

    async def pull(self) -> Pulled:
        return Pulled(self._name, await spool(self._open_bytes(), self._spool_dir), {}, {})

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Nothing to do: an upload is kept with its run."""
