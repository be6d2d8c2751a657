"""Students, or schools, of a SIS's API as a source of records."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Generic, Self, TypeVar

from shared.adapters.row_store import RowStore
from shared.adapters.sis_http import SisHttp
from shared.model.error_texts import said
from shared.model.errors import BadInput
from shared.model.ports import SourceInfo
from shared.model.record import RowBatch

Server = TypeVar("Server")
About = TypeVar("About")


class PulledSource(ABC, Generic[Server, About]):
    """All of it is pulled onto local disk before the first row is given (`shared.model.ports.Source`).

    So a server that breaks off in the middle never looks like a district that has shrunk, and every column is known. An
    adapter says its `form`, its columns, and how students and schools are pulled from its `server`. `since` is a cursor
    that an earlier source gave; the one for the next is put into `cursor`.
    """

    form: ClassVar[str]

    def __init__(
        self,
        http: SisHttp,
        server: Server,
        settings: About,
        *,
        data_type: str = "students",
        since: str = "",
        spool_dir: Path | None = None,
    ) -> None:
        self._http = http
        self._server = server
        self._settings = settings
        self._is_students = data_type == "students"
        self._data_type = data_type
        self._since = since
        self._spool_dir = spool_dir
        self._open = AsyncExitStack()
        self._rows: RowStore | None = None
        self._columns: tuple[str, ...] = ()
        self.cursor = ""
        self.warnings: list[str] = []

    @abstractmethod
    def fixed(self) -> Sequence[str]:
        """The columns that are there in any case; those of rows come behind them."""

    @abstractmethod
    async def students(self, rows: RowStore, stack: AsyncExitStack) -> None:
        """Pull them; what is needed until the source is left goes on the stack."""

    @abstractmethod
    async def schools(self, rows: RowStore) -> None: ...

    async def __aenter__(self) -> Self:
        if self._data_type not in ("students", "schools"):
            raise BadInput(*said("sis.other_type", data_type=self._data_type))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._http)
            rows = RowStore(self._spool_dir)
            stack.callback(rows.close)
            await (self.students(rows, stack) if self._is_students else self.schools(rows))
            self._open = stack.pop_all()
        self._rows = rows
        self._columns = tuple(dict.fromkeys((*self.fixed(), *rows.names)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def info(self) -> SourceInfo:
        rows, host = self._entered(), self._http.host
        details = {"form": self.form, "host": host, "since": self._since}
        receipt = {"cursor": self.cursor} if self.cursor else {}
        return SourceInfo(self._columns, f"{self.form} at {host}", rows.size, rows.sha256, details, receipt)

    def batches(self) -> AsyncIterator[RowBatch]:
        return self._entered().batches(self._columns)

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Nothing is left behind."""

    def _entered(self) -> RowStore:
        if self._rows is None:
            raise RuntimeError("enter the source first")
        return self._rows
