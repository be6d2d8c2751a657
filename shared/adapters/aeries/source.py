"""Students and schools of Aeries as a source of records. Source: SIS facts, section 2.

Students are listed school by school, with those who have left among them; a student may stand in several schools.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack

from shared.adapters.aeries.json import CONTACT, SCHOOL, STUDENT, named, texts
from shared.adapters.aeries.server import Aeries
from shared.adapters.disk_index import DiskIndex
from shared.adapters.pulled import PulledSource
from shared.adapters.row_store import RowStore
from shared.model.contacts import contact_name
from shared.model.kind_settings import AeriesSettings
from shared.model.record import RowBatch


class AeriesSource(PulledSource[Aeries, AeriesSettings]):
    """Of a student who stands in several schools the row counts whose status comes first in the settings, and of those
    the first.
    """

    form = "Aeries"
    _best: DiskIndex | None = None

    def fixed(self) -> Sequence[str]:
        if not self._is_students:
            return SCHOOL
        first = (contact_name(1, name) for name in CONTACT) if self._settings.contacts else ()
        return (*STUDENT, *first)

    async def batches(self) -> AsyncIterator[RowBatch]:
        async for batch in super().batches():
            yield await asyncio.to_thread(self._counting, batch)

    def _counting(self, batch: RowBatch) -> RowBatch:
        """Without the second rows of students who stand in several schools."""
        best = self._best
        if best is None:
            return batch
        key = self._columns.index("StudentID")
        return RowBatch([(n, row) for n, row in batch.rows if (best.get("row", row[key]) or [0, -1])[1] == n - 2])

    async def schools(self, rows: RowStore) -> None:
        await self._server.version()
        await rows.add(await self._server.schools())

    async def students(self, rows: RowStore, stack: AsyncExitStack) -> None:
        await self._server.version()
        self.cursor = await self._server.now()
        best = self._best = DiskIndex(self._spool_dir)
        stack.callback(best.close)
        ranks = {status: rank for rank, status in enumerate(self._settings.statuses)}
        if self._since:
            await self._changed(rows, best, ranks)
            return
        for school in await self._server.schools():
            code = school["SchoolCode"]
            people = await self._server.contacts(code) if self._settings.contacts else {}
            async for page in self._server.students(code):
                found = [row | dict(named(people.get(row["StudentID"], ()))) for row in page]
                await asyncio.to_thread(_note, best, found, rows.count, ranks)
                await rows.add(found)

    async def _changed(self, rows: RowStore, best: DiskIndex, ranks: Mapping[str, int]) -> None:
        """Whoever has changed, or whose contacts or enrollment have: each at every school they stand in."""
        server = self._server
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
