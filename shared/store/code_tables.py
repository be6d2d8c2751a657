"""Code tables of the connections of one organization."""

from shared.model.codes import CodeTable, CodeTableDraft
from shared.model.error_texts import said
from shared.model.errors import NotFound
from shared.store.scoped import Collection
from shared.store.versions import Versions


class CodeTables:
    def __init__(self, collection: Collection) -> None:
        self._versions = Versions(collection, CodeTable, "tbl", ["sis_codes", "pairs"])

    async def add(
        self, draft: CodeTableDraft, connection: str, name: str, by: str, base: int | None = None
    ) -> CodeTable:
        """Save as the next version of the table. Raises Conflict where the newest is not `base`."""
        return await self._versions.add(draft, {"connection": connection, "name": name}, by, base)

    async def numbered(self, connection: str, name: str, version: int) -> CodeTable | None:
        """One version of one table."""
        return await self._versions.numbered({"connection": connection, "name": name}, version)

    async def latest(self, connection: str, name: str) -> CodeTable:
        """Raises NotFound."""
        found = await self._versions.latest({"connection": connection, "name": name})
        if found is None:
            raise NotFound(*said("code_table.not_found"))
        return found

    async def all(self, connection: str) -> list[CodeTable]:
        """The newest version of each table, by name."""
        found = await self._versions.all({"connection": connection}, limit=2000)
        newest = {one.name: one for one in reversed(found)}
        return [newest[name] for name in sorted(newest)]
