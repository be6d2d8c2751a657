"""The tab Configure: the records that the Mapped Value is shown for, chosen by looking for them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.gateway import exports, mapping_help
from services.gateway.exports import Search
from services.gateway.mapping_help import Read
from services.gateway.pages.filters import named
from services.gateway.pages.mapping.fields import HOME
from services.gateway.pages.mapping.screen import Screen, entries, screen
from services.gateway.pages.searches import Searched, kept
from services.gateway.pages.site import then
from services.gateway.pages.visits import Visited
from shared.adapters.registrations import Listed
from shared.contracts.topology import Direction
from shared.model.draft import MAX_EXAMPLES
from shared.model.error_texts import said
from shared.model.errors import BadInput, Permanent, Refused, SyncError
from shared.model.number import whole_number
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False, dependencies=[Depends(named)])

YEARS_AROUND: Final = 3
"""How many school years before and after the chosen one are offered."""


@router.get("/connections/{id}/mappings")
async def home(visit: Visited, id: str) -> Response:
    """The first that this person may map. Raises Refused where there is none."""
    found = await entries(visit, await visit.call.connection(id))
    if not found:
        await visit.call.may(Deed.MAP_IMPORT, data_type="students", subject=id)
        raise Refused(*said("permission.refused", why="Nothing of this connection may be mapped."))
    return then(found[0].address)


@router.get(HOME + "/configure")
async def show(visit: Visited, id: str, direction: Direction, data_type: str, searched: Searched) -> Response:
    one, text = await screen(visit, id, direction, data_type), searched.text
    if not text:
        return await _shown(one)
    found: Sequence[Listed] | None = None
    try:
        asked = Search(search=text[:100], school_year=one.examples.school_year)
        found = await exports.search(visit.call, id, data_type, asked)
    except Permanent as error:
        one.wrong = error
    return await _shown(one, looked_for=text, found=found)


@router.post(HOME + "/configure", summary="Choose examples for a mapping")
async def change(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """The school year, and which of the students found are examples."""
    one, form = await screen(visit, id, direction, data_type), await visit.form()
    year = whole_number(str(form.get("school_year", one.examples.school_year)))
    if not 2000 <= year <= 2100:
        one.wrong = BadInput(*said("draft.no_year"))
        return await _shown(one)
    update: dict[str, Any] = {"school_year": year}
    if form.get("do") == "forget":
        update |= {"origin": "", "columns": [], "rows": [], "students": [], "proposals": []}
    if form.get("do") == "choose":
        chosen = [value for value in form.getlist("student") if isinstance(value, str) and value][:50]
        update["students"] = list(dict.fromkeys(value[:100] for value in chosen))[:MAX_EXAMPLES]
    await one.keep_examples(one.examples.model_copy(update=update))
    return one.then("configure", "saved")


@router.post(HOME + "/configure/search", summary="Search for registrations")
async def search(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """Leads to those who were found."""
    one, form = await screen(visit, id, direction, data_type), await visit.fields()
    text = form.get("search", "").strip()[:100]
    return one.then("configure", **(await kept(visit, text) if text else {}))


@router.post(HOME + "/configure/file", summary="Read a file for a mapping")
async def upload(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """The first rows of a file, and what it suggests. The file itself is not kept."""
    one, form = await screen(visit, id, direction, data_type), await visit.form()
    name = str(getattr(form.get("file"), "filename", "") or "")
    try:
        if not name:
            raise BadInput(*said("upload.no_file"))
        read = await mapping_help.read_file(visit.request, visit.call, data_type, one.whose.connection.instance)
    except Permanent as error:
        one.wrong = error
        return await _shown(one)
    return await _taken(one, read, name.replace("\\", "/").rpartition("/")[2][:255])


@router.post(HOME + "/configure/source", summary="Read from the source for a mapping")
async def ask(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """The same from the SIS, or from the newest file of the SFTP folder."""
    one = await screen(visit, id, direction, data_type)
    try:
        read = await mapping_help.read_source(visit.call, id, data_type)
    except SyncError as error:
        one.wrong = error
        return await _shown(one)
    return await _taken(one, read, one.whose.connection.name)


async def _taken(one: Screen, read: Read, origin: str) -> Response:
    rows = [[cell[:10_000] for cell in row] for row in read.examples][:MAX_EXAMPLES]
    proposals = [asdict(each) for each in read.proposals]
    update = {"origin": origin, "columns": read.columns[:2000], "rows": rows, "proposals": proposals}
    await one.keep_examples(one.examples.model_copy(update=update))
    return one.then("fields" if one.draft.fields else "suggestions", "examples-read")


async def _shown(one: Screen, *, looked_for: str = "", found: Sequence[Listed] | None = None) -> Response:
    may_see = one.whose.direction == "import" or await one.visit.can(Deed.VIEW_EXPORT)
    chosen = one.examples.school_year
    years = range(chosen + YEARS_AROUND, chosen - YEARS_AROUND - 1, -1)
    about: dict[str, Any] = {"years": years, "may_see": may_see}
    about |= {"looked_for": looked_for, "found": found, "most": MAX_EXAMPLES, "chosen": []}
    if one.whose.direction == "export" and may_see and one.examples.students:
        about["chosen"] = await _chosen(one)
    return await one.page("configure.html", "configure", **about)


async def _chosen(one: Screen) -> list[tuple[str, Listed | None]]:
    """The examples as people know them; None for one who has no approved registration in that year."""
    found = []
    for student in one.examples.students:
        asked = Search(search=student, school_year=one.examples.school_year)
        listed = await exports.search(one.visit.call, one.whose.connection.id, one.whose.data_type, asked)
        found.append((student, next((each for each in listed if each.student == student), None)))
    return found
