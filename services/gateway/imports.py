"""Starting an import: from an uploaded file, or from the connection's SFTP folder or SIS."""

import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Literal, NamedTuple

from fastapi import APIRouter, Query, Request
from starlette.datastructures import UploadFile

from services.gateway.context import Call, Caller
from services.gateway.mappings import found_catalog
from shared.engine.requests import RunRequest, request_run
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import BadInput, BadSettings
from shared.model.permission import Deed
from shared.model.run import Run, SourceSpec, Trigger

router = APIRouter(prefix="/api/v1/connections/{id}/imports/{data_type}", tags=["imports"])

Year = Annotated[int, Query(ge=2000, le=2100, description="The school year the records belong to.")]
Preview = Annotated[bool, Query(description="Compare only; apply after approval.")]
Afresh = Annotated[
    bool,
    Query(description="Compare with Enroll also what has not changed since it was sent. Takes longer."),
]
Roster = Annotated[
    Literal["full", "some"] | None,
    Query(description="Does the file hold everyone, or some? Unset: as the connection says."),
]
MappingName = Annotated[str, Query(max_length=100, description="The name of the mapping; its newest version is used.")]
Changes = Annotated[
    bool,
    Query(description="Of a SIS only what has changed since the last pull that succeeded; all the first time."),
]
CHUNK = 1024 * 1024
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}


class _Asked(NamedTuple):
    data_type: str
    school_year: int
    preview: bool
    roster: Literal["full", "some"] | None
    mapping: str
    afresh: bool


@router.post("", status_code=202, openapi_extra=FORM)
async def upload(
    request: Request,
    call: Caller,
    id: str,
    data_type: str,
    school_year: Year,
    preview: Preview = False,
    roster: Roster = None,
    mapping: MappingName = "default",
    afresh: Afresh = False,
) -> Run:
    """Upload a CSV file (form field `file`) and start an import of it."""
    connection = await _connection(call, id, data_type, school_year)
    await call.org.mappings.latest(id, data_type, mapping)
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise BadInput(*said("upload.no_file"))
        source = await _store(call, file)
    asked = _Asked(data_type, school_year, preview, roster, mapping, afresh)
    return await _start(call, connection, source, asked)


@router.post("/pull", status_code=202)
async def pull(
    call: Caller,
    id: str,
    data_type: str,
    school_year: Year,
    preview: Preview = False,
    roster: Roster = None,
    mapping: MappingName = "default",
    changes: Changes = False,
    afresh: Afresh = False,
) -> Run:
    """Import now: the newest file of the connection's SFTP folder, or what its SIS answers."""
    connection = await _connection(call, id, data_type, school_year)
    if connection.pulls_from is None:
        raise BadSettings(*said("import.needs_file"))
    if changes and connection.pulls_from != "api":
        raise BadSettings(*said("import.no_changes"))
    asked = _Asked(data_type, school_year, preview, "some" if changes else roster, mapping, afresh)
    return await _start(call, connection, SourceSpec(kind=connection.pulls_from, changes=changes), asked)


async def _connection(call: Call, id: str, data_type: str, school_year: int) -> Connection:
    """Raises Refused where the person may not import this now, NotFound where there is no such data type."""
    connection = await call.connection(id)
    instance = connection.instance
    await call.may(Deed.IMPORT, data_type=data_type, school_year=school_year, instance=instance, subject=id)
    found_catalog(data_type)
    return connection


async def _store(call: Call, file: UploadFile) -> SourceSpec:
    digest = hashlib.sha256()

    async def chunks() -> AsyncIterator[bytes]:
        while chunk := await file.read(CHUNK):
            digest.update(chunk)
            yield chunk

    stored = await call.org.artifacts.put_stream("upload", chunks())
    name = (file.filename or "upload.csv").replace("\\", "/").rpartition("/")[2][:255]
    return SourceSpec(kind="upload", upload=stored, name=name, sha256=digest.hexdigest())


async def _start(call: Call, connection: Connection, source: SourceSpec, asked: _Asked) -> Run:
    request = RunRequest(
        connection=connection,
        data_type=asked.data_type,
        school_year=asked.school_year,
        trigger=Trigger(kind="person", by=call.who.user),
        source=source,
        lane="interactive",
        preview=asked.preview,
        roster=asked.roster,
        mapping=asked.mapping,
        afresh=asked.afresh,
    )
    return await request_run(call.gateway.base.engine, request)
