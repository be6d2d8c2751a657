"""The tab Field Mapping: every row, its Mapped Value, what is wrong. Each step keeps the draft; Save saves it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.gateway import drafts, exports
from services.gateway.pages.filters import Search, named
from services.gateway.pages.mapping.rows import read_line
from services.gateway.pages.mapping.screen import Screen, screen
from services.gateway.pages.mapping.sections import Section, lines_of_file, progress, sections, slug
from services.gateway.pages.mapping.stopped import stopped
from services.gateway.pages.visits import Visited
from shared.contracts.topology import Direction
from shared.engine.enrolling import left_open
from shared.mapping.differences import columns_read
from shared.model.draft import Draft
from shared.model.errors import Conflict, Permanent
from shared.model.export_file import TOKENS
from shared.model.mapping import MappingDraft
from shared.model.number import whole_number
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False, dependencies=[Depends(named)])

HOME: Final = "/connections/{id}/mappings/{direction}/{data_type}"
SETTINGS: Final[Mapping[str, tuple[str, tuple[tuple[str, str], ...]]]] = {
    "extension": ("File Extension", (("csv", "CSV (.csv)"), ("txt", "Text (.txt)"), ("tsv", "Tab-separated (.tsv)"))),
    "separator": ("Field Separator", (("comma", "Comma"), ("tab", "Tab"))),
    "text_identifier": ("Text Identifier", (("double", 'Double quotes (")'), ("single", "Single quotes (')"))),
    "quote": ("Text Identifier stands", (("needed", "Where it is needed"), ("all", "Around every value"))),
    "header": ("Header row", (("yes", "Yes"), ("no", "No"))),
    "neutralize_formulas": ("Make spreadsheet formulas harmless", (("yes", "Yes"), ("no", "No"))),
    "encoding": (
        "Encoding",
        (("utf-8", "UTF-8"), ("utf-8-bom", "UTF-8 with mark (Excel)"), ("windows-1252", "Windows-1252")),
    ),
    "line_end": ("Line end", (("crlf", "Windows (CR LF)"), ("lf", "Unix (LF)"))),
}
FLAGS: Final = ("header", "neutralize_formulas")
DEFAULTS: Final[Mapping[str, Any]] = {
    "extension": "csv",
    "separator": "comma",
    "text_identifier": "double",
    "quote": "needed",
    "header": True,
    "neutralize_formulas": True,
    "encoding": "utf-8",
    "line_end": "crlf",
}


@router.get(HOME + "/fields")
async def show(visit: Visited, id: str, direction: Direction, data_type: str, q: Search = "") -> Response:
    return await shown(await screen(visit, id, direction, data_type), q)


@router.post(HOME + "/fields", summary="Field Mapping")
async def step(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """Whatever button it was: what was typed is kept first."""
    one, form = await screen(visit, id, direction, data_type), await visit.fields()
    do, _, about = form.get("do", "show").partition(":")
    wanted = form.get("q", "")[:100].strip()
    query = {"q": wanted} if wanted else {}
    if do == "discard":
        await one.go_on(form)
        await drafts.drop(visit.call, id, direction, data_type, one.whose.name)
        return one.then("fields", "draft-discarded", **query)
    try:
        await one.go_on(form)
    except Conflict as error:
        return await stopped(one, form, error, lambda base: _asked(base, form, is_files=one.whose.is_files), do)
    await one.keep(read(one.draft, form, is_files=one.whose.is_files))
    if do == "save":
        return await saved(one, wanted)
    if do == "configure":
        return one.then("row", place=about)
    if do != "show":
        await one.keep(changed(one.draft, do, about, is_files=one.whose.is_files))
        return one.then("fields", anchor=f"row-{slug(about)}" if do == "add" else "", **query)
    return one.then("fields", **query)


def _asked(base: Draft, form: Mapping[str, str], *, is_files: bool) -> Draft:
    """What was typed, and the button that was pressed, of a draft that the form was made from."""
    do, _, about = form.get("do", "").partition(":")
    return changed(read(base, form, is_files=is_files), do, about, is_files=is_files)


async def saved(one: Screen, wanted: str) -> Response:
    """The draft as a version. Where somebody else has saved meanwhile, to what they changed."""
    whose = one.whose
    try:
        await drafts.save(one.visit.call, whose.connection.id, whose.direction, whose.data_type, whose.name)
    except Conflict:
        return one.then("newer")
    except Permanent as error:
        one.wrong = error
        return await shown(one, wanted)
    return one.then("fields", "mapping-saved")


async def shown(one: Screen, wanted: str) -> Response:
    whose = one.whose
    looked = await drafts.looked_at(one.visit.call, whose, one.draft, one.examples)
    about: dict[str, Any] = {"looked": looked, "q": wanted}
    about |= {"columns": columns(one), "can_test": whose.direction == "export" and await one.visit.can(Deed.EXPORT)}
    about["address_of"] = lambda place: address_of(one, place)
    if whose.is_files:
        files = [
            {
                "number": number,
                "raw": raw,
                "lines": lines_of_file(number, raw, looked, one.names),
                "settings": settings(raw),
            }
            for number, raw in enumerate(one.draft.files, 1)
        ]
        return await one.page("files.html", "fields", **about, files=files, tokens=tuple(TOKENS), fixed=SETTINGS)
    found = sections(one.draft.fields, whose.catalog, whose.direction, looked, wanted, one.names)
    ruled = left_open(whose.catalog, whose.connection.exports) if whose.direction == "export" else ()
    done = progress(whose.catalog, whose.direction, looked.mapped, ruled)
    return await one.page("fields.html", "fields", **about, sections=found, progress=done, is_open=_is_open(found))


def address_of(one: Screen, place: str) -> str:
    """Where a problem is put right: at its row, or where a field can be mapped."""
    targets = {str(row.get("target")) for row in one.draft.fields}
    there = one.whose.is_files or place in targets
    return f"#row-{slug(place)}" if there else f"#add-{slug(place)}"


def columns(one: Screen) -> list[tuple[str, str]]:
    """What may stand under From, and what it is called."""
    if one.whose.direction == "export":
        fields = exports.exported_catalog(one.whose.data_type).fields
        return [(name, field.label) for name, field in fields.items()]
    known = list(one.examples.columns) or list(_named(one.draft.fields))
    return [(name, "") for name in dict.fromkeys(known) if name.strip()]


def _named(rows: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """The columns that the sound rows name."""
    looked: list[Any] = []
    for row in rows:
        try:
            looked += MappingDraft.model_validate({"fields": [row]}).fields
        except ValueError:
            continue
    return list(columns_read(MappingDraft.model_construct(fields=tuple(looked)))) if looked else []


def settings(raw: Mapping[str, Any]) -> Mapping[str, str]:
    """File Settings as a form has them."""
    held = {**DEFAULTS, **{name: raw[name] for name in DEFAULTS if name in raw}}
    return {name: ("yes" if held[name] else "no") if name in FLAGS else str(held[name]) for name in DEFAULTS}


def read(draft: Draft, form: Mapping[str, str], *, is_files: bool) -> Draft:
    """What the form says, laid over the draft it was made from."""
    if is_files:
        files = [_file(raw, form, number) for number, raw in enumerate(draft.files, 1)]
        return draft.model_copy(update={"files": files})
    by_target = {form[name]: name.removesuffix("/target") for name in form if name.endswith("/target")}
    rows = [
        read_line(row, form, by_target[row["target"]]) if row.get("target") in by_target else row
        for row in draft.fields
    ]
    return draft.model_copy(update={"fields": rows})


def _file(raw: Mapping[str, Any], form: Mapping[str, str], number: int) -> dict[str, Any]:
    made, name = dict(raw), f"f/{number}"
    if f"{name}/name" in form:
        made["name"] = form[f"{name}/name"]
    for option, default in DEFAULTS.items():
        text = form.get(f"{name}/{option}")
        if text is None:
            continue
        value: Any = text == "yes" if option in FLAGS else text
        if option in raw or value != default:
            made[option] = value
    columns = raw.get("columns", [])
    made["columns"] = [read_line(one, form, f"{name}/{place}") for place, one in enumerate(columns, 1)]
    return made


def changed(draft: Draft, do: str, about: str, *, is_files: bool) -> Draft:
    """The draft after a button that adds, removes or moves something."""
    if not is_files:
        rows = draft.fields
        if do == "add" and about and all(row.get("target") != about for row in rows):
            rows = [*rows, {"type": "direct", "target": about[:100], "source": ""}]
        if do == "remove":
            rows = [row for row in rows if row.get("target") != about]
        return draft.model_copy(update={"fields": rows})
    files = [dict(one) for one in draft.files]
    if do == "file":
        files.append({"name": f"file{len(files) + 1}", "columns": [{"header": "", "source": ""}]})
    number, _, place = about.partition(".")
    at, column = (whole_number(one, 0) for one in (number, place))
    if do == "drop":
        files = [one for position, one in enumerate(files, 1) if position != at]
    elif 0 < at <= len(files):
        files[at - 1]["columns"] = _columns(list(files[at - 1].get("columns", [])), do, column)
    return draft.model_copy(update={"files": files})


def _columns(held: list[Any], do: str, place: int) -> list[Any]:
    if do == "field":
        return [*held, {"header": "", "source": ""}]
    if not 0 < place <= len(held):
        return held
    if do == "remove":
        return [one for at, one in enumerate(held, 1) if at != place]
    to = place - 2 if do == "up" else place
    if do in ("up", "down") and 0 <= to < len(held):
        held.insert(to, held.pop(place - 1))
    return held


def _is_open(found: Sequence[Section]) -> Mapping[str, bool]:
    """Sections with something in them stand open; of long ones without, one has to ask."""
    return {one.name: bool(one.lines) or len(found) == 1 for one in found}
