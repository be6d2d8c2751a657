"""The page of one row: its Mapping Type with every option, however deep, and its Mapped Value."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.gateway import drafts
from services.gateway.pages.filters import named
from services.gateway.pages.mapping.fields import HOME, columns
from services.gateway.pages.mapping.rows import less, more, read_step, step_of
from services.gateway.pages.mapping.screen import Part, Screen, screen, whole
from services.gateway.pages.mapping.sections import slug
from services.gateway.pages.mapping.shapes import steps
from services.gateway.pages.mapping.stopped import stopped
from services.gateway.pages.mapping.widgets import step_choice, widgets
from services.gateway.pages.visits import Visited
from shared.contracts.topology import Direction
from shared.model.codes import Code
from shared.model.draft import Draft
from shared.model.error_texts import said
from shared.model.errors import Conflict
from shared.model.number import whole_number

router = APIRouter(include_in_schema=False, dependencies=[Depends(named)])

BLANKS: Final = (("keep", "Leave the field as it is"), ("clear", "Clear the field"))
UPDATES: Final = (("yes", "New and existing records"), ("no", "New records alone"))


@router.get(HOME + "/row")
async def show(visit: Visited, id: str, direction: Direction, data_type: str, place: str) -> Response:
    one = await screen(visit, id, direction, data_type)
    return await _shown(one, place, row_at(one.draft, place, is_files=one.whose.is_files))


@router.post(HOME + "/row", summary="Configure a field of a mapping")
async def step(visit: Visited, id: str, direction: Direction, data_type: str, place: str) -> Response:
    """What was typed is kept, whatever button it was."""
    one, form = await screen(visit, id, direction, data_type), await visit.fields()
    do = form.get("do", "show")
    try:
        await one.go_on(form, _shown_of(one, place))
    except Conflict as error:
        return await stopped(one, form, error, lambda base: _typed(base, place, form, is_files=one.whose.is_files), do)
    await one.keep(_typed(one.draft, place, form, is_files=one.whose.is_files))
    if do == "done":
        return one.then("fields", anchor=f"row-{slug(place)}")
    return one.then("row", place=place)


def _typed(draft: Draft, place: str, form: Mapping[str, str], *, is_files: bool) -> Draft:
    """The draft with the row as the form has it, and after its button. Raises Conflict."""
    do, _, path = form.get("do", "").partition(":")
    row = read_step(row_at(draft, place, is_files=is_files), form)
    if do in ("more", "less"):
        row = more(row, path) if do == "more" else less(row, path)
    return with_row(draft, place, row, is_files=is_files)


def row_at(draft: Draft, place: str, *, is_files: bool) -> dict[str, Any]:
    """Raises Conflict."""
    if is_files:
        file, _, column = place.partition(".")
        held: dict[str, Any] = _held(_held(draft.files, file).get("columns", []), column)
    else:
        held = next((row for row in draft.fields if row.get("target") == place), {})
    if not held:
        raise Conflict(*said("draft.no_row"))
    return held


def _shown_of(one: Screen, place: str) -> Part:
    """Of fields the row alone, so that windows of two rows do not meet. Columns of files are counted, and may move."""
    return whole if one.whose.is_files else lambda draft: row_at(draft, place, is_files=False)


def with_row(draft: Draft, place: str, row: Mapping[str, Any], *, is_files: bool) -> Draft:
    """The draft with this row in the place of the one that is there."""
    if not is_files:
        rows = [dict(row) if one.get("target") == place else one for one in draft.fields]
        return draft.model_copy(update={"fields": rows})
    file, _, column = place.partition(".")
    files = [dict(one) for one in draft.files]
    changed = list(files[int(file) - 1]["columns"])
    changed[int(column) - 1] = dict(row)
    files[int(file) - 1]["columns"] = changed
    return draft.model_copy(update={"files": files})


async def _shown(one: Screen, place: str, row: Mapping[str, Any]) -> Response:
    whose, step = one.whose, step_of(row)
    looked = await drafts.looked_at(one.visit.call, whose, one.draft, one.examples)
    field = None if whose.is_files else whose.catalog.fields.get(place)
    about: dict[str, Any] = {"place": place, "slug_of": slug(place), "row": row, "step": step}
    about |= {"field": field, "label": field.label if field else row.get("header") or place}
    about |= {"widgets": widgets(step.name, step.options, "o"), "about": _about(step.name)}
    about |= {"step_widget": step_choice(step.name), "columns": columns(one), "blanks": BLANKS, "updates": UPDATES}
    about |= {"values": looked.values.get(place, ()), "codes": await _codes(one, field.codes if field else "")}
    about["mark"] = one.mark(_shown_of(one, place))
    about["problems"] = [each for each in looked.problems if each.place == place]
    about["targets"] = [each["target"] for each in one.draft.fields if each.get("target") not in ("", place)]
    about["tables"] = await drafts.tables(one.visit.call, whose)
    return await one.page("row.html", "fields", **about)


async def _codes(one: Screen, name: str) -> Sequence[Code]:
    """Enroll's codes of the field that is filled."""
    if not name or one.whose.direction == "export":
        return ()
    return (await one.visit.call.field_codes()).get(name, ())


def _about(name: str) -> Sequence[str]:
    return steps()[name].about if name in steps() else ()


def _held(all_of: Sequence[Any], number: str) -> Any:
    at = whole_number(number, 0)
    return all_of[at - 1] if 0 < at <= len(all_of) else {}
