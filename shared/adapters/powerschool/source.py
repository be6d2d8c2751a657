"""Students and schools of PowerSchool as a source of records. Source: SIS facts, section 1."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from shared.adapters.powerschool.json import CONTACT, SCHOOL, STUDENT, contacts, school, student
from shared.adapters.powerschool.server import PowerSchool
from shared.adapters.row_store import RowStore
from shared.adapters.sis_http import SisHttp
from shared.model.connection import PowerSchoolSettings
from shared.model.contacts import contact_field, contact_name
from shared.model.error_texts import said
from shared.model.errors import BadInput
from shared.model.ports import SourceInfo
from shared.model.record import RowBatch

CUT_SHORT: Final = "file.cut_short"


class PowerSchoolSource:
    """Students, or schools, of a PowerSchool server (`shared.model.ports.Source`).

    All of it is pulled before the first row is given: extensions add columns, and a server that breaks off in the
    middle must not look like a district that has shrunk.
    """

    def __init__(
        self,
        http: SisHttp,
        settings: PowerSchoolSettings,
        *,
        data_type: str = "students",
        since: str = "",
        spool_dir: Path | None = None,
    ) -> None:
        self._http = http
        self._settings = settings
        self._data_type = data_type
        self._since = since
        self._cursor = ""
        self._spool_dir = spool_dir
        self._open = AsyncExitStack()
        self._warnings: list[str] = []
        self._rows: RowStore | None = None
        self._columns: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        if self._data_type not in ("students", "schools"):
            raise BadInput(*said("sis.other_type", data_type=self._data_type))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._http)
            rows = RowStore(self._spool_dir)
            stack.callback(rows.close)
            server = PowerSchool(self._http, self._settings)
            await (self._students(server, rows) if self._data_type == "students" else self._schools(server, rows))
            self._open = stack.pop_all()
        self._rows = rows
        fixed = SCHOOL if self._data_type == "schools" else (*STUDENT, *self._settings.extension_fields)
        if self._settings.contacts and self._data_type == "students":
            fixed = (*fixed, *(contact_name(1, name) for name in CONTACT))
        self._columns = tuple(dict.fromkeys((*fixed, *sorted(rows.names, key=_by_slot))))
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
        details = {"form": "PowerSchool", "host": host, "since": self._since}
        receipt = {"cursor": self._cursor} if self._cursor else {}
        return SourceInfo(self._columns, f"PowerSchool at {host}", self._rows.size, self._rows.sha256, details, receipt)

    @property
    def warnings(self) -> Sequence[str]:
        return self._warnings

    def batches(self) -> AsyncIterator[RowBatch]:
        if self._rows is None:
            raise RuntimeError("enter the source first")
        return self._rows.batches(self._columns)

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Nothing is left behind."""

    async def _schools(self, server: PowerSchool, rows: RowStore) -> None:
        async for page in server.schools():
            await rows.add([school(one) for one in page])

    async def _students(self, server: PowerSchool, rows: RowStore) -> None:
        if self._since:
            await self._changed(server, rows)
            return
        self._cursor = await server.data_version()
        expected = await server.count()
        async for page in server.students():
            found = [student(one) for one in page]
            if self._settings.contacts:
                for row in found:
                    row |= dict(contacts(await server.contacts(row["dcid"])))
            await rows.add(found)
        if rows.count < expected:
            self._warnings.append(CUT_SHORT)

    async def _changed(self, server: PowerSchool, rows: RowStore) -> None:
        """Whoever has changed since a data version."""
        self._cursor, ids = await server.changed(self._since)
        for id in ids:
            raw = await server.student(id)
            row = student(raw) if raw is not None else {}
            if row.get("school_enrollment.enroll_status") in self._settings.statuses:
                if self._settings.contacts:
                    row |= dict(contacts(await server.contacts(id)))
                await rows.add([row])


def _by_slot(name: str) -> tuple[int, int]:
    """Contacts last, one after the other, each with its fields in their order."""
    one = contact_field(name)
    if one is None:
        return 0, 0
    field = f"{one.field}{one.number or ''}"
    return one.slot, CONTACT.index(field) if field in CONTACT else len(CONTACT)
