"""Field mappings of a connection: saved as versions that never change."""

from typing import Any

from fastapi import APIRouter

from services.gateway.context import Caller
from shared.mapping import transformations
from shared.mapping.compiled import check_mapping
from shared.model.catalog import Catalog, catalog
from shared.model.errors import BadMapping, NotFound
from shared.model.mapping import Mapping, MappingDraft
from shared.model.permission import Deed

router = APIRouter(prefix="/api/v1", tags=["mappings"])


@router.get("/catalogs/{data_type}")
async def fields(call: Caller, data_type: str) -> Catalog:
    """The fields of a data type that a mapping may fill."""
    await call.may(Deed.VIEW, subject=data_type)
    try:
        return catalog(data_type)
    except BadMapping as error:
        raise NotFound(error.code, error.message, error.fix) from None


@router.get("/transformations")
async def every_transformation(call: Caller) -> list[dict[str, Any]]:
    """What a mapping may do to a value: each with its options as a JSON schema, and what blank input gives."""
    await call.may(Deed.VIEW, subject="transformations")
    return transformations.described()


@router.put("/connections/{id}/mappings/{data_type}", status_code=201)
async def save(call: Caller, id: str, data_type: str, draft: MappingDraft) -> Mapping:
    """Save the mapping as its next version. It is checked as a whole; problems name the row of the mapping."""
    await call.may(Deed.MAP_IMPORT, data_type=data_type, subject=id)
    await call.connection(id)
    problems = check_mapping(draft, catalog(data_type))
    if problems:
        told = "; ".join(f"row {one.row}: {one.message}" if one.row else one.message for one in problems)
        raise BadMapping("mapping.invalid", told, "Mend these rows of the mapping and save it again.")
    return await call.org.mappings.add(draft, id, data_type, call.who.user)


@router.get("/connections/{id}/mappings/{data_type}")
async def versions(call: Caller, id: str, data_type: str) -> list[Mapping]:
    """All versions, newest first."""
    await call.may(Deed.VIEW, subject=id)
    await call.connection(id)
    return await call.org.mappings.versions(id, data_type)
