"""Rows on their way in, changes on their way out, and what became of each record."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

Values: TypeAlias = dict[str, Any]
"""Target field name (`students.fname`) to its value. A field that is left out is not to be touched."""


class Outcome(StrEnum):
    """What became of one record, spelled as people know it."""

    PENDING = "Pending"
    IN_PROGRESS = "In Progress"
    FAILED = "Failed"
    PARTIAL = "Partial Sync"
    SUCCEEDED = "Succeeded"
    CANCELLED = "Cancelled"
    STOPPED = "Stopped"
    """Planned, and not known to be written: the run failed before."""


class Action(StrEnum):
    """What a run decided to do about one record."""

    CREATE = "create"
    UPDATE = "update"
    MISSING = "missing"
    REMOVE = "remove"
    """Taken out of the target again, where it holds what was written and nothing else."""
    ADOPT = "adopt"
    """The target already holds exactly this: nothing is sent, the record is only remembered."""
    NONE = "none"


@dataclass(slots=True, frozen=True)
class Problem:
    """Why one record failed. Holds personal data (`value`): stored with the record, never logged.

    `field` is the target field, `column` the source column; either may be empty.
    """

    code: str
    message: str
    fix: str = ""
    field: str = ""
    column: str = ""
    value: str = ""

    def as_dict(self) -> dict[str, str]:
        return {
            "code": self.code,
            "message": self.message,
            "fix": self.fix,
            "field": self.field,
            "column": self.column,
            "value": self.value[:200],
        }


@dataclass(slots=True)
class RowBatch:
    """Rows of one source in the order they were read.

    `rows` are `(number, values)` with as many values as there are columns; the number is the row a spreadsheet shows
    (the header is row 1). `bad` are rows that could not be read as rows at all.
    """

    rows: list[tuple[int, list[str]]] = field(default_factory=list)
    bad: list[tuple[int, Problem]] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Sought:
    """A record that the target is asked for: by its id there, where that is known, else by key or values.

    `interrupted`: an attempt to create it was cut off, so nobody knows whether it is there.
    """

    key: str
    values: Values = field(default_factory=dict)
    target_id: str | None = None
    interrupted: bool = False


@dataclass(slots=True, frozen=True)
class Found:
    """What the target holds now for a record. `problems` say why it cannot be told which one is meant."""

    target_id: str
    values: Values
    problems: Sequence[Problem] = ()


@dataclass(slots=True, frozen=True)
class Change:
    """One record to send. `row` is 0 where no source row stands behind it (a missing record).

    `label` is what people call the record. `problems` say what of the record is not sent, and is known before: it ends
    as a Partial Sync.
    `digest` and `mark` are remembered with the record: of the values that were sent, and of the row they came from.
    """

    key: str
    action: Action
    row: int
    values: Values
    before: Values
    target_id: str | None
    digest: str
    mark: str
    problems: Sequence[Problem] = ()
    label: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing of an update is left to be sent but its problems to be told."""
        return self.action is Action.UPDATE and not self.before and bool(self.problems)

    @property
    def is_sent(self) -> bool:
        """Whether the target is called for it: not where it holds all of it already, and not where nothing is left."""
        return self.action not in (Action.ADOPT, Action.NONE) and not self.is_empty


@dataclass(slots=True, frozen=True)
class ChangeBatch:
    """Changes sent in one call. Sending a batch again under the same idempotency key has no further effect."""

    idempotency_key: str
    changes: Sequence[Change]


@dataclass(slots=True, frozen=True)
class Applied:
    """The target's answer about one change.

    `status`: created, updated, removed, unchanged, failed, gone, or kept: nothing was to be sent. `partial`: it
    was saved, but for what the problems name.
    """

    key: str
    ok: bool
    status: str
    target_id: str | None = None
    problems: Sequence[Problem] = ()
    partial: bool = False
