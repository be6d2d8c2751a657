"""Help with a mapping: a proposal from the file itself, and what has changed in a file since."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import UploadFile

from services.gateway.context import Call, Caller
from services.gateway.mappings import MAPPINGS, Cell, found_catalog
from shared.adapters.enroll_sites import PRODUCTION
from shared.adapters.file_sources import UploadSource
from shared.mapping.automap import MAX_SAMPLES, Proposal, propose
from shared.mapping.differences import Differences, differences
from shared.model.connection import Instance
from shared.model.error_texts import said
from shared.model.errors import BadInput
from shared.model.mapping import Mapping
from shared.model.permission import Deed
from shared.model.ports import Source

router = APIRouter(prefix="/api/v1", tags=["mappings"])

CHUNK = 1024 * 1024
SHOWN = 5
Columns = Annotated[list[Cell], Field(min_length=1, max_length=2000)]


class Sampled(BaseModel):
    """The columns of a file and some of its rows."""

    model_config = ConfigDict(extra="forbid")

    columns: Columns
    samples: list[list[Cell]] = Field(default_factory=list, max_length=MAX_SAMPLES)


class Header(BaseModel):
    model_config = ConfigDict(extra="forbid")

    columns: Columns
    name: str = Field(default="default", max_length=100, description="The mapping to compare; not used by `match`.")


class Fitting(BaseModel):
    """A saved mapping, and how many columns it reads that the file does not have (`lost`), and the other way round."""

    name: str
    version: int
    fits: bool
    lost: int
    unread: int


class Read(BaseModel):
    """What a file says of itself: its columns, its first rows to try a mapping on, and a mapping to begin with."""

    columns: list[str]
    examples: list[list[str]]
    details: dict[str, str]
    proposals: list[Proposal]


@router.post("/catalogs/{data_type}/propose")
async def proposed(call: Caller, data_type: str, sampled: Sampled, instance: Instance = PRODUCTION) -> list[Proposal]:
    """A row for each field that the file seems to hold, with its reason and how sure it is. Nothing is saved."""
    await call.may(Deed.MAP_IMPORT, data_type=data_type, subject="propose mapping")
    return propose(found_catalog(data_type), sampled.columns, sampled.samples, await call.field_codes(instance))


@router.post("/catalogs/{data_type}/read-file")
async def read_file(request: Request, call: Caller, data_type: str, instance: Instance = PRODUCTION) -> Read:
    """The same from the file itself (form field `file`), which is read and not kept."""
    await call.may(Deed.MAP_IMPORT, data_type=data_type, subject="propose mapping")
    about = found_catalog(data_type)
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise BadInput(*said("upload.no_file"))
        columns, rows, details = await _head(call, file, data_type)
    proposals = propose(about, columns, rows, await call.field_codes(instance))
    return Read(columns=columns, examples=rows[:SHOWN], details=details, proposals=proposals)


@router.post(MAPPINGS + "/read")
async def read_source(call: Caller, id: str, data_type: str) -> Read:
    """The same from the SIS of the connection, which is asked now."""
    connection = await call.found(Deed.MAP_IMPORT, call.connection, id, data_type=data_type)
    about = found_catalog(data_type)
    source = await call.gateway.base.ends.pulled(connection, data_type)
    async with source:
        rows = await _samples(source)
        columns, details = list(source.info.columns), dict(source.info.details)
    proposals = propose(about, columns, rows, await call.field_codes(connection.instance))
    return Read(columns=columns, examples=rows[:SHOWN], details=details, proposals=proposals)


@router.post(MAPPINGS + "/differences")
async def changed(call: Caller, id: str, data_type: str, header: Header) -> Differences:
    """Which columns the saved mapping reads and the file does not have, and which new one each may have become."""
    await call.found(Deed.MAP_IMPORT, call.connection, id, data_type=data_type)
    found_catalog(data_type)
    return differences(await call.org.mappings.latest(id, data_type, header.name), header.columns)


@router.post(MAPPINGS + "/match")
async def matched(call: Caller, id: str, data_type: str, header: Header) -> list[Fitting]:
    """The mappings of the connection beside this header, the ones that fit first: a renamed file keeps its mapping."""
    await call.found(Deed.MAP_IMPORT, call.connection, id, data_type=data_type)
    found_catalog(data_type)
    newest = {one.name: one for one in reversed(await call.org.mappings.versions(id, data_type))}
    found = [_fitting(one, header.columns) for one in newest.values()]
    return sorted(found, key=lambda one: (not one.fits, one.lost, one.unread, one.name))


def _fitting(mapping: Mapping, columns: list[str]) -> Fitting:
    found = differences(mapping, columns)
    lost, unread = len(found.lost), len(found.unread)
    return Fitting(name=mapping.name, version=mapping.version, fits=found.same, lost=lost, unread=unread)


async def _head(call: Call, file: UploadFile, data_type: str) -> tuple[list[str], list[list[str]], dict[str, str]]:
    settings = call.gateway.base.settings

    async def chunks() -> AsyncIterator[bytes]:
        while chunk := await file.read(CHUNK):
            yield chunk

    name, limit = file.filename or "file.csv", settings.max_cell_chars
    source = UploadSource(name, chunks, settings.spool_dir, max_cell_chars=limit, data_type=data_type)
    async with source:
        rows = await _samples(source)
        return list(source.info.columns), rows, dict(source.info.details)


async def _samples(source: Source) -> list[list[str]]:
    rows: list[list[str]] = []
    async for batch in source.batches():
        rows += [values for _, values in batch.rows]
        if len(rows) >= MAX_SAMPLES:
            break
    return rows[:MAX_SAMPLES]
