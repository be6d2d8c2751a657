"""The records of a run: searched, grouped by cause, downloaded."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from services.gateway.context import After, Call, Caller, Limit
from shared.adapters.delimited import neutralized
from shared.engine.causes import causes_of_run
from shared.engine.pending import pending_page
from shared.model.cause import Cause
from shared.model.permission import Deed
from shared.model.record import Action, Outcome
from shared.model.run import Run
from shared.store.records import Wanted

router = APIRouter(prefix="/api/v1/runs/{id}", tags=["runs"])

Code = Annotated[str | None, Query(max_length=100, description="Only those with a problem of this code.")]
Key = Annotated[str | None, Query(max_length=300, description="Only the record with exactly this key.")]
HEADER = ("row", "key", "outcome", "action", "field", "column", "value", "cause", "what to do")
LINES_AT_ONCE = 500


@router.get("/records")
async def records(
    call: Caller,
    id: str,
    outcome: Outcome | None = None,
    action: Action | None = None,
    code: Code = None,
    key: Key = None,
    after: After = None,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """What became of each record that was not simply unchanged; `Pending` are those still to be applied, `Cancelled`
    those that a cancelled run would have."""
    run = await _readable(call, id)
    wanted = Wanted(outcome, action, code, key)
    if outcome in (Outcome.PENDING, Outcome.CANCELLED):
        return await pending_page(call.org, run, wanted, after=after, limit=limit)
    return await call.org.records.page(run, wanted, after=after, limit=limit)


@router.get("/causes")
async def causes(call: Caller, id: str) -> list[Cause]:
    """The problems of the run by code and field, the most frequent first, each with its first few rows."""
    return await causes_of_run(call.org, await _readable(call, id))


@router.get("/records.csv")
async def download(
    call: Caller, id: str, outcome: Outcome | None = None, action: Action | None = None, code: Code = None
) -> StreamingResponse:
    """The records as a CSV file for a spreadsheet: a line for each problem, and one for a record without any."""
    run = await _readable(call, id)
    found = call.org.records.each(run, Wanted(outcome, action, code))
    headers = {
        "Content-Disposition": f'attachment; filename="records-{run.id}.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(_csv(found), media_type="text/csv", headers=headers)


async def _readable(call: Call, id: str) -> Run:
    run = await call.run(id)
    await call.may(Deed.VIEW if run.direction == "import" else Deed.VIEW_EXPORT, subject=id)
    return run


async def _csv(found: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    """UTF-8 with the mark by which a spreadsheet knows it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    text.write("\ufeff")
    writer.writerow(HEADER)
    lines = 0
    async for record in found:
        for cells in _lines(record):
            writer.writerow([neutralized(cell) for cell in cells])
            lines += 1
        if lines >= LINES_AT_ONCE:
            yield _taken(text)
            lines = 0
    yield _taken(text)


def _taken(text: io.StringIO) -> bytes:
    content = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return content


def _lines(record: dict[str, Any]) -> Iterator[list[str]]:
    about = [str(record["row"] or ""), record["key"], record["outcome"], record["action"]]
    for problem in record["problems"] or [{}]:
        yield about + [problem.get(name, "") for name in ("field", "column", "value", "message", "fix")]
