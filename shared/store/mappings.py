"""Mappings: versions that never change. The newest version of a name is the one in use."""

from datetime import UTC, datetime

import orjson

from shared.contracts.envelope import new_id
from shared.model.error_texts import said
from shared.model.errors import NotFound, Unavailable
from shared.model.mapping import Mapping, MappingDraft
from shared.store.scoped import Collection, Document, Duplicate


class Mappings:
    def __init__(self, collection: Collection) -> None:
        self._mappings = collection

    async def add(self, draft: MappingDraft, connection: str, data_type: str, by: str) -> Mapping:
        """Save as the next version of (connection, import, data type, name)."""
        for _ in range(10):
            latest = await self._latest(connection, data_type, draft.name)
            mapping = Mapping(
                **draft.model_dump(),
                id=new_id("map"),
                connection=connection,
                direction="import",
                data_type=data_type,
                version=latest.version + 1 if latest else 1,
                created_at=datetime.now(UTC),
                created_by=by,
            )
            try:
                await self._mappings.insert(_document(mapping))
            except Duplicate:
                continue
            return mapping
        raise Unavailable(*said("mapping.busy"))

    async def get(self, id: str) -> Mapping:
        """Raises NotFound."""
        document = await self._mappings.get({"_id": id})
        if document is None:
            raise NotFound(*said("mapping.not_found"))
        return Mapping.model_validate(_shape(document))

    async def latest(self, connection: str, data_type: str, name: str = "default") -> Mapping:
        """Raises NotFound where nothing has been mapped yet."""
        found = await self._latest(connection, data_type, name)
        if found is None:
            named = sorted({one.name for one in await self.versions(connection, data_type)})
            if named:
                known = ", ".join(named)
                raise NotFound(*said("mapping.name_unknown", data_type=data_type, name=name[:100], known=known))
            raise NotFound(*said("mapping.none", data_type=data_type))
        return found

    async def versions(self, connection: str, data_type: str) -> list[Mapping]:
        where = {"connection": connection, "direction": "import", "data_type": data_type}
        found = await self._mappings.all(where, sort=[("version", -1)], limit=200)
        return [Mapping.model_validate(_shape(one)) for one in found]

    async def _latest(self, connection: str, data_type: str, name: str) -> Mapping | None:
        where = {"connection": connection, "direction": "import", "data_type": data_type, "name": name}
        found = await self._mappings.all(where, sort=[("version", -1)], limit=1)
        return Mapping.model_validate(_shape(found[0])) if found else None


def _document(mapping: Mapping) -> Document:
    """Codes come from people and may hold what a field name may not, so the rows are one JSON text."""
    shaped = mapping.model_dump(mode="json", exclude={"id"})
    return {**shaped, "_id": mapping.id, "fields": orjson.dumps(shaped["fields"]).decode()}


def _shape(document: Document) -> Document:
    shaped = {key: value for key, value in document.items() if key not in ("_id", "org")}
    return {**shaped, "id": document["_id"], "fields": orjson.loads(document["fields"])}
