"""Field mappings of a connection: tried out, saved as versions that never change, taken along as JSON."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.context import Base, Call, Caller
from shared.mapping import transformations
from shared.mapping.code_tables import code_problems, table_names, with_tables
from shared.mapping.compiled import check_mapping
from shared.mapping.preview import MAX_EXAMPLES, Preview, preview_mapping
from shared.mapping.versions import RowChange, compare
from shared.model.catalog import Catalog, catalog, data_types
from shared.model.error_texts import said
from shared.model.errors import BadMapping, NotFound
from shared.model.mapping import Mapping, MappingDraft
from shared.model.moment import Moment
from shared.model.permission import Deed

router = APIRouter(prefix="/api/v1", tags=["mappings"])

MAPPINGS = "/connections/{id}/mappings/{data_type}"
Name = Annotated[str | None, Query(max_length=100, description="Only the versions of the mapping with this name.")]
Cell = Annotated[str, Field(max_length=10_000)]


class Examples(BaseModel):
    """A mapping to try out, the columns of the file, and up to five of its rows. Nothing of it is kept."""

    model_config = ConfigDict(extra="forbid")

    mapping: MappingDraft
    columns: list[Cell] = Field(min_length=1, max_length=2000)
    examples: list[list[Cell]] = Field(max_length=MAX_EXAMPLES)
    school_year: int = Field(ge=2000, le=2100)


class MappingFile(BaseModel):
    """A mapping on its way from one connection to another."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["sync-service/mapping/1"] = "sync-service/mapping/1"
    data_type: str
    mapping: MappingDraft


@router.get("/catalogs")
async def everyfound_catalog(call: Caller) -> list[dict[str, str]]:
    """The data types that can be imported."""
    await call.may(Deed.VIEW, subject="catalogs")
    return [{"data_type": name, "label": catalog(name).label} for name in data_types()]


@router.get("/catalogs/{data_type}")
async def fields(call: Caller, data_type: str) -> Catalog:
    """The fields of a data type that a mapping may fill."""
    await call.may(Deed.VIEW, subject=data_type)
    return found_catalog(data_type)


@router.get("/transformations")
async def every_transformation(call: Caller) -> list[dict[str, Any]]:
    """What a mapping may do to a value: each with its options as a JSON schema, and what blank input gives."""
    await call.may(Deed.VIEW, subject="transformations")
    return transformations.described()


@router.post(MAPPINGS + "/preview")
async def preview(call: Caller, id: str, data_type: str, asked: Examples) -> Preview:
    """The Mapped Value of each field for up to five example rows, and everything wrong with the mapping."""
    connection = await call.found(Deed.MAP_IMPORT, call.connection, id, data_type=data_type)
    width = len(asked.columns)
    rows = [[*row[:width], *[""] * (width - len(row))] for row in asked.examples]
    moment = Moment(connection.clock().date(), asked.school_year)
    sets = await call.field_codes(connection.instance)
    return preview_mapping(asked.mapping, found_catalog(data_type), asked.columns, moment, rows, sets)


@router.put(MAPPINGS, status_code=201)
async def save(call: Caller, id: str, data_type: str, draft: MappingDraft, base: Base = None) -> Mapping:
    """Save the mapping as the next version under its name. It is checked as a whole; problems name the row."""
    await call.found(Deed.MAP_IMPORT, call.connection, id, data_type=data_type)
    return await _save(call, id, data_type, draft, base)


@router.post(MAPPINGS + "/import", status_code=201)
async def take(call: Caller, id: str, data_type: str, file: MappingFile, base: Base = None) -> Mapping:
    """Save a mapping that was exported, from this connection or another, as the next version under its name."""
    await call.found(Deed.MAP_IMPORT, call.connection, id, data_type=data_type)
    if file.data_type != data_type:
        raise BadMapping(*said("mapping.other_data_type", what=file.data_type[:50], data_type=data_type))
    return await _save(call, id, data_type, file.mapping, base)


@router.get(MAPPINGS)
async def versions(call: Caller, id: str, data_type: str, name: Name = None) -> list[Mapping]:
    """All versions, newest first."""
    await call.found(Deed.VIEW, call.connection, id)
    found_catalog(data_type)
    found = await call.org.mappings.versions(id, data_type)
    return [one for one in found if name is None or one.name == name]


@router.get(MAPPINGS + "/compare")
async def compared(call: Caller, id: str, data_type: str, before: str, after: str) -> list[RowChange]:
    """What differs between two versions, row by row."""
    await call.found(Deed.VIEW, call.connection, id)
    return compare(*[await _version(call, id, data_type, one) for one in (before, after)])


@router.get(MAPPINGS + "/{mapping}/export")
async def give(call: Caller, id: str, data_type: str, mapping: str) -> MappingFile:
    """One version as a JSON document, for the other end of `import`."""
    await call.found(Deed.VIEW, call.connection, id)
    found = await _version(call, id, data_type, mapping)
    return MappingFile(data_type=data_type, mapping=MappingDraft(name=found.name, fields=found.fields))


async def _version(call: Call, id: str, data_type: str, mapping: str) -> Mapping:
    found_catalog(data_type)
    found = await call.org.mappings.get(mapping)
    if (found.connection, found.data_type) != (id, data_type):
        raise NotFound(*said("mapping.not_found"))
    return found


async def _save(call: Call, id: str, data_type: str, draft: MappingDraft, base: int | None) -> Mapping:
    connection = await call.connection(id)
    about = found_catalog(data_type)
    if table_names(draft):
        draft = with_tables(draft, {one.name: one for one in await call.org.code_tables.all(id)})
    problems = check_mapping(draft, about)
    problems += code_problems(draft, about, await call.field_codes(connection.instance))
    if problems:
        told = "; ".join(f"row {one.row}: {one.message}" if one.row else one.message for one in problems)
        raise BadMapping(*said("mapping.invalid", problems=told))
    return await call.org.mappings.add(draft, id, data_type, call.who.user, base)


def found_catalog(data_type: str) -> Catalog:
    """The fields of the data type. Raises NotFound, with those that there are."""
    try:
        return catalog(data_type)
    except BadMapping as error:
        raise NotFound(error.code, error.message, error.fix) from None
