"""Where a value comes from: which run wrote it, from which row and column, by which mapping, over what."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from shared.model.run import RunState, SourceSpec, Trigger


class Writer(BaseModel):
    """The run behind a write. `row` is that of its source, `columns` are those that the field was made from.

    `undoes` names the run that it took back; such a run has no mapping of its own.
    """

    run: str
    number: int
    state: RunState
    trigger: Trigger
    at: datetime
    source: SourceSpec
    source_name: str = ""
    row: int | None = None
    columns: Sequence[str] = ()
    mapping: str = ""
    mapping_name: str = ""
    mapping_version: int = 0
    undoes: str = ""


class Write(BaseModel):
    """`value` was written in place of `before`."""

    value: Any
    before: Any
    by: Writer


class FieldHistory(Write):
    """The last write of a field, and the ones before, newest first; `next` goes on behind them where there are more."""

    field: str
    label: str
    earlier: Sequence[Write] = ()
    next: int | None = None


Decided = Literal["Failed", "Partial Sync", "Succeeded", "Unchanged", "Absent", "Not sent", "Unknown"]


class Decision(BaseModel):
    """What the last run decided about the record. `Absent`: it was not in the source; `Not sent`: the run broke off."""

    outcome: Decided
    action: str = ""
    by: Writer
    problems: Sequence[dict[str, str]] = ()


class Explanation(BaseModel):
    """All that was written to one record through one connection, field by field. `label` is what people call it;
    `deleted_at` when the connection was deleted, if it was."""

    connection: str
    deleted_at: datetime | None = None
    direction: Literal["import", "export"]
    data_type: str
    key: str
    label: str = ""
    target_id: str | None
    fields: Sequence[FieldHistory]
    last: Decision | None
