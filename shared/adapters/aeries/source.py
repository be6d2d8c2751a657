"""Students and schools of Aeries as a source of records. Source: SIS facts, section 2.

Students are listed school by school, with those who have left among them; a student may stand in several schools.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from shared.adapters.aeries.json import CONTACT, SCHOOL, STUDENT, named, texts
from shared.adapters.aeries.server import Aeries
from shared.adapters.disk_index import DiskIndex
from shared.adapters.row_store import RowStore
from shared.adapters.sis_http import SisHttp
from shared.model.connection import AeriesSettings
from shared.model.contacts import contact_name
from shared.model.error_texts import said
from shared.model.errors import BadInput
from shared.model.ports import SourceInfo
from shared.model.record import RowBatch


class AeriesSource:
    """Students, or schools, of an Aeries server (`shared.model.ports.Source`).

    Of a student who stands in several schools the row counts whose status comes first in the settings, and of those the
    first. All of it is pulled before the first row is given.
    """

    def __init__(
        self,
        http: SisHttp,
        settings: AeriesSettings,
        *,
        data_type: str = "students",
        since: str = "",
        spool_dir: Path | None = None,
    ) -> None:
        self._http = http
        self._settings = settings
        self._data_type = data_type
        self._since = since
        self._begun = ""
        self._spool_dir = spool_dir
        self._open = AsyncExitStack()
        self._rows: RowStore | None = None
        self._best: DiskIndex | None = None
        self._columns: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        if self._data_type not in ("students", "schools"):
            raise BadInput(*said("sis.other_type", data_type=self._data_type))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._http)
            rows = RowStore(self._spool_dir)
            stack.callback(rows.close)
            server = Aeries(self._http, self._settings)
            await server.version()
            self._begun = await server.now()
            if self._data_type == "students":
                self._best = DiskIndex(self._spool_dir)
                stack.callback(self._best.close)
                await self._students(server, rows, self._best)
            else:
                await rows.add(await server.schools())
            self._open = stack.pop_all()
        self._rows = rows
        fixed: Sequence[str] = STUDENT if self._data_type == "students" else SCHOOL
        if self._settings.contacts and self._data_type == "students":
            fixed = (*fixed, *(contact_name(1, name) for name in CONTACT))
        self._columns = tuple(dict.fromkeys((*fixed, *(name for name in rows.names if name not in fixed))))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def info(self) -> SourceInfo:
        if self._rows is None:
            raise RuntimeError("enter the source first")
        host = self._http.host
        details = {"form": "Aeries", "host": host, "since": self._since}
        receipt = {"cursor": self._begun} if self._begun else {}
        return SourceInfo(self._columns, f"Aeries at {host}", self._rows.size, self._rows.sha256, details, receipt)

    @property
    def warnings(self) -> Sequence[str]:
        return ()

    async def batches(self) -> AsyncIterator[RowBatch]:
        if self._rows is None:
            raise RuntimeError("enter the source first")
        async for batch in self._rows.batches(self._columns):
            yield await asyncio.to_thread(self._counting, batch)

    def _counting(self, batch: RowBatch) -> RowBatch:
        """Without the second rows of students who stand in several schools."""
        best = self._best
        if best is None:
            return batch
        key = self._columns.index("StudentID")
        return RowBatch([(n, row) for n, row in batch.rows if (best.get("row", row[key]) or [0, -1])[1] == n - 2])

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Nothing is left behind."""

    async def _students(self, server: Aeries, rows: RowStore, best: DiskIndex) -> None:
        ranks = {status: rank for rank, status in enumerate(self._settings.statuses)}
        if self._since:
            await self._changed(server, rows, best, ranks)
            return
        for school in await server.schools():
            code = school["SchoolCode"]
            people = await server.contacts(code) if self._settings.contacts else {}
            async for page in server.students(code):
                found = [row | dict(named(people.get(row["StudentID"], ()))) for row in page]
                await asyncio.to_thread(_note, best, found, rows.count, ranks)
                await rows.add(found)

    async def _changed(self, server: Aeries, rows: RowStore, best: DiskIndex, ranks: Mapping[str, int]) -> None:
        """Whoever has changed, or whose contacts or enrollment have: each at every school they stand in."""
        schools = {one["SchoolCode"] for one in await server.schools()}
        for student in await server.changed(self._since):
            contacts = await server.sorted_contacts(student) if self._settings.contacts else []
            found = []
            for school in await server.schools_of(student):
                if school in schools:
                    found += [texts(one) for one in await server.student(school, student)]
            wanted = [row for row in found if row.get("InactiveStatusCode", "") in ranks]
            told = [row | dict(named(contacts)) for row in wanted]
            await asyncio.to_thread(_note, best, told, rows.count, ranks)
            await rows.add(told)


def _note(best: DiskIndex, rows: Sequence[Mapping[str, str]], first: int, ranks: Mapping[str, int]) -> None:
    """Which row of each student counts: the one whose status comes first, and of those the first."""
    for place, row in enumerate(rows, first):
        rank = ranks[row.get("InactiveStatusCode", "")]
        held = best.get("row", row["StudentID"])
        if held is None or rank < held[0]:
            best.put("row", row["StudentID"], [rank, place])
