"""Sync Logs: the runs, one run with its progress, its records, and what a person decides about it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from services.gateway import exports, records, runs
from services.gateway.actions import choices, outcomes
from services.gateway.context import After
from services.gateway.pages.chooser import OFFERED, Named, choice
from services.gateway.pages.filters import Chosen, DataType, Typed
from services.gateway.pages.portion import MOST, portion
from services.gateway.pages.searches import Searched, Sought, kept
from services.gateway.pages.site import HEADERS, fragment, page, then
from services.gateway.pages.visits import ASKED, Visit, Visited
from services.gateway.pages.words import STATES
from shared.contracts.topology import Direction
from shared.engine.undoing import is_over, is_whole
from shared.engine.undone import Standing, followed, standing
from shared.engine.waiting import ahead_of
from shared.model.catalog import data_types
from shared.model.connection import Connection
from shared.model.permission import Deed
from shared.model.record import Action, Outcome
from shared.model.run import UNWRITTEN, Run, RunState
from shared.store.records import Wanted

router = APIRouter(include_in_schema=False)

RUNS_PER_PAGE: Final = 50
MOST_TEXT: Final = 100
FILTERS: Final = ("outcome", "action", "code", "field")
Day = Annotated[date, Field(ge=runs.EARLIEST, lt=runs.LATEST)]
LOOK_SECONDS: Final = 0.5
EVENTS: Final = "text/event-stream"
BEAT_SECONDS: Final = 15.0
CHECK_SECONDS: Final = 5.0
STEPS: Final = (RunState.STAGING, RunState.COMPARING, RunState.NEEDS_APPROVAL, RunState.APPLYING)


@router.get("/runs")
async def index(
    visit: Visited,
    connection: Typed = "",
    name: Named = None,
    state: Chosen[RunState] = None,
    direction: Chosen[Direction] = None,
    data_type: Chosen[DataType] = None,
    since: Chosen[Day] = None,
    until: Chosen[Day] = None,
    before: runs.BeforeRun = None,
) -> Response:
    """The runs, newest first. Days are those of the connection; of UTC where runs of several zones are shown."""
    one = await choice(visit.call, connection, name)
    days = _midnight(since, one.zone), _midnight(until and until + timedelta(days=1), one.zone)
    chosen = {"state": state, "direction": direction, "data_type": data_type, "since": since, "until": until}
    asked = {name: value or "" for name, value in chosen.items()}
    found: list[Run] = []
    if one.is_open:
        await visit.call.may(Deed.VIEW, subject="runs")
    else:
        about = (one.id or None, state, direction, data_type, *days, before, RUNS_PER_PAGE)
        found = await runs.index(visit.call, *about)
    more = urlencode({**asked, "connection": one.id, "before": found[-1].id}) if len(found) == RUNS_PER_PAGE else ""
    shown: dict[str, Any] = {"runs": found, "choice": one, "offered": OFFERED, "asked": asked, "more": more}
    shown["kept"] = urlencode({name: value for name, value in asked.items() if value})
    shown["connections"] = await visit.call.org.connections.known_of(sorted({run.connection for run in found}))
    return await page(visit, "runs.html", **shown, states=STATES, zone=one.zone, data_types=data_types())


def _midnight(day: date | None, zone: str) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), ZoneInfo(zone))


async def _wanted(
    searched: Searched,
    outcome: Chosen[Outcome] = None,
    action: Chosen[Action] = None,
    code: Typed = "",
    field: Typed = "",
) -> Wanted:
    return Wanted(outcome, action, code.strip()[:100] or None, None, searched.text or None, field.strip() or None)


Asked = Annotated[Wanted, Depends(_wanted)]
"""The records of a run that its page shows, and its download holds."""


@router.get("/runs/{id}")
async def show(visit: Visited, id: str, searched: Searched, wanted: Asked, after: After = None) -> Response:
    return await _show(visit, id, wanted, searched, after)


@router.post("/runs/{id}", summary="Search the records of a run")
async def search(visit: Visited, id: str) -> Response:
    """Leads to the same page, with the records that have a text in them."""
    await runs.show(visit.call, id)
    fields = await visit.fields()
    asked = {name: fields.get(name, "").strip() for name in FILTERS}
    if text := fields.get("text", "").strip()[:MOST_TEXT]:
        asked |= await kept(visit, text)
    return then(f"/runs/{id}?{urlencode(asked)}#records")


async def _show(visit: Visit, id: str, wanted: Wanted, searched: Sought, after: str | None) -> Response:
    run = await runs.show(visit.call, id)
    connection = await visit.call.known_connection(run.connection)
    asked = {name: getattr(wanted, name) or "" for name in (*FILTERS, "text")}
    about: dict[str, Any] = {"run": run, "connection": connection, "steps": _steps(run), "asked": asked}
    fields = connection.catalog_of(run.direction, run.data_type)
    about |= {"fields": fields, "outcomes": outcomes(run), "actions": choices(run)}
    about |= {"records": None, "causes": [], "next": "", "looks_on": False}
    about["ahead"] = await ahead_of(visit.call.org, run)
    about["following"] = following = await followed(visit.call.org, run)
    chosen = {name: asked[name] for name in FILTERS} | searched.asked
    about["download"] = urlencode({name: value for name, value in chosen.items() if value})
    about |= {"chosen": urlencode(chosen), "here": urlencode(chosen | ({"after": after} if after else {}))}
    if await visit.can(Deed.VIEW if run.direction == "import" else Deed.VIEW_EXPORT):
        looked = await _records(visit, run, wanted, after)
        found, goes_on = portion(looked.records, fields)
        behind = found[-1]["cursor"] if goes_on else looked.goes_on
        about |= {"records": found, "causes": await records.causes(visit.call, id)}
        about |= {"next": behind, "looks_on": bool(behind) and not goes_on}
    followers = [one.run for one in following]
    about["decides"] = decides = await _decides(visit, run, connection, followers)
    about["standing"] = await _standing(visit, run, followers) if decides["ask_undo"] else None
    return await page(visit, "run.html", **about)


@router.get("/runs/{id}/records.csv")
async def download(visit: Visited, id: str, searched: Searched, wanted: Asked) -> Response:
    """All records to which the table of the page leads."""
    run = await visit.call.run(id)
    asked = _chosen(run, wanted)
    if searched.text:
        return await records.download_found(visit.call, id, records.SearchAll(text=searched.text, **asked))
    return await records.download(visit.call, id, records.Filters(**asked))


@router.get("/runs/{id}/files/{number}")
async def file(visit: Visited, id: str, number: Annotated[int, Path(ge=1)]) -> Response:
    return await exports.download(visit.call, id, number)


@router.get("/runs/{id}/events")
async def events(visit: Visited, id: str) -> Response:
    """The progress of a run as server-sent events, each the part of the page that has changed."""
    run = await runs.show(visit.call, id)
    connection = await visit.call.known_connection(run.connection)
    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    if ASKED in visit.request.scope:
        return Response(headers=headers, media_type=EVENTS)
    return StreamingResponse(_progress(visit, run, connection), media_type=EVENTS, headers=headers)


@router.post("/runs/{id}/approve", summary="Approve and send, or take back")
async def approve(visit: Visited, id: str) -> Response:
    run = await runs.approve(visit.call, id)
    return then(f"/runs/{id}", "undo-approved" if run.undoes else "tell-approved" if run.only_tells else "approved")


@router.post("/runs/{id}/reject", summary="Reject a run")
async def reject(visit: Visited, id: str) -> Response:
    await runs.reject(visit.call, id)
    return then(f"/runs/{id}", "rejected")


@router.post("/runs/{id}/retry", summary="Retry only the failures")
async def retry(visit: Visited, id: str) -> Response:
    """Leads to the new run."""
    return then(f"/runs/{(await runs.retry(visit.call, id)).id}", "started")


@router.post("/runs/{id}/retry/preview", summary="See first what a retry would change")
async def preview_retry(visit: Visited, id: str) -> Response:
    """Leads to the new run, which stops for approval first."""
    return then(f"/runs/{(await runs.retry(visit.call, id, preview=True)).id}", "preview")


@router.post("/runs/{id}/undo", summary="Undo a run")
async def undo(visit: Visited, id: str) -> Response:
    """Leads to the run that would take it back, which stops for approval first."""
    return then(f"/runs/{(await runs.undo(visit.call, id, preview=True)).id}", "undo")


@router.post("/runs/{id}/cancel", summary="Cancel a run")
async def cancel(visit: Visited, id: str) -> Response:
    await runs.cancel(visit.call, id)
    return then(f"/runs/{id}", "cancelled")


async def _records(visit: Visit, run: Run, wanted: Wanted, after: str | None) -> records.Found:
    asked = {**_chosen(run, wanted), "after": after, "limit": MOST}
    if wanted.text is None:
        return records.Found(records=await records.records(visit.call, run.id, records.Listed(**asked)))
    return await records.search(visit.call, run.id, records.Search(text=wanted.text, **asked))


def _chosen(run: Run, wanted: Wanted) -> dict[str, Any]:
    """The filters of what was asked for; of a run that is at work it is what is still to come."""
    asked = {name: getattr(wanted, name) for name in FILTERS}
    if run.state is RunState.APPLYING and not (wanted.outcome or wanted.code or wanted.field):
        asked["outcome"] = Outcome.PENDING
    return asked


async def _decides(visit: Visit, run: Run, connection: Connection, following: Sequence[Run]) -> Mapping[str, bool]:
    """What this person may decide about the run; nothing where its connection was deleted."""
    to_approve, to_reject = (Deed.IMPORT, Deed.DECIDE) if run.direction == "import" else (Deed.EXPORT, Deed.EXPORT)
    if connection.deleted_at:
        return dict.fromkeys(("approve", "reject", "retry", "undo", "ask_undo", "cancel"), False)
    waits = run.state is RunState.NEEDS_APPROVAL
    instance = connection.instance
    may_undo = _has_written(run) and await visit.can(to_approve, run.data_type, instance)
    return {
        "approve": waits and await visit.can(to_approve, run.data_type, instance),
        "reject": waits and await visit.can(to_reject, run.data_type, instance),
        "retry": run.ended and _has_failures(run) and await visit.can(to_approve, run.data_type, instance),
        "undo": may_undo and all(is_over(one) for one in following if one.undoes),
        "ask_undo": may_undo,
        "cancel": run.state in UNWRITTEN and not waits and await visit.can(to_reject, run.data_type, instance),
    }


def _has_failures(run: Run) -> bool:
    counted = any(run.counts.get(name) for name in ("failed", "invalid", "partial", "stopped"))
    return counted and run.state is not RunState.CANCELLED and not run.makes_files and not run.undoes


def _has_written(run: Run) -> bool:
    """What could be taken back: files that went out cannot be called back."""
    has_written = any(run.counts.get(name) for name in ("created", "updated", "removed"))
    return run.ended and has_written and not run.makes_files


async def _standing(visit: Visit, run: Run, following: Sequence[Run]) -> Standing | None:
    """Why a run that was taken back wholly is not undone once more, and which run is instead."""
    done = next((one for one in following if is_whole(one)), None)
    return await standing(visit.call.org, done) if done else None


def _steps(run: Run) -> list[tuple[str, bool]]:
    """The steps of a run that is under way, and which of them it is at."""
    return [] if run.ended else [(STATES[one], one is run.state) for one in (RunState.PENDING, *STEPS)]


async def _progress(visit: Visit, run: Run, connection: Connection) -> AsyncIterator[str]:
    """Until the run ends, the reader leaves or is signed out, or the process is asked to stop.

    The last event says to load anew, or that nobody is signed in any more.
    """
    stop, sessions = visit.call.gateway.base.stop, visit.call.gateway.sessions
    told, silent, unchecked = "", 0.0, 0.0
    while not stop.is_set():
        ahead = await ahead_of(visit.call.org, run)
        if unchecked >= CHECK_SECONDS:
            unchecked = 0.0
            if not await sessions.is_open(visit.session.id):
                yield "event: signed-out\ndata: -\n\n"
                return
        shown = fragment("progress.html", run=run, connection=connection, steps=_steps(run), ahead=ahead)
        if shown != told:
            told, silent = shown, 0.0
            yield "event: progress\n" + "".join(f"data: {line}\n" for line in shown.splitlines()) + "\n"
        elif silent >= BEAT_SECONDS:
            silent = 0.0
            yield ": still here\n\n"
        if run.ended or run.state is RunState.NEEDS_APPROVAL:
            yield "event: ended\ndata: -\n\n"
            return
        await asyncio.sleep(LOOK_SECONDS)
        silent, unchecked = silent + LOOK_SECONDS, unchecked + LOOK_SECONDS
        run = await visit.call.run(run.id)
