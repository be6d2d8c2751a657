"""Sync Logs: the runs, one run with its progress, its records, and what a person decides about it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from services.gateway import runs
from services.gateway.pages.site import HEADERS, fragment, page, then
from services.gateway.pages.visits import Visit, Visited
from services.gateway.pages.words import STATES
from shared.model.connection import Connection
from shared.model.permission import Deed
from shared.model.record import Outcome
from shared.model.run import Run, RunState

router = APIRouter(include_in_schema=False)

RUNS_PER_PAGE: Final = 50
RECORDS_PER_PAGE: Final = 50
LOOK_SECONDS: Final = 0.5
BEAT_SECONDS: Final = 15.0
STEPS: Final = (RunState.STAGING, RunState.COMPARING, RunState.NEEDS_APPROVAL, RunState.APPLYING)


@router.get("/runs")
async def index(visit: Visited, connection: str = "", before: str = "") -> Response:
    """The runs, newest first."""
    found = await runs.index(visit.call, connection or None, before or None, RUNS_PER_PAGE)
    org = visit.call.org
    names = {one.id: one for one in (*await org.connections.gone(), *await org.connections.all())}
    if connection:
        await visit.call.known_connection(connection)
    more = found[-1].id if len(found) == RUNS_PER_PAGE else ""
    about: dict[str, Any] = {"runs": found, "connections": names, "chosen": connection, "more": more}
    return await page(visit, "runs.html", **about)


@router.get("/runs/{id}")
async def show(visit: Visited, id: str, outcome: str = "", after: str = "") -> Response:
    run = await runs.show(visit.call, id)
    connection = await visit.call.known_connection(run.connection)
    shown = await _records(visit, run, outcome, after)
    about: dict[str, Any] = {"run": run, "connection": connection, "records": shown, "outcome": outcome, "after": after}
    about |= {"outcomes": [one.value for one in Outcome], "more": _more(shown), "steps": _steps(run)}
    return await page(visit, "run.html", **about, decides=await _decides(visit, run, connection))


@router.get("/runs/{id}/events")
async def events(visit: Visited, id: str) -> Response:
    """The progress of a run as server-sent events, each the part of the page that has changed."""
    run = await runs.show(visit.call, id)
    connection = await visit.call.known_connection(run.connection)
    headers = {**HEADERS, "X-Accel-Buffering": "no"}
    return StreamingResponse(_progress(visit, run, connection), media_type="text/event-stream", headers=headers)


@router.post("/runs/{id}/approve")
async def approve(visit: Visited, id: str) -> Response:
    await runs.approve(visit.call, id)
    return then(f"/runs/{id}", "approved")


@router.post("/runs/{id}/reject")
async def reject(visit: Visited, id: str) -> Response:
    await runs.reject(visit.call, id)
    return then(f"/runs/{id}", "rejected")


async def _records(visit: Visit, run: Run, outcome: str, after: str) -> list[dict[str, Any]]:
    """Those of an outcome; of a run that waits for a person, what is planned. None for who may not see them."""
    deed = Deed.VIEW if run.direction == "import" else Deed.VIEW_EXPORT
    if not await visit.can(deed):
        return []
    wanted = Outcome(outcome) if outcome in [one.value for one in Outcome] else None
    if wanted is None and run.state in (RunState.NEEDS_APPROVAL, RunState.APPLYING):
        wanted = Outcome.PENDING
    return await runs.records(visit.call, run.id, wanted, after or None, RECORDS_PER_PAGE)


def _more(records: list[dict[str, Any]]) -> str:
    return str(records[-1]["cursor"]) if len(records) == RECORDS_PER_PAGE else ""


async def _decides(visit: Visit, run: Run, connection: Connection) -> Mapping[str, bool]:
    """What this person may decide about the run."""
    to_approve, to_reject = (Deed.IMPORT, Deed.DECIDE) if run.direction == "import" else (Deed.EXPORT, Deed.EXPORT)
    waits = run.state is RunState.NEEDS_APPROVAL
    instance = connection.instance
    return {
        "approve": waits and await visit.can(to_approve, run.data_type, instance),
        "reject": waits and await visit.can(to_reject, run.data_type, instance),
    }


def _steps(run: Run) -> list[tuple[str, bool]]:
    """The steps of a run that is under way, and which of them it is at."""
    return [] if run.ended else [(STATES[one], one is run.state) for one in (RunState.PENDING, *STEPS)]


async def _progress(visit: Visit, run: Run, connection: Connection) -> AsyncIterator[str]:
    """Until the run ends, the reader leaves, or the process is asked to stop. The last event says to load anew."""
    stop = visit.call.gateway.base.stop
    told, silent = "", 0.0
    while not stop.is_set():
        shown = fragment("progress.html", run=run, connection=connection, steps=_steps(run))
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
        silent += LOOK_SECONDS
        run = await visit.call.run(run.id)
