"""Versions of a mapping: the difference between two, an old one brought back, and the way out and in as JSON."""

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.gateway import drafts, exports, mappings
from services.gateway.drafts import Saved, begun
from services.gateway.pages.filters import Typed, named
from services.gateway.pages.mapping.difference import change
from services.gateway.pages.mapping.fields import HOME
from services.gateway.pages.mapping.screen import Screen, screen
from services.gateway.pages.site import HEADERS
from services.gateway.pages.visits import Visited
from shared.contracts.topology import Direction
from shared.mapping.versions import RowChange
from shared.model.draft import Draft
from shared.model.error_texts import said
from shared.model.errors import BadInput, Conflict, NotFound, Permanent
from shared.model.export_file import ExportDraft
from shared.model.mapping import MappingDraft
from shared.model.saved import newest

router = APIRouter(include_in_schema=False, dependencies=[Depends(named)])

LARGEST = 2 * 1024 * 1024


@router.get(HOME + "/versions")
async def show(
    visit: Visited, id: str, direction: Direction, data_type: str, before: Typed = "", after: Typed = ""
) -> Response:
    return await _shown(await screen(visit, id, direction, data_type), before, after)


@router.post(HOME + "/versions/restore", summary="Restore a version of a mapping")
async def restore(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """The old version once more, as the next one, where what was the newest on the page still is. Nothing is taken
    away."""
    one, form = await screen(visit, id, direction, data_type), await visit.fields()
    every = await drafts.saved(visit.call, one.whose)
    old = next((each for each in every if each.id == form.get("version")), None)
    if old is None:
        raise NotFound(*said("mapping.not_found"))
    seen = next((each for each in every if each.id == form.get(f"newest/{old.name}")), None)
    if seen == old:
        return one.then("versions", "newest")
    base = seen.version if seen else 0
    try:
        if isinstance(old, MappingDraft):
            draft = MappingDraft(name=old.name, fields=old.fields)
            await (mappings if direction == "import" else exports).save(visit.call, id, data_type, draft, base)
        else:
            await exports.save(visit.call, id, data_type, ExportDraft(name=old.name, files=old.files), base)
    except Conflict:
        return await _shown(one, *_since(await drafts.saved(visit.call, one.whose), old, seen), old)
    except Permanent as error:
        one.wrong = error
        return await _shown(one, "", "")
    return one.then("versions", "restored")


def _since(every: Sequence[Saved], old: Saved, seen: Saved | None) -> tuple[str, str]:
    """The ids of what was the newest version and of what is it now."""
    now = next(each for each in every if each.name == old.name)
    return seen.id if seen else old.id, now.id


@router.get(HOME + "/versions/{version}.json")
async def give(visit: Visited, id: str, direction: Direction, data_type: str, version: str) -> Response:
    """One version as a file."""
    await screen(visit, id, direction, data_type)
    given = await (mappings if direction == "import" else exports).give(visit.call, id, data_type, version)
    name = {"Content-Disposition": f'attachment; filename="mapping-{data_type}.json"'}
    content = orjson.dumps(given.model_dump(mode="json", by_alias=True), option=orjson.OPT_INDENT_2)
    return Response(content, media_type="application/json", headers={**HEADERS, **name})


@router.post(HOME + "/versions/import", summary="Take up a mapping from a file")
async def take(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """A file becomes the draft, to be looked at and saved."""
    one, form = await screen(visit, id, direction, data_type), await visit.form()
    file = form.get("file")
    try:
        if not isinstance(file, UploadFile) or not file.filename:
            raise BadInput(*said("upload.no_file"))
        draft = _read(await file.read(LARGEST + 1), one)
    except Permanent as error:
        one.wrong = error
        return await _shown(one, "", "")
    await one.keep(draft)
    return one.then("fields", "accepted")


def _read(content: bytes, one: Screen) -> Draft:
    """Raises BadInput where it is no mapping of this kind."""
    try:
        raw = orjson.loads(content)
        shape = mappings.MappingFile if one.whose.direction == "import" else exports.ExportFileDocument
        document = shape.model_validate(raw)
        fits = document.data_type == one.whose.data_type
        files = isinstance(document.mapping, ExportDraft)
    except (orjson.JSONDecodeError, ValidationError):
        raise BadInput(*said("draft.no_file")) from None
    if not fits or files != one.whose.is_files or len(content) > LARGEST:
        raise BadInput(*said("draft.no_file"))
    rows = document.mapping.model_dump(mode="json", by_alias=True, include={"fields", "files"})
    return Draft(base=one.desk.latest, **rows)


async def _shown(one: Screen, before: str, after: str, restoring: Saved | None = None) -> Response:
    """With `restoring`, a version that is not restored yet because there is a newer one: the difference is what that
    has changed."""
    found = await drafts.saved(one.visit.call, one.whose)
    about: dict[str, Any] = {"versions": found, "before": before, "after": after}
    about |= {"names": sorted({each.name for each in found}), "changes": None, "size": _size}
    about |= {"newest": newest(found), "restoring": restoring}
    if before and after:
        about["changes"] = [change(each, one.names) for each in await _compared(one, before, after)]
    return await one.page("versions.html", "versions", status=409 if restoring else 0, **about)


async def _compared(one: Screen, before: str, after: str) -> Sequence[RowChange]:
    call, whose = one.visit.call, one.whose
    how = mappings.compared if whose.direction == "import" else exports.compared
    return await how(call, whose.connection.id, whose.data_type, before, after)


def _size(one: Saved) -> int:
    draft = begun(one)
    return len(draft.fields) or sum(len(file["columns"]) for file in draft.files)
