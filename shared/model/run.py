"""A run: one transfer, its states and its counts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.model.moment import Moment


class RunState(StrEnum):
    PENDING = "pending"
    STAGING = "staging"
    COMPARING = "comparing"
    NEEDS_APPROVAL = "needs_approval"
    APPLYING = "applying"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({RunState.SUCCEEDED, RunState.PARTIAL, RunState.FAILED, RunState.CANCELLED})

AT_WORK = frozenset({RunState.STAGING, RunState.COMPARING, RunState.APPLYING})
"""One run of a stream at a time is in these."""

UNWRITTEN = (RunState.PENDING, RunState.STAGING, RunState.COMPARING, RunState.NEEDS_APPROVAL)
"""Nothing is written in these, but for a run that is `sending`."""

PLANNED = ("create", "update", "missing", "remove")
"""What is counted of what is to be written."""

COUNTS = (
    "rows",
    "create",
    "update",
    "unchanged",
    "invalid",
    "duplicate",
    "missing",
    "known",
    "losing",
    "remove",
    "tell",
    "tell_failed",
    "created",
    "updated",
    "removed",
    "failed",
    "partial",
    "overtaken",
    "stopped",
)
"""What is counted, per slice and per run.

rows read; then what was decided: create, update, unchanged, invalid, duplicate (exact repeats, skipped), missing
(known from earlier runs, absent now), losing (updates that take program access away), remove (by an undo), tell (of
which an export sends nothing, and only tells Enroll how they stand, where it does not show that already), tell_failed
(those of them that it is to show as Failed); known before the run; and what was done: created,
updated, removed, failed at the target; partial, those created or updated but for a part; overtaken: left alone, for
others have sent them while the run waited for approval; stopped: planned, and not known to be written when the run
failed. What an undo leaves alone is its `invalid`.
"""


class Trigger(BaseModel):
    """What asked for the run. `by` is the user under whose authority it runs."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["person", "event", "schedule", "replay", "undo"]
    by: str
    id: str = ""


Delivery = Literal["", "download", "sftp", "sis"]


class SourceSpec(BaseModel):
    """Where the records come from. For `upload`: the artifact and its facts; else the kind says all.

    `changes`: of the API of a SIS only what has changed since the last run that succeeded. `run`: the earlier run of
    which this is what `failed`, or what it wrote, to `undo` it; `of_undo`: that one is itself an undo.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["upload", "sftp", "api", "enroll", "failed", "undo"]
    upload: str = ""
    name: str = ""
    sha256: str = ""
    changes: bool = False
    run: str = ""
    of_undo: bool = False


class Selection(BaseModel):
    """Which of the approved registrations an export takes; all of them where nothing is named.

    `registrations` and `student` are ids (a student's is Enroll's or the district's), `schools` school codes.
    `pending`: those that are not exported yet, Failed and Partial Sync among them. `test`: a test record, one of them.
    """

    model_config = ConfigDict(frozen=True)

    registrations: tuple[str, ...] = ()
    student: str = ""
    schools: tuple[str, ...] = ()
    pending: bool = False
    test: bool = False

    @property
    def everything(self) -> bool:
        return self == Selection()


class RunFile(BaseModel):
    """A file that an export made. `begun`: whether its delivery went through is not known yet."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int
    sha256: str
    rows: int
    artifact: str
    state: Literal["made", "begun", "delivered"] = "made"


class Wait(BaseModel):
    """A step of a run that did not get through, and is tried again by itself: why, which attempt of how many it was,
    since when, and when the next one is."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    fix: str = ""
    attempt: int
    attempts: int
    since: datetime | None = None
    next_at: datetime


class GivenUp(BaseModel):
    """Why a run that has stopped cannot be sent on: its failed messages were `discarded` by an operator, when and why,
    or it was `overtaken` by a later run."""

    model_config = ConfigDict(frozen=True)

    how: Literal["discarded", "overtaken"]
    at: datetime | None = None
    why: str = ""


class Run(BaseModel):
    """A run as stored. `number` grows with the runs of its stream (connection, direction, data type) that
    have begun; 0 before. `as_of` is the number of the run whose rows it brings once more, where it does. `compared_as`:
    the number that it had until a person approved it, if one was asked.

    `clock` is the district's own time when the run was asked for (ISO 8601 with its offset); a replay keeps it.
    `delivery` says where an export goes: into files to download or for an SFTP folder, or into the SIS itself.
    `afresh`: records that read as they did when they were sent are compared with the target too.
    `sending`: something may have been sent before the run was applying, so it cannot be cancelled any more.
    `stopped_at` is when it began to wait for a person, `decided_at` when a person decided about it.
    `followed_by` are the ids of the runs that were asked for to undo or retry this one: the latest 20, oldest first.
    `error` has code, message and fix; `text` is the code of these words, where `code` is of what is behind them.
    `waits` are the steps (`begin`, `compare_3`, `apply_0`) that are to be tried again.
    `given_up`, and `behind`, the run that this one waits for to begin, are not stored: they are looked up for whoever
    asks for this one run.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    org: str
    connection: str
    direction: Literal["import", "export"] = "import"
    data_type: str
    school_year: int
    mapping: str
    number: int = 0
    as_of: int = 0
    compared_as: int = 0
    lane: Literal["interactive", "bulk"]
    state: RunState = RunState.PENDING
    trigger: Trigger
    source: SourceSpec
    preview: bool = False
    afresh: bool = False
    roster: Literal["full", "some"] = "full"
    delivery: Delivery = ""
    selection: Selection = Selection()
    clock: str = ""
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    counts: dict[str, int] = Field(default_factory=dict)
    slices: int = 0
    to_apply: list[int] = Field(default_factory=list)
    files: list[RunFile] = Field(default_factory=list)
    delivered_at: datetime | None = None
    sending: bool = False
    stage: dict[str, Any] = Field(default_factory=dict)
    reasons: list[dict[str, Any]] = Field(default_factory=list)
    error: dict[str, str] | None = None
    stopped_at: datetime | None = None
    decided_at: datetime | None = None
    decided_by: str | None = None
    followed_by: list[str] = Field(default_factory=list)
    waits: dict[str, Wait] = Field(default_factory=dict)
    given_up: GivenUp | None = None
    behind: str = ""

    @property
    def waited(self) -> timedelta:
        """How long it waited for a person, until somebody decided or something else ended it; none while it waits."""
        until = self.decided_at or self.ended_at
        return until - self.stopped_at if self.stopped_at and until else timedelta()

    @property
    def worked(self) -> timedelta | None:
        """How long it took, without the wait for a person; None before it has ended."""
        return self.ended_at - self.started_at - self.waited if self.started_at and self.ended_at else None

    @property
    def held_up(self) -> Wait | None:
        """The step that is tried again first; None where nothing is in the way."""
        return min(self.waits.values(), key=lambda one: one.next_at, default=None) if not self.ended else None

    @property
    def held_up_since(self) -> datetime | None:
        """When the first of the steps that are tried again was held up first."""
        return min((one.since for one in self.waits.values() if one.since), default=None)

    @property
    def makes_files(self) -> bool:
        return self.delivery in ("download", "sftp")

    @property
    def undoes(self) -> str:
        """The run that this one takes back; blank where it takes nothing back."""
        return self.source.run if self.source.kind == "undo" else ""

    @property
    def undid_nothing(self) -> bool:
        """A preview of an undo that has ended, for every record would be left alone: it has done what it was asked."""
        return bool(self.undoes) and self.state is RunState.SUCCEEDED and self.counts.get("invalid", 0) > 0

    @property
    def only_tells(self) -> bool:
        """Whether an export would send nothing, and only tell Enroll how registrations stand."""
        usable = self.counts.get("rows", 0) - self.counts.get("invalid", 0)
        return bool(self.counts.get("tell")) and not self.would_change and not (self.makes_files and usable)

    @property
    def may_tell(self) -> bool:
        """Whether Enroll may be told how its registrations stand: not by a preview that nobody was asked to approve."""
        return not self.preview or self.decided_by is not None

    @property
    def would_change(self) -> bool:
        """Whether it has counted anything that is to be written otherwise than it was."""
        return any(self.counts.get(name) for name in PLANNED)

    @property
    def source_name(self) -> str:
        """What it read: the name of the file, or what the source calls itself; blank before it has been read."""
        return self.source.name or str(self.stage.get("name", ""))

    @property
    def moment(self) -> Moment:
        """What a mapping may know of when it runs."""
        return Moment(self.asked_at.date(), self.school_year)

    @property
    def asked_at(self) -> datetime:
        """When the run was asked for, by the clock of the district."""
        return datetime.fromisoformat(self.clock) if self.clock else self.created_at

    @property
    def ended(self) -> bool:
        return self.state in ENDED


def add_counts(parts: list[Mapping[str, int]]) -> dict[str, int]:
    """The totals of the slices, every count present."""
    return {name: sum(part.get(name, 0) for part in parts) for name in COUNTS}
