"""Code tables of the connections of one organization: versions that never change."""

from datetime import UTC, datetime

import orjson

from shared.contracts.envelope import new_id
from shared.model.codes import CodeTable, CodeTableDraft
from shared.model.error_texts import said
from shared.model.errors import NotFound, Unavailable
from shared.store.scoped import Collection, Document, Duplicate


class CodeTables:
    def __init__(self, collection: Collection) -> None:
        self._tables = collection

    async def add(self, draft: CodeTableDraft, connection: str, name: str, by: str) -> CodeTable:
        """Save as the next version of the table."""
        for _ in range(10):
            held = await self._versions({"connection": connection, "name": name}, limit=1)
            table = CodeTable(
                **draft.model_dump(),
                connection=connection,
                name=name,
                version=held[0].version + 1 if held else 1,
                created_at=datetime.now(UTC),
                created_by=by,
            )
            try:
                await self._tables.insert(_document(table))
            except Duplicate:
                continue
            return table
        raise Unavailable(*said("code_table.busy"))

    async def latest(self, connection: str, name: str) -> CodeTable:
        """Raises NotFound."""
        held = await self._versions({"connection": connection, "name": name}, limit=1)
        if not held:
            raise NotFound(*said("code_table.not_found"))
        return held[0]

    async def all(self, connection: str) -> list[CodeTable]:
        """The newest version of each table, by name."""
        newest = {one.name: one for one in reversed(await self._versions({"connection": connection}, limit=2000))}
        return [newest[name] for name in sorted(newest)]

    async def _versions(self, where: Document, limit: int) -> list[CodeTable]:
        found = await self._tables.all(where, sort=[("version", -1)], limit=limit)
        return [CodeTable.model_validate({**one, **orjson.loads(one["codes"])}, extra="ignore") for one in found]


def _document(table: CodeTable) -> Document:
    """Codes come from people and may hold what the database does not take, so they are one JSON text."""
    codes = table.model_dump(mode="json", include={"sis_codes", "pairs"})
    about = table.model_dump(exclude={"sis_codes", "pairs"})
    return {**about, "_id": new_id("tbl"), "codes": orjson.dumps(codes).decode()}
