"""The schedules of a connection, and what came of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import APIRouter
from fastapi.exceptions import RequestValidationError
from starlette.responses import RedirectResponse, Response

from services.gateway import connections, switches
from services.gateway.connections import NewSchedule
from services.gateway.pages.connection import ADDRESS, Way, frame, ways
from services.gateway.pages.connection_fields import ZONES
from services.gateway.pages.connection_parts import managed
from services.gateway.pages.fields import Field, Form
from services.gateway.pages.meanwhile import WAS, Change, Together, carried, together
from services.gateway.pages.site import HEADERS, page, then
from services.gateway.pages.visits import Visit, Visited
from services.gateway.pages.words import label, school_year
from services.gateway.pages.zones import COMMON, others
from services.gateway.switches import Switches
from shared.contracts.topology import Direction
from shared.model.catalog import data_types
from shared.model.connection import Connection, Schedule
from shared.model.errors import NotFound, Permanent
from shared.model.occurrences import upcoming
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False)

FROM_A_SIS: Final = ("students", "schools")
NO_YEAR: Final = (
    "Enable Sync Import is off for every school year. Turn it on in Enroll, under Settings, General; then a schedule "
    "can be saved here."
)
UNKNOWN: Final = "Enroll does not know this organization, so there is no school year to choose."
NOT_YOU: Final = "Your permissions do not cover this, and a schedule runs under the name of whoever saves it."


@dataclass(slots=True)
class Planning:
    """One direction: what is saved, and the form to save another. `why_not`: what stands in the way of that.

    `was` is what was saved when the form was opened, `newer` what somebody else has saved since.
    """

    way: Way
    form: Form
    was: str = ""
    newer: Sequence[Change] = ()
    times: Sequence[datetime] = ()
    zone: str = "UTC"
    why_not: str = ""

    @property
    def what(self) -> str:
        saved = self.way.schedule
        return f"{self.way.words} of {label(saved.data_type)}" if saved else ""

    @property
    def saved_times(self) -> Sequence[datetime]:
        return _times(self.way.schedule) if self.way.schedule else ()


@router.get(ADDRESS + "/schedule")
async def show(visit: Visited, id: str) -> Response:
    connection = await managed(visit, id, "schedule")
    return await _page(visit, connection, [await _planning(visit, connection, way) for way in ways(connection)])


@router.get(ADDRESS + "/schedule/{direction}")
async def again(visit: Visited, id: str, direction: Direction) -> Response:
    await visit.call.connection(id)
    return RedirectResponse(f"/connections/{id}/schedule", 303, HEADERS)


@router.post(ADDRESS + "/schedule/{direction}", summary="Schedule")
async def save(visit: Visited, id: str, direction: Direction) -> Response:
    """Save the schedule; or, as the button says, only show when it would run."""
    connection = await managed(visit, id, "schedule")
    sent = await visit.form()
    found = [await _planning(visit, connection, way) for way in ways(connection)]
    mine = next((one for one in found if one.way.name == direction), None)
    if mine is None or mine.why_not:
        return await _page(visit, connection, found)
    mine.form = Form.read(mine.form.fields, sent)
    mine.was = str(sent.get(WAS, ""))
    if sent.get("do") != "show" and (newer := together(mine.was, mine.form, _standing(mine.way, mine.form.fields))):
        _put_together(mine, newer)
        return await _page(visit, connection, found)
    values = mine.form.nested()
    planned = mine.form.build(Schedule, values)
    if planned is not None and sent.get("do") == "show":
        mine.zone = planned.zone
        mine.times = _times(planned)
    elif planned is not None:
        try:
            new = NewSchedule(direction=direction, **values)
            await connections.plan(visit.call, id, new, connections.tag(connection))
            return then(f"/connections/{id}/schedule", "saved")
        except RequestValidationError as error:
            for problem in error.errors():
                mine.form.note(problem)
        except Permanent as error:
            mine.form.blame(error)
    return await _page(visit, connection, found)


@router.post(ADDRESS + "/schedule/{direction}/remove", summary="Remove a schedule")
async def remove(visit: Visited, id: str, direction: Direction) -> Response:
    await connections.unschedule(visit.call, id, direction)
    return then(f"/connections/{id}/schedule", "removed")


async def _planning(visit: Visit, connection: Connection, way: Way) -> Planning:
    saved = way.schedule
    try:
        known = await switches.show(visit.call, connection.instance)
    except NotFound:
        return Planning(way, Form.of(()), why_not=UNKNOWN)
    types = await _types(visit, connection, way)
    years = known.import_years if way.name == "import" else _export_years(known, saved)
    asked = {"data_type": "students", "time": "02:00", "zone": connection.time_zone}
    asked["school_year"] = str(known.current_school_year)
    if saved is not None:
        asked = _asked(saved)
    why = "" if types else NOT_YOU
    fields = _fields(way.name, types, years)
    was = carried(_standing(way, fields))
    return Planning(way, Form.of(fields, asked), was, why_not=why or ("" if years else NO_YEAR))


def _standing(way: Way, fields: Sequence[Field]) -> Form:
    """What is saved; blank where nothing is, whatever is proposed then."""
    return Form.of(fields, _asked(way.schedule) if way.schedule else {})


def _asked(saved: Schedule) -> dict[str, Any]:
    return {**saved.model_dump(include={"data_type", "school_year", "zone"}), "time": saved.time[:5]}


def _put_together(mine: Planning, newer: Together) -> None:
    """Of a schedule that was removed meanwhile what was typed stays, so that saving it makes it anew."""
    mine.form = replace(
        newer.form, typed={name: now or mine.form.typed[name] for name, now in newer.form.typed.items()}
    )
    mine.newer, mine.was = newer.changes, carried(_standing(mine.way, mine.form.fields))


def _times(planned: Schedule) -> list[datetime]:
    return [one.at_utc for one in upcoming(planned.time, planned.zone, datetime.now(UTC))]


async def _types(visit: Visit, connection: Connection, way: Way) -> list[str]:
    """What this person may have moved by a schedule."""
    if way.name == "export":
        return ["students"] if await visit.can(Deed.EXPORT, instance=connection.instance) else []
    offered = FROM_A_SIS if connection.pulls_from == "api" else data_types()
    return [one for one in offered if await visit.can(Deed.IMPORT, one)]


def _export_years(known: Switches, saved: Schedule | None) -> list[int]:
    years = {known.current_school_year, known.current_school_year + 1, *known.import_years}
    return sorted(years | ({saved.school_year} if saved else set()), reverse=True)


def _fields(group: str, types: Sequence[str], years: Sequence[int]) -> tuple[Field, ...]:
    named = tuple((one, label(one)) for one in types)
    offered = tuple((str(year), school_year(year)) for year in years)
    time, zone = "Local time, such as 02:30.", "The one the district is in, such as America/Denver."
    fields = (
        Field("data_type", "What", "menu", options=named, required=True),
        Field("school_year", "School year", "menu", options=offered, required=True),
        Field("time", "Time of day", "time", hint=time, required=True, says="Use a time such as 02:30."),
        Field("zone", "Time zone", hint=zone, required=True, places=ZONES),
    )
    return tuple(replace(one, group=group) for one in fields if one.options or one.shape != "menu")


async def _page(visit: Visit, connection: Connection, found: Sequence[Planning]) -> Response:
    history = await connections.history(visit.call, connection.id)
    about = {"forms": found, "history": history, "zones_common": COMMON, "zones_other": others()}
    status = 409 if any(one.newer for one in found) else 422 if any(one.form.bad for one in found) else 200
    return await page(visit, "connection_schedule.html", status=status, **frame(connection, "schedule"), **about)
