"""Runs: watch, read the records, decide."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.gateway.context import Caller
from shared.engine.decisions import approve as approve_run
from shared.engine.decisions import reject as reject_run
from shared.engine.pending import pending_page
from shared.model.permission import Deed
from shared.model.record import Outcome
from shared.model.run import Run

router = APIRouter(prefix="/api/v1", tags=["runs"])

After = Annotated[str | None, Query(max_length=300, description="The `cursor` of the last record of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/runs")
async def index(call: Caller, connection: str | None = None, before: str | None = None, limit: Limit = 50) -> list[Run]:
    """Runs, newest first; `before` is the id of the last one of the page before."""
    await call.may(Deed.VIEW, subject="runs")
    return await call.org.runs.page(connection=connection, before=before, limit=limit)


@router.get("/runs/{id}")
async def show(call: Caller, id: str) -> Run:
    """State, counts, and what stands in the way."""
    await call.may(Deed.VIEW, subject=id)
    return await call.run(id)


@router.get("/runs/{id}/records")
async def records(
    call: Caller, id: str, outcome: Outcome | None = None, after: After = None, limit: Limit = 100
) -> list[dict[str, Any]]:
    """What became of each record that was not simply unchanged; `Pending` are those still to be applied."""
    run = await call.run(id)
    await call.may(Deed.VIEW if run.direction == "import" else Deed.VIEW_EXPORT, subject=id)
    if outcome is Outcome.PENDING:
        return await pending_page(call.org, run, after=after, limit=limit)
    return await call.org.records.page(run.id, outcome=outcome.value if outcome else None, after=after, limit=limit)


@router.post("/runs/{id}/approve", status_code=202)
async def approve(call: Caller, id: str) -> Run:
    """Apply exactly what was compared."""
    run = await call.run(id)
    deed = Deed.IMPORT if run.direction == "import" else Deed.EXPORT
    instance = (await call.connection(run.connection)).instance
    year = run.school_year
    await call.may(deed, data_type=run.data_type, school_year=year, instance=instance, subject=f"approve {id}")
    await approve_run(call.gateway.base.engine, run, call.who.user)
    return await call.run(id)


@router.post("/runs/{id}/reject", status_code=202)
async def reject(call: Caller, id: str) -> Run:
    """End the run without writing anything."""
    run = await call.run(id)
    deed = Deed.DECIDE if run.direction == "import" else Deed.EXPORT
    await call.may(deed, data_type=run.data_type, subject=f"reject {id}")
    await reject_run(call.gateway.base.engine, run, call.who.user)
    return await call.run(id)


@router.get("/audit", tags=["audit"])
async def audit(call: Caller, before: str | None = None, limit: Limit = 100) -> list[dict[str, Any]]:
    """Every decision of the organization, newest first. Needs Sync Service Full Access."""
    await call.may(Deed.MANAGE_CONNECTION, subject="audit")
    return await call.org.audit.page(before=before, limit=limit)
