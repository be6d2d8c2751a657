"""A test record: one registration into the SIS, once it is said whose and where; of an export of files a preview."""

from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.gateway import drafts, exports
from services.gateway.exports import TestRecord
from services.gateway.pages.filters import named
from services.gateway.pages.mapping.fields import HOME, shown
from services.gateway.pages.mapping.screen import Screen, screen
from services.gateway.pages.site import then
from services.gateway.pages.visits import Visited
from shared.contracts.topology import Direction
from shared.mapping.preview import MappedValue
from shared.model.draft import Examples
from shared.model.errors import Permanent

router = APIRouter(include_in_schema=False, dependencies=[Depends(named)])


@router.get(HOME + "/test")
async def again(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """Where one asks for it."""
    return (await screen(visit, id, direction, data_type)).then("fields", anchor="test")


@router.post(HOME + "/test", summary="Send a test record")
async def send(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """It is sent by the version that was looked at, and for the student who was shown; else both are shown first."""
    one, form = await screen(visit, id, direction, data_type), await visit.fields()
    if direction == "import":
        return one.then("fields")
    student = form.get("student", "").strip()[:100]
    is_sure = bool(student) and form.get("sure") == str(one.desk.latest)
    how: dict[str, Any] = {"preview": True} if one.whose.is_files else {"test": True, "student": student}
    try:
        if not one.whose.is_files and not is_sure:
            return await _asked(one, student)
        year = one.examples.school_year
        run = await exports.start(visit.call, id, data_type, year, mapping=one.whose.name, **how)
    except Permanent as error:
        one.wrong = error
        return await shown(one, "")
    return then(f"/runs/{run.id}", "started")


async def _asked(one: Screen, student: str) -> Response:
    """Whose registration it is, what of it would be written, and where."""
    call, whose, year = one.visit.call, one.whose, one.examples.school_year
    await exports.may_start(call, whose.connection)
    found = await exports.test_record(
        call, whose.connection.id, whose.data_type, TestRecord(student=student, school_year=year)
    )
    version = await drafts.beginning(call, whose, one.desk.latest)
    examples = Examples(school_year=year, students=[found.student])
    looked = await drafts.looked_at(call, whose, version, examples)
    fields = whose.catalog.fields
    written = [
        (fields[place].label if place in fields else place, value)
        for place, values in looked.values.items()
        for value in values
        if _is_written(value)
    ]
    return await one.page("test.html", "fields", found=found, year=year, written=written)


def _is_written(value: MappedValue) -> bool:
    return value.problem is not None or value.value not in (None, "")
