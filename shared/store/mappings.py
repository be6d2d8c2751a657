"""Field Mappings of one direction. The newest version of a name is the one in use."""

from typing import Generic, Literal, TypeVar

from shared.model.error_texts import said
from shared.model.errors import NotFound
from shared.model.export_file import ExportDraft, ExportMapping
from shared.model.mapping import Mapping, MappingDraft
from shared.model.saved import SavedMapping
from shared.store.scoped import Collection
from shared.store.versions import Versions

Kept = TypeVar("Kept", bound=SavedMapping)


class _Mappings(Generic[Kept]):
    def __init__(self, versions: Versions[Kept], direction: Literal["import", "export"]) -> None:
        self._versions = versions
        self._direction = direction

    async def add(
        self, draft: MappingDraft | ExportDraft, connection: str, data_type: str, by: str, base: int | None = None
    ) -> Kept:
        """Save as the next version of (connection, direction, data type, name).

        Raises Conflict where the newest is not `base`, the version that the draft began from.
        """
        return await self._versions.add(draft, self._named(connection, data_type, name=draft.name), by, base)

    async def get(self, id: str) -> Kept:
        """Raises NotFound."""
        found = await self._versions.get({"_id": id, "direction": self._direction})
        if found is None:
            raise NotFound(*said("mapping.not_found"))
        return found

    async def newest(self, connection: str, data_type: str, name: str) -> Kept | None:
        return await self._versions.latest(self._named(connection, data_type, name=name))

    async def latest(self, connection: str, data_type: str, name: str = "default") -> Kept:
        """Raises NotFound where nothing has been mapped yet."""
        found = await self.newest(connection, data_type, name)
        if found is None:
            raise await self._none(connection, data_type, name)
        return found

    async def numbered(self, connection: str, data_type: str, name: str, version: int) -> Kept | None:
        """One version of one name."""
        return await self._versions.numbered(self._named(connection, data_type, name=name), version)

    async def latest_id(self, connection: str, data_type: str, name: str = "default") -> str:
        """The id of the same. Raises NotFound."""
        id = await self._versions.latest_id(self._named(connection, data_type, name=name))
        if not id:
            raise await self._none(connection, data_type, name)
        return id

    async def _none(self, connection: str, data_type: str, name: str) -> NotFound:
        named = sorted({one.name for one in await self.versions(connection, data_type)})
        if not named:
            return NotFound(*said("mapping.none", data_type=data_type))
        known = ", ".join(named)
        return NotFound(*said("mapping.name_unknown", data_type=data_type, name=name[:100], known=known))

    async def versions(self, connection: str, data_type: str) -> list[Kept]:
        return await self._versions.all(self._named(connection, data_type), limit=200)

    def _named(self, connection: str, data_type: str, **name: str) -> dict[str, str]:
        return {"connection": connection, "direction": self._direction, "data_type": data_type, **name}


class Mappings(_Mappings[Mapping]):
    """What fills the fields of Enroll from the columns of a file."""

    def __init__(self, collection: Collection) -> None:
        super().__init__(Versions(collection, Mapping, "map", ["fields"]), "import")


class SisMappings(_Mappings[Mapping]):
    """What fills the fields of a SIS from Enroll's registrations."""

    def __init__(self, collection: Collection) -> None:
        super().__init__(Versions(collection, Mapping, "map", ["fields"]), "export")


class ExportMappings(_Mappings[ExportMapping]):
    """The files that an export makes."""

    def __init__(self, collection: Collection) -> None:
        super().__init__(Versions(collection, ExportMapping, "map", ["files"]), "export")
