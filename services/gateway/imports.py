"""Starting an import: from an uploaded file, or from the connection's SFTP folder."""

import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.datastructures import UploadFile

from services.gateway.context import Call, Caller
from shared.engine.requests import RunRequest, request_run
from shared.model.connection import Connection, Kind
from shared.model.errors import BadInput, BadSettings
from shared.model.permission import Deed
from shared.model.run import Run, SourceSpec, Trigger

router = APIRouter(prefix="/api/v1/connections/{id}/imports/{data_type}", tags=["imports"])

Year = Annotated[int, Query(ge=2000, le=2100, description="The school year the records belong to.")]
Preview = Annotated[bool, Query(description="Compare only; apply after approval.")]
Roster = Annotated[
    Literal["full", "some"] | None,
    Query(description="Does the file hold everyone, or some? Unset: as the connection says."),
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


@router.post("", status_code=202, openapi_extra=FORM)
async def upload(
    request: Request,
    call: Caller,
    id: str,
    data_type: str,
    school_year: Year,
    preview: Preview = False,
    roster: Roster = None,
) -> Run:
    """Upload a CSV file (form field `file`) and start an import of it."""
    await call.may(Deed.IMPORT, data_type=data_type, school_year=school_year, subject=id)
    connection = await call.connection(id)
    await call.org.mappings.latest(id, data_type)
    async with request.form(max_files=1, max_fields=10) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise BadInput("upload.no_file", "No file was sent.", "Send it as the form field `file`.")
        source = await _store(call, file)
    return await _start(call, connection, data_type, school_year, source, preview, roster)


@router.post("/pull", status_code=202)
async def pull(
    call: Caller,
    id: str,
    data_type: str,
    school_year: Year,
    preview: Preview = False,
    roster: Roster = None,
) -> Run:
    """Import the newest file of the connection's SFTP folder now."""
    await call.may(Deed.IMPORT, data_type=data_type, school_year=school_year, subject=id)
    connection = await call.connection(id)
    if connection.kind is not Kind.SFTP:
        raise BadSettings("import.needs_file", "This connection has no folder to pull from.", "Upload a file instead.")
    return await _start(call, connection, data_type, school_year, SourceSpec(kind="sftp"), preview, roster)


async def _store(call: Call, file: UploadFile) -> SourceSpec:
    digest = hashlib.sha256()

    async def chunks() -> AsyncIterator[bytes]:
        while chunk := await file.read(CHUNK):
            digest.update(chunk)
            yield chunk

    stored = await call.org.artifacts.put_stream("upload", chunks())
    name = (file.filename or "upload.csv").replace("\\", "/").rpartition("/")[2][:255]
    return SourceSpec(kind="upload", upload=stored, name=name, sha256=digest.hexdigest())


async def _start(
    call: Call,
    connection: Connection,
    data_type: str,
    school_year: int,
    source: SourceSpec,
    preview: bool,
    roster: Any,
) -> Run:
    request = RunRequest(
        connection=connection,
        data_type=data_type,
        school_year=school_year,
        trigger=Trigger(kind="person", by=call.who.user),
        source=source,
        lane="interactive",
        preview=preview,
        roster=roster,
    )
    return await request_run(call.gateway.base.engine, request)
