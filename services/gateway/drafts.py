"""Mappings that are not saved yet: kept for the person who makes them, looked at, and saved as a version."""

from datetime import datetime, timedelta
from typing import Annotated, Literal, TypeAlias

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

from services.gateway import exports, mappings
from services.gateway.context import Call, Caller
from services.gateway.etags import GUARDED, TAGGED, IfMatch, etag, expect
from services.gateway.mappings import found_catalog
from shared.adapters.registrations import RegistrationSource
from shared.contracts.topology import Direction
from shared.mapping.drafting import Known, Looked, look_at_fields, look_at_files, sound_fields, sound_files
from shared.mapping.merging import take_over
from shared.mapping.versions import RowChange, compare
from shared.model.catalog import Catalog
from shared.model.connection import Connection
from shared.model.draft import Draft, Examples
from shared.model.error_texts import said
from shared.model.errors import BadMapping, NotFound, Outdated
from shared.model.export_file import ExportMapping
from shared.model.mapping import Mapping
from shared.model.moment import Moment
from shared.model.permission import Deed
from shared.store.mappings import ExportMappings, Mappings, SisMappings

router = APIRouter(prefix="/api/v1", tags=["drafts"])

DRAFTS = "/connections/{id}/drafts/{direction}/{data_type}"
Saved: TypeAlias = Mapping | ExportMapping
DEFAULT = "default"
Version = Annotated[int, Query(ge=1, description="The version that was looked at.")]


class Desk(BaseModel):
    """What lies before a person: the draft, what it is tried on, and the newest version there is. `kept`: it is theirs,
    and not just what was saved last."""

    model_config = ConfigDict(frozen=True)

    draft: Draft
    examples: Examples
    kept: bool
    latest: int
    latest_by: str = ""
    latest_at: datetime | None = None


class Newer(BaseModel):
    """What was saved since a draft was begun: the difference from its `base` to the `latest` version, row by row.

    `both` are places of rows that the draft has changed as well, in another way.
    """

    model_config = ConfigDict(frozen=True)

    base: int
    latest: int
    latest_by: str
    latest_at: datetime | None
    changes: list[RowChange]
    both: list[str]


class Whose(BaseModel):
    """Which mapping of a connection."""

    model_config = ConfigDict(frozen=True)

    connection: Connection
    direction: Direction
    data_type: str
    name: str = DEFAULT

    @property
    def draft_key(self) -> str:
        return f"{self.direction}/{self.data_type}/draft/{self.name}"

    @property
    def examples_key(self) -> str:
        return f"{self.direction}/{self.data_type}/examples"

    @property
    def is_files(self) -> bool:
        """Whether it is files that are exported, and not fields that are filled."""
        return self.direction == "export" and not self.connection.writes_to_sis

    @property
    def catalog(self) -> Catalog:
        """The fields that are filled; of an export of files, those that it may carry."""
        if self.direction == "import":
            return found_catalog(self.data_type)
        return exports.exported_catalog(self.data_type) if self.is_files else self.connection.export_catalog


@router.get(DRAFTS, responses=TAGGED)
async def given(
    call: Caller, answer: Response, id: str, direction: Direction, data_type: str, name: str = DEFAULT
) -> Desk:
    """The draft of whoever asks, or the newest version to begin with, and the examples. The ETag is of the draft."""
    desk = await show(call, id, direction, data_type, name)
    answer.headers["ETag"] = _etag(desk.draft)
    return desk


async def show(call: Call, id: str, direction: Direction, data_type: str, name: str = DEFAULT) -> Desk:
    whose = await found(call, id, direction, data_type, name)
    newest = await newest_of(call, whose)
    kept = await call.org.drafts.get(call.who.user, id, whose.draft_key, Draft)
    examples = await call.org.drafts.get(call.who.user, id, whose.examples_key, Examples)
    return Desk(
        draft=kept or begun(newest),
        examples=examples or Examples(school_year=await call.school_year(whose.connection.instance)),
        kept=kept is not None,
        latest=newest.version if newest else 0,
        latest_by=newest.created_by if newest else "",
        latest_at=newest.created_at if newest else None,
    )


@router.put(DRAFTS, status_code=204, responses=GUARDED)
async def keep(
    call: Caller,
    id: str,
    direction: Direction,
    data_type: str,
    draft: Draft,
    name: str = DEFAULT,
    if_match: IfMatch = None,
) -> None:
    """Keep it as it is, finished or not. It goes away by itself (SYNC_DRAFT_HOURS).

    With If-Match only over the draft of that ETag. Raises Outdated.
    """
    whose = await found(call, id, direction, data_type, name)
    key, hours = (call.who.user, id, whose.draft_key), _hours(call, "draft")
    if if_match is None:
        await call.org.drafts.put(*key, draft, hours)
        return
    kept = await call.org.drafts.get(*key, Draft)
    expect(if_match, _etag(kept or begun(await newest_of(call, whose))))
    if not await call.org.drafts.replace(*key, kept, draft, hours):
        raise Outdated(*said("etag.outdated"))


@router.delete(DRAFTS, status_code=204)
async def drop(call: Caller, id: str, direction: Direction, data_type: str, name: str = DEFAULT) -> None:
    """Throw it away. What was saved stays."""
    whose = await found(call, id, direction, data_type, name)
    await call.org.drafts.drop(call.who.user, id, whose.draft_key)


@router.put(DRAFTS + "/examples", status_code=204)
async def keep_examples(call: Caller, id: str, direction: Direction, data_type: str, examples: Examples) -> None:
    """Keep what the mapping is tried on, for this person alone and not for long (SYNC_EXAMPLE_HOURS)."""
    whose = await found(call, id, direction, data_type)
    await call.org.drafts.put(call.who.user, id, whose.examples_key, examples, _hours(call, "example"))


@router.post(DRAFTS + "/look")
async def look(
    call: Caller, id: str, direction: Direction, data_type: str, draft: Draft, name: str = DEFAULT
) -> Looked:
    """Everything wrong with a draft, by its place, and the Mapped Value of what can be shown for the examples."""
    whose = await found(call, id, direction, data_type, name)
    examples = await call.org.drafts.get(call.who.user, id, whose.examples_key, Examples)
    return await looked_at(
        call, whose, draft, examples or Examples(school_year=await call.school_year(whose.connection.instance))
    )


@router.post(DRAFTS + "/save", status_code=201)
async def save(
    call: Caller, id: str, direction: Direction, data_type: str, name: str = DEFAULT
) -> Mapping | ExportMapping:
    """The draft becomes the next version, and is a draft no more.

    Raises BadMapping, or Conflict where somebody has saved a version since it was begun, and then it stays a draft.
    """
    whose = await found(call, id, direction, data_type, name)
    kept = await call.org.drafts.get(call.who.user, id, whose.draft_key, Draft)
    if kept is None and (newest := await newest_of(call, whose)):
        raise BadMapping(*said("draft.unchanged", version=newest.version))
    if kept is None or not (kept.fields or kept.files):
        raise BadMapping(*(said("draft.no_files") if whose.is_files else said("draft.nothing")))
    looked = await looked_at(call, whose, kept, None)
    wrong = [one for one in looked.problems if one.blocks]
    if wrong:
        told = "; ".join(f"{one.place}: {one.message}" if one.place else one.message for one in wrong)
        raise BadMapping(*said("mapping.invalid", problems=told[:4000]))
    made: Saved
    if whose.is_files:
        made = await exports.save(call, id, data_type, sound_files(kept.files, name), kept.base)
    elif direction == "export":
        made = await exports.save(call, id, data_type, sound_fields(kept.fields, name), kept.base)
    else:
        made = await mappings.save(call, id, data_type, sound_fields(kept.fields, name), kept.base)
    await call.org.drafts.drop(call.who.user, id, whose.draft_key)
    return made


@router.get(DRAFTS + "/newer")
async def newer(call: Caller, id: str, direction: Direction, data_type: str, name: str = DEFAULT) -> Newer:
    """What others have saved since the draft was begun; nothing where its base is the newest version."""
    whose = await found(call, id, direction, data_type, name)
    desk = await show(call, id, direction, data_type, name)
    base = await beginning(call, whose, desk.draft.base)
    theirs = await beginning(call, whose, desk.latest)
    return Newer(
        base=desk.draft.base,
        latest=desk.latest,
        latest_by=desk.latest_by,
        latest_at=desk.latest_at,
        changes=compare(base, theirs),
        both=sorted(take_over(base, desk.draft, theirs).both),
    )


@router.post(DRAFTS + "/take-over")
async def taken_over(
    call: Caller, id: str, direction: Direction, data_type: str, version: Version, name: str = DEFAULT
) -> Draft:
    """The draft with what was changed from its base to this version, which is its base from now on. A row that both
    have changed stays as the draft has it. Nothing is saved yet."""
    whose = await found(call, id, direction, data_type, name)
    kept = await call.org.drafts.get(call.who.user, id, whose.draft_key, Draft)
    theirs = await beginning(call, whose, version)
    if kept is None or theirs.base != version:
        raise NotFound(*said("mapping.not_found"))
    made = take_over(await beginning(call, whose, kept.base), kept, theirs).draft
    await call.org.drafts.put(call.who.user, id, whose.draft_key, made, _hours(call, "draft"))
    return made


async def found(call: Call, id: str, direction: Direction, data_type: str, name: str = DEFAULT) -> Whose:
    """Raises Refused, NotFound. A draft changes nothing and is written with every letter typed: only a refusal of it
    is audited."""
    deed = Deed.MAP_IMPORT if direction == "import" else Deed.MAP_EXPORT
    if await call.gateway.gate.why_not(call.who, deed, data_type=data_type) is not None:
        await call.may(deed, data_type=data_type, subject=id)
    connection = await call.connection(id)
    if direction == "export":
        exports.exported_catalog(data_type)
        if connection.pulls_from == "api" and not connection.writes_to_sis:
            raise NotFound(*said("sis.read_only"))
    else:
        found_catalog(data_type)
    return Whose(connection=connection, direction=direction, data_type=data_type, name=name[:100] or DEFAULT)


async def saved(call: Call, whose: Whose) -> list[Saved]:
    """Every version of every name, newest first."""
    return list(await _kept(call, whose).versions(whose.connection.id, whose.data_type))


async def newest_of(call: Call, whose: Whose) -> Saved | None:
    return await _kept(call, whose).newest(whose.connection.id, whose.data_type, whose.name)


async def beginning(call: Call, whose: Whose, version: int) -> Draft:
    """What a draft begins with that begins from this version; an empty one where there is no such version."""
    return begun(await _kept(call, whose).numbered(whose.connection.id, whose.data_type, whose.name, version))


def _kept(call: Call, whose: Whose) -> Mappings | SisMappings | ExportMappings:
    if whose.direction == "import":
        return call.org.mappings
    return call.org.export_mappings if whose.is_files else call.org.sis_mappings


async def tables(call: Call, whose: Whose) -> list[str]:
    """The names of the code tables that a row may use."""
    return [one.name for one in await call.org.code_tables.all(whose.connection.id)]


def begun(version: Saved | None) -> Draft:
    """A draft that says what a version says; an empty one where there is none."""
    if version is None:
        return Draft()
    raw = version.model_dump(mode="json", by_alias=True, include={"fields", "files"}, exclude_defaults=False)
    return Draft(base=version.version, **raw)


async def looked_at(call: Call, whose: Whose, draft: Draft, examples: Examples | None) -> Looked:
    """Without examples no registration is asked for, and no column is missing."""
    now, year = (
        whose.connection.clock(),
        examples.school_year if examples else await call.school_year(whose.connection.instance),
    )
    tables = {one.name: one for one in await call.org.code_tables.all(whose.connection.id)}
    columns, rows = await _tried_on(call, whose, examples)
    known = Known(
        whose.catalog,
        columns,
        rows,
        Moment(now.date(), year),
        tables,
        await call.field_codes(whose.connection.instance) if whose.direction == "import" else {},
        whose.direction,
    )
    if whose.is_files:
        return look_at_files(draft.files, known, now)
    return look_at_fields(draft.fields, known)


async def _tried_on(call: Call, whose: Whose, examples: Examples | None) -> tuple[list[str], list[list[str]]]:
    """The columns and the rows; of an export those of the registrations, which Enroll is asked for now."""
    if whose.direction == "import":
        if examples is None or not examples.columns:
            return [], []
        width = len(examples.columns)
        return examples.columns, [[*row[:width], *[""] * (width - len(row))] for row in examples.rows]
    columns = list(exports.exported_catalog(whose.data_type).fields)
    wanted = examples.students if examples else []
    if not wanted or await call.gateway.gate.why_not(call.who, Deed.VIEW_EXPORT) is not None:
        return columns, []
    http = call.gateway.base.enroll.client(whose.connection.instance)
    source = RegistrationSource(http, call.who.org, examples.school_year if examples else 0)
    registrations = await source.of(wanted)
    return columns, [registrations[one] for one in wanted if one in registrations]


def _etag(draft: Draft) -> str:
    return etag(draft.model_dump(mode="json"))


def _hours(call: Call, what: Literal["draft", "example"]) -> timedelta:
    settings = call.gateway.base.settings
    return timedelta(hours=settings.draft_hours if what == "draft" else settings.example_hours)
