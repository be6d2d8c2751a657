"""Runs: watch them, and decide."""

from datetime import date, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AwareDatetime

from services.gateway.context import Call, Caller, Limit
from shared.contracts.topology import Direction
from shared.engine.decisions import approve as approve_run
from shared.engine.decisions import cancel as cancel_run
from shared.engine.decisions import reject as reject_run
from shared.engine.given_up import as_it_stands
from shared.engine.retrying import retry as retry_run
from shared.engine.undoing import undo as undo_run
from shared.engine.waiting import ahead_of
from shared.model.permission import Deed
from shared.model.run import Run, RunState

router = APIRouter(prefix="/api/v1", tags=["runs"])

EARLIEST: Final = date(2000, 1, 1)
LATEST: Final = date(2999, 12, 31)
BeforeRun = Annotated[str | None, Query(pattern=r"^run_\w+$", description="The id of the last one of the page before.")]
DataType = Annotated[str | None, Query(max_length=100)]


def _plausible(at: datetime) -> datetime:
    if not EARLIEST.year <= at.year <= LATEST.year:
        raise ValueError(f"Use a year from {EARLIEST.year} to {LATEST.year}.")
    return at


Asked = Annotated[AwareDatetime, AfterValidator(_plausible)]
Since = Annotated[Asked | None, Query(description="Asked for at this moment or later, such as 2026-08-01T00:00:00Z.")]
Until = Annotated[Asked | None, Query(description="Asked for before this moment.")]
Preview = Annotated[bool, Query(description="Compare only; write after approval.")]


@router.get("/runs")
async def index(
    call: Caller,
    connection: str | None = None,
    state: RunState | None = None,
    direction: Direction | None = None,
    data_type: DataType = None,
    since: Since = None,
    until: Until = None,
    before: BeforeRun = None,
    limit: Limit = 50,
) -> list[Run]:
    """Runs, newest first; `before` is the id of the last one of the page before."""
    if connection is None:
        await call.may(Deed.VIEW, subject="runs")
    else:
        await call.found(Deed.VIEW, call.known_connection, connection, subject="runs")
    asked: dict[str, Any] = {"connection": connection, "state": state, "direction": direction, "data_type": data_type}
    return await call.org.runs.page(**asked, since=since, until=until, before=before, limit=limit)


@router.get("/runs/{id}")
async def show(call: Caller, id: str) -> Run:
    """State, counts, and what stands in the way. `waits`: steps that are tried again by themselves; `behind`: the
    run that it waits for to begin; `given_up`: it cannot be sent on, and why."""
    run = await as_it_stands(call.gateway.base.store, await call.found(Deed.VIEW, call.run, id))
    ahead = await ahead_of(call.org, run)
    return run.model_copy(update={"behind": ahead.id}) if ahead else run


@router.post("/runs/{id}/approve", status_code=202)
async def approve(call: Caller, id: str) -> Run:
    """Apply exactly what was compared."""
    run = await _to_write(call, id, "approve")
    await approve_run(call.gateway.base.engine, run, call.who.user)
    return await call.run(id)


@router.post("/runs/{id}/reject", status_code=202)
async def reject(call: Caller, id: str) -> Run:
    """End a run that waits for approval, without writing anything."""
    run = await _to_stop(call, id, "reject")
    await reject_run(call.gateway.base.engine, run, call.who.user)
    return await call.run(id)


@router.post("/runs/{id}/cancel", status_code=202)
async def cancel(call: Caller, id: str) -> Run:
    """End a run that has not written anything yet; the next one that waits begins."""
    run = await _to_stop(call, id, "cancel")
    await cancel_run(call.gateway.base.engine, run, call.who.user)
    return await call.run(id)


@router.post("/runs/{id}/retry", status_code=202)
async def retry(call: Caller, id: str, preview: Preview = False) -> Run:
    """Run again what did not succeed, with the newest version of the mapping. Asked twice it is one run."""
    run = await _to_write(call, id, "retry")
    return await retry_run(call.gateway.base.engine, run, call.who.user, preview=preview)


@router.post("/runs/{id}/undo", status_code=202)
async def undo(call: Caller, id: str, preview: Preview = False) -> Run:
    """Take back what the run has written, where the target still holds it. This is a run of its own."""
    run = await _to_write(call, id, "undo")
    return await undo_run(call.gateway.base.engine, run, call.who.user, preview=preview)


async def _to_write(call: Call, id: str, what: str) -> Run:
    """The same permission and switches as for starting it. Raises NotFound where its connection is gone."""
    run = await call.run(id)
    instance = (await call.connection(run.connection)).instance
    deed = Deed.IMPORT if run.direction == "import" else Deed.EXPORT
    year = run.school_year
    await call.may(deed, data_type=run.data_type, school_year=year, instance=instance, subject=f"{what} {id}")
    return run


async def _to_stop(call: Call, id: str, what: str) -> Run:
    run = await call.run(id)
    deed = Deed.DECIDE if run.direction == "import" else Deed.EXPORT
    await call.may(deed, data_type=run.data_type, subject=f"{what} {id}")
    return run
