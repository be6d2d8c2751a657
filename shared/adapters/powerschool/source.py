"""Students and schools of PowerSchool as a source of records. Source: SIS facts, section 1."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from shared.adapters.powerschool.json import CONTACT, SCHOOL, STUDENT, contacts, school, student
from shared.adapters.powerschool.server import PowerSchool
from shared.adapters.pulled import PulledSource
from shared.adapters.row_store import RowStore
from shared.model.contacts import contact_name
from shared.model.kind_settings import PowerSchoolSettings

CUT_SHORT: Final = "file.cut_short"


class PowerSchoolSource(PulledSource[PowerSchool, PowerSchoolSettings]):
    form = "PowerSchool"

    def fixed(self) -> Sequence[str]:
        if not self._is_students:
            return SCHOOL
        first = (contact_name(1, name) for name in CONTACT) if self._settings.contacts else ()
        return (*STUDENT, *self._settings.extension_fields, *first)

    async def schools(self, rows: RowStore) -> None:
        async for page in self._server.schools():
            await rows.add([school(one) for one in page])

    async def students(self, rows: RowStore, stack: AsyncExitStack) -> None:
        if self._since:
            await self._changed(rows)
            return
        self.cursor = await self._server.data_version()
        expected = await self._server.count()
        async for page in self._server.students():
            found = [student(one) for one in page]
            if self._settings.contacts:
                for row in found:
                    row |= dict(contacts(await self._server.contacts(row["dcid"])))
            await rows.add(found)
        if rows.count < expected:
            self.warnings.append(CUT_SHORT)

    async def _changed(self, rows: RowStore) -> None:
        """Whoever has changed since a data version."""
        self.cursor, ids = await self._server.changed(self._since)
        for id in ids:
            raw = await self._server.student(id)
            row = student(raw) if raw is not None else {}
            if row.get("school_enrollment.enroll_status") in self._settings.statuses:
                if self._settings.contacts:
                    row |= dict(contacts(await self._server.contacts(id)))
                await rows.add([row])
