"""The records of a run: searched, grouped by cause, downloaded."""

import csv
import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.actions import ID_WORDS, action_of, outcome_of
from services.gateway.context import AFTER, After, Call, Caller, Limit
from services.gateway.field_names import called
from services.gateway.values import shown
from shared.adapters.delimited import neutralized
from shared.engine.causes import causes_of_run
from shared.engine.searching import each
from shared.engine.searching import page as page_of
from shared.engine.searching import search as search_records
from shared.model.catalog import Catalog
from shared.model.cause import Cause
from shared.model.permission import Deed
from shared.model.record import Action, Outcome
from shared.model.run import Run
from shared.store.records import Wanted

router = APIRouter(prefix="/api/v1/runs/{id}", tags=["runs"])

Code = Annotated[str | None, Query(max_length=100, description="Only those with a problem of this code.")]
FieldName = Annotated[
    str | None, Query(max_length=300, description="Only those with a problem of this field; with `code`, of both.")
]
Key = Annotated[str | None, Query(max_length=300, description="Only the record with exactly this key.")]
LINES_AT_ONCE = 500


@dataclass(frozen=True)
class Filters:
    """Which records of a run, as an address asks for them."""

    outcome: Outcome | None = None
    action: Action | None = None
    code: Code = None
    field: FieldName = None


@dataclass(frozen=True)
class Listed(Filters):
    """And which portion of them."""

    key: Key = None
    after: After = None
    limit: Limit = 100


class SearchAll(BaseModel):
    """What is searched for: a text, and what else must be so. It stays out of addresses and logs."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=100, description="A key, an id, or a part of a name or of a value.")
    outcome: Outcome | None = None
    action: Action | None = None
    code: str | None = Field(None, max_length=100)
    field: str | None = Field(None, max_length=300)


class Search(SearchAll):
    """And which portion of it."""

    after: str | None = Field(None, max_length=310, pattern=AFTER, description="`goes_on`, or the last `cursor`.")
    limit: int = Field(50, ge=1, le=200)


class Found(BaseModel):
    """`goes_on` is the `after` to look on from, where there was more to look at than a call has time for."""

    records: list[dict[str, Any]]
    goes_on: str = ""


@router.get("/records")
async def records(call: Caller, id: str, asked: Annotated[Listed, Depends()]) -> list[dict[str, Any]]:
    """What became of each record that was not simply unchanged; `Pending` are those still to be applied, `Cancelled`
    those that a cancelled run would have, `Stopped` those that were planned when a run failed. They come first."""
    run = await _readable(call, id)
    wanted = Wanted(asked.outcome, asked.action, asked.code, asked.key, field=asked.field)
    return await page_of(call.org, run, wanted, after=asked.after, limit=asked.limit)


@router.post("/records/search")
async def search(call: Caller, id: str, asked: Search) -> Found:
    """Records with a text in their key, name, id in the target or values. A call looks for a second or two."""
    run = await _readable(call, id)
    wanted = Wanted(asked.outcome, asked.action, asked.code, text=asked.text, field=asked.field)
    found = await search_records(call.org, run, wanted, after=asked.after, limit=asked.limit)
    return Found(records=found.records, goes_on=found.goes_on)


@router.get("/causes")
async def causes(call: Caller, id: str) -> list[Cause]:
    """The problems of the run by code and field, the most frequent first, each with its first few rows."""
    return await causes_of_run(call.org, await _readable(call, id))


@router.get("/records.csv")
async def download(call: Caller, id: str, asked: Annotated[Filters, Depends()]) -> StreamingResponse:
    """The records as a CSV file for a spreadsheet: a line for each problem, and one for a record without any.

    It says all in the words of the pages; programs read the codes from `/records`.
    Of a run that waits for approval, was cancelled then, or failed, also what is planned.
    """
    return await _file(call, id, Wanted(asked.outcome, asked.action, asked.code, field=asked.field))


@router.post("/records.csv")
async def download_found(call: Caller, id: str, asked: SearchAll) -> StreamingResponse:
    """The same of the records that `/records/search` finds, all of them."""
    return await _file(call, id, Wanted(asked.outcome, asked.action, asked.code, text=asked.text, field=asked.field))


async def _file(call: Call, id: str, wanted: Wanted) -> StreamingResponse:
    run = await _readable(call, id)
    about = (await call.known_connection(run.connection)).catalog_of(run.direction, run.data_type)
    headers = {
        "Content-Disposition": f'attachment; filename="records-{run.id}.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    found = each(call.org, run, wanted)
    return StreamingResponse(_csv(found, run, about), media_type="text/csv", headers=headers)


async def _readable(call: Call, id: str) -> Run:
    run = await call.run(id)
    await call.may(Deed.VIEW if run.direction == "import" else Deed.VIEW_EXPORT, subject=id)
    return run


async def _csv(found: AsyncIterator[dict[str, Any]], run: Run, about: Catalog) -> AsyncIterator[bytes]:
    """UTF-8 with the mark by which a spreadsheet knows it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    text.write("\ufeff")
    writer.writerow(_header(run))
    yield _taken(text)  # the answer begins at once, however long the first record is looked for
    lines = 0
    async for record in found:
        for cells in _lines(record, run, about):
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


def _header(run: Run) -> list[str]:
    return [
        *("Row", "Key", "Name", ID_WORDS[run.direction], "What", "Outcome"),
        *("Field", "Field code", "Column", "Value", "Cause", "What to do", "Changes"),
    ]


def _lines(record: dict[str, Any], run: Run, about: Catalog) -> Iterator[list[str]]:
    told = (record[name] for name in ("row", "key", "label", "target_id"))
    start = [*(str(one or "") for one in told), action_of(record, run), outcome_of(record, run)]
    changes = _changes(record, about)
    for problem in record["problems"] or [{}]:
        code, *wrong = (problem.get(name, "") for name in ("field", "column", "value", "message", "fix"))
        yield [*start, called(code, about), code, *wrong, changes]


def _changes(record: dict[str, Any], about: Catalog) -> str:
    is_new = record["action"] == Action.CREATE
    return "; ".join(
        f"{called(name, about)}: {shown(after)}"
        if is_new
        else f"{called(name, about)}: {shown(before)} → {shown(after)}"
        for name, (before, after) in record["changes"].items()
    )
