"""Exports: which files, or fields of a SIS, are made of approved registrations; tried out, started, fetched."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

from services.gateway.bodies import FIELDS_DRAFT, FILES_DRAFT
from services.gateway.context import Base, Call, Caller
from services.gateway.schools import compared as schools_compared
from shared.adapters.registrations import EXAMPLES, Listed, RegistrationSource
from shared.engine.requests import RunRequest, request_run
from shared.mapping.automap import Proposal
from shared.mapping.code_tables import table_names, with_tables
from shared.mapping.export_preview import PreviewedFile, preview_export
from shared.mapping.export_rows import compile_export
from shared.mapping.export_suggestions import Tried, propose_export
from shared.mapping.preview import Preview as PreviewedFields
from shared.mapping.preview import preview_mapping
from shared.mapping.registrations import check_registrations, doubtful, with_references
from shared.mapping.versions import RowChange, compare
from shared.model.catalog import Catalog, export_catalog
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import BadInput, BadMapping, BadSettings, NotFound
from shared.model.export_file import ExportDraft, ExportMapping
from shared.model.mapping import Mapping, MappingDraft
from shared.model.moment import Moment
from shared.model.permission import Deed
from shared.model.run import Run, Selection, SourceSpec, Trigger
from shared.model.school_code import SchoolCode

router = APIRouter(prefix="/api/v1", tags=["exports"])

EXPORTS = "/connections/{id}/exports/{data_type}"
Year = Annotated[int, Query(ge=2000, le=2100, description="The school year of the registrations.")]
Preview = Annotated[bool, Query(description="Compare only; write the files after approval.")]
Student = Annotated[
    str, Query(max_length=100, description="Only this student's registration, by Enroll's id or the district's.")
]
Schools = Annotated[
    Sequence[Annotated[SchoolCode, StringConstraints(strip_whitespace=True)]],
    Query(max_length=200, description="Only registrations at these school codes."),
]
Pending = Annotated[
    bool, Query(description="Only registrations that are not exported yet, or Failed, or are a Partial Sync.")
]
Afresh = Annotated[
    bool,
    Query(
        description="Compare with the SIS also what has not changed since it was sent, as it is always done with one "
        "student and with a test record. Files hold everyone in any case."
    ),
]
Test = Annotated[bool, Query(description="A test record: one registration, the student's or the first there is.")]
MappingName = Annotated[str, Query(max_length=100, description="The name of the mapping; its newest version is used.")]
Name = Annotated[str | None, Query(max_length=100, description="Only the versions of the mapping with this name.")]


def _kind_of_draft(draft: Any) -> str:
    has_fields = "fields" in draft if isinstance(draft, dict) else hasattr(draft, "fields")
    return FIELDS_DRAFT if has_fields else FILES_DRAFT


Draft = Annotated[
    Annotated[ExportDraft, Tag(FILES_DRAFT)] | Annotated[MappingDraft, Tag(FIELDS_DRAFT)], Discriminator(_kind_of_draft)
]
"""`files` for a CSV or SFTP connection, `fields` for the API of a SIS."""


class Registrations(BaseModel):
    """A mapping to try out on the registrations of up to five students, by Enroll's id or the district's."""

    model_config = ConfigDict(extra="forbid")

    mapping: Draft
    school_year: int = Field(ge=2000, le=2100)
    students: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(default=[], max_length=EXAMPLES)


class Proposing(BaseModel):
    """What proposals are checked by: the registrations of up to five students. `mapped` are fields of the SIS for which
    none is asked."""

    model_config = ConfigDict(extra="forbid")

    school_year: int = Field(default=2000, ge=2000, le=2100)
    students: list[Annotated[str, Field(min_length=1, max_length=100)]] = Field(default=[], max_length=EXAMPLES)
    mapped: list[Annotated[str, Field(max_length=100)]] = Field(default=[], max_length=1000)


class Search(BaseModel):
    """Some letters of a student's name, or an id: of the registration, of the student in Enroll, of the district."""

    model_config = ConfigDict(extra="forbid")

    search: str = Field(min_length=1, max_length=100, pattern=r"\S")
    school_year: int = Field(ge=2000, le=2100)


class TestRecord(BaseModel):
    """A student, by Enroll's id or the district's; blank: the first there is."""

    model_config = ConfigDict(extra="forbid")

    student: str = Field(default="", max_length=100)
    school_year: int = Field(ge=2000, le=2100)


class Previewed(BaseModel):
    """`unknown` are students without an approved registration for that year. `fields` are those of a SIS."""

    files: list[PreviewedFile] = []
    fields: PreviewedFields | None = None
    students: list[str]
    unknown: list[str]


class StartedExport(Run):
    """`schools_compared`: false where school codes were given and Enroll could not be asked whether it knows them."""

    schools_compared: bool = True


class ExportFileDocument(BaseModel):
    """An export mapping on its way from one connection to another."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["sync-service/export/1"] = "sync-service/export/1"
    data_type: str
    mapping: Draft


@router.get("/catalogs/{data_type}/export")
async def fields(call: Caller, data_type: str) -> Catalog:
    """The fields that an export file may carry."""
    await call.may(Deed.VIEW, subject=data_type)
    return exported_catalog(data_type)


@router.put(EXPORTS + "/mappings", status_code=201)
async def save(call: Caller, id: str, data_type: str, draft: Draft, base: Base = None) -> ExportMapping | Mapping:
    """Save the files of an export, or the fields of a SIS, as the next version. Problems name the column or row."""
    await call.found(Deed.MAP_EXPORT, call.connection, id)
    return await _save(call, id, data_type, draft, base)


@router.post(EXPORTS + "/mappings/import", status_code=201)
async def take(
    call: Caller, id: str, data_type: str, file: ExportFileDocument, base: Base = None
) -> ExportMapping | Mapping:
    """Save an export mapping that came as JSON, from this connection or another, as the next version."""
    await call.found(Deed.MAP_EXPORT, call.connection, id)
    if file.data_type != data_type:
        raise BadMapping(*said("mapping.other_data_type", what=file.data_type[:50], data_type=data_type))
    return await _save(call, id, data_type, file.mapping, base)


@router.get(EXPORTS + "/mappings")
async def versions(call: Caller, id: str, data_type: str, name: Name = None) -> list[ExportMapping] | list[Mapping]:
    """All versions, newest first."""
    is_sis = (await call.found(Deed.MAP_EXPORT, call.connection, id)).pulls_from == "api"
    exported_catalog(data_type)
    if is_sis:
        mapped = await call.org.sis_mappings.versions(id, data_type)
        return [one for one in mapped if name is None or one.name == name]
    found = await call.org.export_mappings.versions(id, data_type)
    return [one for one in found if name is None or one.name == name]


@router.get(EXPORTS + "/mappings/compare")
async def compared(call: Caller, id: str, data_type: str, before: str, after: str) -> list[RowChange]:
    """What differs between two versions, row by row."""
    await call.found(Deed.MAP_EXPORT, call.connection, id)
    return compare(*[await _version(call, id, data_type, one) for one in (before, after)])


@router.post(EXPORTS + "/mappings/propose")
async def proposed(call: Caller, id: str, data_type: str, asked: Proposing | None = None) -> list[Proposal]:
    """Rows for fields of the SIS that are called like fields of Enroll, and take what these hold. Nothing is applied.

    Fields that go together are proposed together or not at all.
    """
    asked = asked or Proposing()
    connection = await call.found(Deed.MAP_EXPORT, call.connection, id)
    if asked.students:
        await call.may(Deed.VIEW_EXPORT, subject=id)
    exported_catalog(data_type)
    about = _writable(connection)
    found = await _registrations(call, connection, asked.school_year, asked.students)
    tables = await call.org.code_tables.all(id)
    tried = Tried(list(found.values()), await call.field_codes(connection.instance), tables)
    return propose_export(about, tried, set(asked.mapped))


@router.get(EXPORTS + "/mappings/{mapping}/export")
async def give(call: Caller, id: str, data_type: str, mapping: str) -> ExportFileDocument:
    """One version as a JSON document, for the other end of `import`."""
    await call.found(Deed.MAP_EXPORT, call.connection, id)
    found = await _version(call, id, data_type, mapping)
    if isinstance(found, Mapping):
        return ExportFileDocument(data_type=data_type, mapping=MappingDraft(name=found.name, fields=found.fields))
    return ExportFileDocument(data_type=data_type, mapping=ExportDraft(name=found.name, files=found.files))


@router.get(EXPORTS + "/fields")
async def sis_fields(call: Caller, id: str, data_type: str) -> Catalog:
    """The fields of the connection's SIS that an export may fill, custom ones among them."""
    connection = await call.found(Deed.MAP_EXPORT, call.connection, id)
    exported_catalog(data_type)
    return _writable(connection)


@router.post(EXPORTS + "/mappings/preview")
async def preview(call: Caller, id: str, data_type: str, asked: Registrations) -> Previewed:
    """The Mapped Value of each column for the registrations of up to five students. Nothing of it is kept."""
    connection = await call.found(Deed.VIEW_EXPORT, call.connection, id)
    columns = tuple(exported_catalog(data_type).fields)
    draft = await _with_tables(call, id, _fitting(connection, asked.mapping))
    found = await _registrations(call, connection, asked.school_year, asked.students)
    known = [one for one in asked.students if one in found]
    now = connection.clock()
    moment = Moment(now.date(), asked.school_year)
    examples = [found[one] for one in known]
    shown = Previewed(students=known, unknown=[one for one in asked.students if one not in found])
    if isinstance(draft, MappingDraft):
        whole = with_references(draft)
        about = _writable(connection)
        mapped = preview_mapping(whole, about, columns, moment, examples)
        shown.fields = replace(mapped, problems=(*mapped.problems, *doubtful(draft, about)))
    else:
        names = draft.file_names(now, asked.school_year)
        shown.files = preview_export(draft, columns, moment, names, examples)
    return shown


@router.post(EXPORTS + "/registrations/search")
async def search(call: Caller, id: str, data_type: str, asked: Search) -> list[Listed]:
    """Approved registrations to try a mapping on: at most 25. What is searched for stays out of addresses and logs."""
    connection = await call.found(Deed.VIEW_EXPORT, call.connection, id)
    http = call.gateway.base.enroll.client(connection.instance)
    exported_catalog(data_type)
    return await RegistrationSource(http, call.who.org, asked.school_year).search(asked.search)


@router.post(EXPORTS + "/registrations/test")
async def test_record(call: Caller, id: str, data_type: str, asked: TestRecord) -> Listed:
    """Whose registration a test record would send, of the schools of the connection. Nothing is sent."""
    connection = await call.found(Deed.VIEW_EXPORT, call.connection, id)
    exported_catalog(data_type)
    selection = Selection(student=asked.student, schools=tuple(connection.schools), test=True)
    http = call.gateway.base.enroll.client(connection.instance)
    found = await RegistrationSource(http, call.who.org, asked.school_year, selection).first()
    if found is None:
        raise BadInput(*(said("export.nobody") if asked.student else said("export.nothing")))
    return found


@router.post(EXPORTS, status_code=202)
async def start(
    call: Caller,
    id: str,
    data_type: str,
    school_year: Year,
    preview: Preview = False,
    mapping: MappingName = "default",
    student: Student = "",
    school: Schools = (),
    pending: Pending = False,
    test: Test = False,
    afresh: Afresh = False,
) -> StartedExport:
    """Export now: to be downloaded from the run, into the SFTP folder, or into the SIS, as the connection is.

    School codes that Enroll does not know are refused.
    """
    connection = await call.connection(id)
    await may_start(call, connection)
    exported_catalog(data_type)
    selection = Selection(student=student, schools=tuple(school), pending=pending, test=test)
    if connection.pulls_from == "api":
        _writable(connection)
    elif not selection.everything:
        raise BadSettings(*said("export.whole_files"))
    asked = await schools_compared(call, connection.instance, selection.schools)
    request = RunRequest(
        connection=connection,
        direction="export",
        data_type=data_type,
        school_year=school_year,
        trigger=Trigger(kind="person", by=call.who.user),
        source=SourceSpec(kind="enroll"),
        lane="interactive",
        preview=preview,
        afresh=afresh or bool(student) or test,
        roster="some" if connection.pulls_from == "api" else "full",
        mapping=mapping,
        selection=selection,
    )
    run = await request_run(call.gateway.base.engine, request)
    return StartedExport(**dict(run), schools_compared=asked)


async def may_start(call: Call, connection: Connection) -> None:
    """Raises Refused."""
    await call.may(Deed.EXPORT, instance=connection.instance, subject=connection.id)


@router.get("/runs/{id}/files/{number}")
async def download(call: Caller, id: str, number: Annotated[int, Path(ge=1)]) -> StreamingResponse:
    """A file that the run has made, counted from 1 in the order of the mapping."""
    run = await call.found(Deed.VIEW_EXPORT, call.run, id, subject=f"file {number} of {id}")
    if number > len(run.files):
        raise NotFound(*said("export.file_not_found", count=len(run.files)))
    file = run.files[number - 1]
    content = call.org.artifacts.stream(file.artifact)
    first = await anext(content)

    async def body() -> AsyncIterator[bytes]:
        yield first
        async for chunk in content:
            yield chunk

    headers = {
        "Content-Disposition": attachment(file.name),
        "Content-Length": str(file.size),
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(body(), media_type="text/csv", headers=headers)


def attachment(name: str) -> str:
    """A Content-Disposition under a name of any characters, and for clients such as curl in plain ones (RFC 6266)."""
    plain = re.sub(r"[^\w .()-]", "_", name, flags=re.ASCII)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def _registrations(
    call: Call, connection: Connection, school_year: int, students: Sequence[str]
) -> dict[str, list[str]]:
    http = call.gateway.base.enroll.client(connection.instance)
    return await RegistrationSource(http, call.who.org, school_year).of(students)


async def _version(call: Call, id: str, data_type: str, mapping: str) -> ExportMapping | Mapping:
    is_sis = (await call.connection(id)).pulls_from == "api"
    exported_catalog(data_type)
    found = await (call.org.sis_mappings if is_sis else call.org.export_mappings).get(mapping)
    if (found.connection, found.data_type) != (id, data_type):
        raise NotFound(*said("mapping.not_found"))
    return found


async def _save(
    call: Call, id: str, data_type: str, draft: ExportDraft | MappingDraft, base: int | None
) -> ExportMapping | Mapping:
    connection = await call.connection(id)
    columns = tuple(exported_catalog(data_type).fields)
    draft = await _with_tables(call, id, _fitting(connection, draft))
    now = connection.clock()
    moment = Moment(now.date(), now.year)
    if isinstance(draft, MappingDraft):
        problems = check_registrations(draft, _writable(connection), moment)
        if problems:
            told = "; ".join(f"row {one.row}: {one.message}" if one.row else one.message for one in problems)
            raise BadMapping(*said("mapping.invalid", problems=told))
        return await call.org.sis_mappings.add(draft, id, data_type, call.who.user, base)
    draft.file_names(now, now.year)
    compile_export(draft, columns, moment)
    return await call.org.export_mappings.add(draft, id, data_type, call.who.user, base)


def _fitting(connection: Connection, draft: ExportDraft | MappingDraft) -> ExportDraft | MappingDraft:
    """Raises BadMapping where the connection needs the other kind."""
    if isinstance(draft, MappingDraft) != (connection.pulls_from == "api"):
        raise BadMapping(*said("export.other_form"))
    return draft


def _writable(connection: Connection) -> Catalog:
    """Raises BadSettings where the connection writes into no SIS."""
    if not connection.writes_to_sis:
        raise BadSettings(*said("sis.read_only"))
    return connection.export_catalog


async def _with_tables(call: Call, id: str, draft: ExportDraft | MappingDraft) -> ExportDraft | MappingDraft:
    if not table_names(draft):
        return draft
    return with_tables(draft, {one.name: one for one in await call.org.code_tables.all(id)}, "export")


def exported_catalog(data_type: str) -> Catalog:
    """The fields of a registration. Raises NotFound where nothing of the data type is exported."""
    try:
        return export_catalog(data_type)
    except BadMapping as error:
        raise NotFound(error.code, error.message, error.fix) from None
