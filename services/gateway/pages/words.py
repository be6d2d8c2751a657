"""How things are called on pages, and how times and numbers are written."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from services.gateway.actions import LEFT_ALONE, gone
from services.gateway.values import shown
from shared.adapters.registrations import Listed
from shared.engine.undone import taken_back as count_taken_back
from shared.model.catalog import catalog
from shared.model.connection import Connection, Instance
from shared.model.kind import Kind
from shared.model.run import Run, RunState, SourceSpec, Wait
from shared.store.sessions import Session

KINDS: Final[Mapping[Kind, str]] = {
    Kind.AD_HOC: "Ad Hoc CSV",
    Kind.SFTP: "SFTP",
    Kind.POWERSCHOOL: "PowerSchool",
    Kind.AERIES: "Aeries",
    Kind.SKYWARD: "Skyward Qmlativ",
    Kind.ONEROSTER: "OneRoster",
}
INSTANCES: Final[Mapping[Instance, str]] = {
    "production": "Production, where families and staff work",
    "sandbox": "Sandbox, to try things out in Enroll. A SIS or a file server that it reaches is real all the same",
}
STATES: Final[Mapping[RunState, str]] = {
    RunState.PENDING: "Waiting",
    RunState.STAGING: "Reading",
    RunState.COMPARING: "Comparing",
    RunState.NEEDS_APPROVAL: "Needs approval",
    RunState.APPLYING: "Sending",
    RunState.SUCCEEDED: "Succeeded",
    RunState.PARTIAL: "Partly succeeded",
    RunState.FAILED: "Failed",
    RunState.CANCELLED: "Cancelled",
}
TONES: Final[Mapping[RunState, str]] = {
    RunState.NEEDS_APPROVAL: "ask",
    RunState.SUCCEEDED: "good",
    RunState.PARTIAL: "warn",
    RunState.FAILED: "bad",
    RunState.CANCELLED: "off",
}
OUTCOMES: Final[Mapping[str, str]] = {
    "Pending": "ask",
    "In Progress": "busy",
    "Failed": "bad",
    "Partial Sync": "warn",
    "Succeeded": "good",
    "Cancelled": "off",
    "Stopped": "warn",
    LEFT_ALONE: "warn",
}
COUNTS: Final[Mapping[str, str]] = {
    "rows": "Rows read",
    "create": "To create",
    "update": "To change",
    "unchanged": "Unchanged",
    "invalid": "Invalid rows",
    "remove": "To remove",
    "tell": "Only to be told to Enroll: how they stand",
    "duplicate": "Repeated rows",
    "created": "Created",
    "updated": "Changed",
    "removed": "Removed",
    "failed": "Refused",
    "partial": "Partial Sync",
    "overtaken": "Left alone: sent by others while this waited",
    "stopped": "Stopped: planned, and not known to be written",
}
EXPORT_COUNTS: Final[Mapping[str, str]] = {"rows": "Registrations read", "invalid": "Cannot be exported"}
"""What is called otherwise in an export."""
UNDO_COUNTS: Final[Mapping[str, str]] = {
    "rows": "Records looked at",
    "create": "To bring back",
    "update": "To change back",
    "unchanged": "As they were already",
    "invalid": LEFT_ALONE,
    "created": "Brought back",
    "updated": "Changed back",
    "partial": "Taken back in part",
}
"""What is called otherwise in a run that takes another one back."""
TRIGGERS: Final[Mapping[str, str]] = {
    "person": "by hand, {who}",
    "event": "by an event of Enroll, under {who}",
    "schedule": "by schedule, switched on by {who}",
    "replay": "by hand, {who}: a retry",
    "undo": "by hand, {who}: an undo",
}
PLANNED: Final[Mapping[str, tuple[str, ...]]] = {"created": ("create",), "updated": ("update", "missing", "remove")}
"""What is decided before it is done, by what is counted then."""
LED_BACK: Final = "led-back"
SEARCH_OVER: Final = "search-over"
NOTHING_SOUGHT: Final = "nothing-sought"
NONE_CHOSEN: Final = "none-chosen"
NOT_COMPARED: Final = "not-compared"
STARTS_NOT_COMPARED: Final = "starts-not-compared"
STARTED_NOT_COMPARED: Final = "started-not-compared"
NONE_LEFT: Final = "none-left"
ASKING: Final = frozenset(
    {
        *(LED_BACK, SEARCH_OVER, NOTHING_SOUGHT, NONE_CHOSEN, NONE_LEFT, "replayed-some", "discarded-some"),
        *(NOT_COMPARED, STARTS_NOT_COMPARED, STARTED_NOT_COMPARED),
    }
)
"""Messages of what was not done, or not quite, as it was asked for."""
MESSAGES: Final[Mapping[str, str]] = {
    LED_BACK: "The address had a part that means nothing here, so that part was left out. Nothing is lost.",
    SEARCH_OVER: "This search is over: it ends when one signs out, and is nobody else's. This is the page without it.",
    NOTHING_SOUGHT: "Type whom or what to explain: a name, a student ID, or the number of a registration.",
    NONE_CHOSEN: "No message is chosen. Tick those that you mean, or the box for all that fit the filter.",
    NOT_COMPARED: "Saved, but the school codes were not compared with Enroll, which could not be asked. Check them, or "
    "open Schools again later: what Enroll does not know is marked there.",
    STARTS_NOT_COMPARED: "Saved, but the codes of the schools that start on another day were not compared with Enroll, "
    "which could not be asked. Check them: the day of a code that Enroll does not know is nobody's.",
    STARTED_NOT_COMPARED: "Started, but the code of the school was not compared with Enroll, which could not be asked. "
    "Check it: of a school that Enroll does not know nobody is exported.",
    "added": "The connection was added.",
    "saved": "Saved.",
    "switched-on": "Switched on.",
    "sends-approved": "Switched on. Each registration that is approved in Enroll from now on is exported at once.",
    "switched-off": "Switched off.",
    "approved": "Approved. Exactly what was compared is being sent.",
    "tell-approved": "Approved. Nothing is exported; Enroll is told how these registrations stand.",
    "undo-approved": "Approved. Exactly what was shown is being taken back.",
    "preview": "This shows what would be sent. Nothing is changed until you approve it.",
    "undo": "This shows what would be taken back. Nothing is changed until you approve it.",
    "rejected": "Rejected. Nothing was written.",
    "cancelled": "Cancelled. Nothing was written.",
    "started": "Started.",
    "newest": "This is the newest version: there is nothing to restore.",
    "joined": "Nothing new was started: this is asked for already. Here it is.",
    "credentials": "The credentials were replaced. Test connection tells whether they work.",
    "removed": "The schedule was removed.",
    "host-key": "The host key was approved.",
    "mapping-saved": "Saved as a new version. The next run uses it.",
    "put-together": "What you typed, and what was changed elsewhere, are in your draft now. Nothing is saved.",
    "taken-over": "Their changes are in your draft now; a row that both of you changed stayed yours. Nothing is saved.",
    "draft-discarded": "The draft is gone. This is the newest version.",
    "examples-read": "Read. Mapped Value shows the first rows; nothing was imported.",
    "accepted": "Taken into your draft.",
    "nothing-suggested": "Nothing more can be suggested: no other field of the SIS is called like a field of Enroll "
    "and takes what it holds.",
    "restored": "Restored as a new version. The next run uses it.",
    "deleted": "Deleted.",
    "replayed": "Sent again.",
    "discarded": "Discarded. The archive keeps it.",
    NONE_LEFT: "Nothing was done: none of these messages waits any more. Somebody has sent them again or discarded "
    "them already, or they are out of date. The list, with State: All, says who, when and why.",
    "replayed-some": "Sent again, but for those that somebody has sent again or discarded already, or that are out of "
    "date.",
    "discarded-some": "Discarded, but for those that somebody has sent again or discarded already.",
}


def kind(one: Connection | Kind) -> str:
    return KINDS[one if isinstance(one, Kind) else one.kind]


def state(run: Run) -> str:
    return STATES[run.state]


def tone(run: Run) -> str:
    """A run that is under way is busy."""
    return TONES.get(run.state, "busy")


def what(run: Run) -> str:
    """What a run does: `Import`, `Undo of an export`, `Undo of an undo of an export`."""
    if not run.undoes:
        return run.direction.capitalize()
    return f"Undo of an undo of an {run.direction}" if run.source.of_undo else f"Undo of an {run.direction}"


def earlier(source: SourceSpec) -> str:
    """What stands behind a run that has such a source: what it takes back, or retries."""
    return "an earlier undo" if source.of_undo else "an earlier run"


def is_due(wait: Wait) -> bool:
    """Whether the next attempt is being made by now."""
    return wait.next_at <= datetime.now(UTC)


def read_from(run: Run) -> str:
    """What the source of an import is called before its name; blank where nothing has been read yet."""
    if run.direction == "export" or not run.source_name:
        return ""
    return "File" if run.source.name or run.source.kind == "sftp" else "Read from"


def only_shows(run: Run) -> bool:
    """Whether it is a preview that nobody has approved."""
    return run.preview and (run.decided_by is None or run.state is RunState.CANCELLED)


def asked_by(run: Run, session: Session) -> str:
    """What asked for a run, and who; `session` is of whoever reads it."""
    said = TRIGGERS[run.trigger.kind]
    return said.format(who=who(run, session)) if run.trigger.by else said.partition(",")[0]


def who(run: Run, session: Session) -> str:
    """Under whose authority a run is."""
    by = run.trigger.by
    return f"{session.name} ({by})" if by == session.who.user != session.name else by


def followed(one: Run) -> str:
    """What a run that undoes or retries another is called there, before its link."""
    what = "Undo" if one.undoes else "Retry of what failed"
    if one.state is RunState.NEEDS_APPROVAL:
        return f"{what} waits for approval:"
    if one.state is RunState.CANCELLED:
        return f"{what}, not done:"
    if not one.ended:
        return f"{what} under way:"
    if not one.undoes:
        return "What failed was retried:"
    if one.state is RunState.SUCCEEDED and not one.undid_nothing:
        return "Undone by"
    return "Partly undone by" if count_taken_back(one) else "Undo, nothing taken back:"


def undone_since(one: Run) -> str:
    """What is said, before its link, of an undo that took back another one, behind what is said of that."""
    return "This was taken back by" if one.state is RunState.SUCCEEDED else "This was partly taken back by"


def taken_back(one: Run) -> str:
    """`4 of 5 taken back`, of an undo that has ended; blank of everything else."""
    rows, partial = one.counts.get("rows", 0), one.counts.get("partial", 0)
    if not one.undoes or not one.ended or one.state is RunState.CANCELLED or not rows:
        return ""
    said = f"{count_taken_back(one):,} of {rows:,} taken back"
    return f"{said}, {partial:,} of them in part" if partial else said


def to_look_at(run: Run) -> str:
    """What is said of a run that waits, above the buttons: what there is to be looked at before it is approved."""
    if run.only_tells:
        return "Nothing has been written, and nothing would be exported."
    if run.makes_files and not run.would_change:
        return "Nothing has been written. No row differs from the last export; approving makes the files once more."
    return "Nothing has been written. Look at what would change below, then decide."


def to_approve(run: Run) -> str:
    """What the button says that approves it."""
    return (
        "Approve and take back" if run.undoes else "Approve and tell Enroll" if run.only_tells else "Approve and send"
    )


def planned(run: Run, done: str) -> int | None:
    """How many a run that waits for approval would create, or change; None for another run, which has done it."""
    if run.state is not RunState.NEEDS_APPROVAL:
        return None
    return sum(run.counts.get(name, 0) for name in PLANNED[done])


def written(run: Run, done: str) -> int:
    """How many it has created, or changed; whom an undo has removed is among the changed, as before it was approved."""
    return run.counts.get(done, 0) + (run.counts.get("removed", 0) if done == "updated" else 0)


def failed(run: Run) -> int:
    """How many records could not be used, or were refused; what an undo leaves alone is neither."""
    return run.counts.get("failed", 0) + (0 if run.undoes else run.counts.get("invalid", 0))


def stopped(run: Run) -> int:
    """How many records a run that has ended had planned, and did not reach."""
    return run.counts.get("stopped", 0) if run.ended else 0


def left_alone(run: Run) -> int:
    """How many records an undo does not take back."""
    return run.counts.get("invalid", 0) if run.undoes else 0


def counted(run: Run) -> list[tuple[int, str]]:
    """What a run counted, with what each is called; without what there is none of."""
    otherwise = UNDO_COUNTS if run.undoes else EXPORT_COUNTS if run.direction == "export" else {}
    words = {**COUNTS, **otherwise, "missing": gone(run)}
    found = {**run.counts, "stopped": stopped(run)}
    return [(found[name], said) for name, said in words.items() if found.get(name)]


def label(data_type: str) -> str:
    """What a data type is called."""
    return catalog(data_type).label


def school_year(year: int) -> str:
    """`2026-27`."""
    return f"{year}-{(year + 1) % 100:02d}"


def moment(at: datetime | None, zone: str = "") -> str:
    """`25 Nov 2026, 18:40 MST`, in a zone of IANA's list; UTC where none is given."""
    if at is None:
        return "–"
    local = at.replace(tzinfo=at.tzinfo or UTC).astimezone(ZoneInfo(zone or "UTC"))
    return f"{local.day} {local:%b %Y, %H:%M %Z}"


def number(count: int) -> str:
    return f"{count:,}"


def plural(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `1 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"


def zone_of(connection: Connection) -> str:
    """The zone in which the times of a connection are shown."""
    return connection.zone


def at_school(one: Listed) -> str:
    """Where a registration is for; by the code of the school where Enroll gives it no name."""
    return one.school or (f"school {one.school_code}" if one.school_code else "no school")


def versioned(name: str, version: int) -> str:
    """A version of a mapping: `“default”, version 2`."""
    return f"“{name}”, version {version}"


FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    "kind": kind,
    "state": state,
    "tone": tone,
    "what": what,
    "earlier": earlier,
    "is_due": is_due,
    "read_from": read_from,
    "only_shows": only_shows,
    "asked_by": asked_by,
    "who": who,
    "followed": followed,
    "undone_since": undone_since,
    "taken_back": taken_back,
    "to_look_at": to_look_at,
    "to_approve": to_approve,
    "planned": planned,
    "failed": failed,
    "left_alone": left_alone,
    "written": written,
    "stopped": stopped,
    "label": label,
    "school_year": school_year,
    "moment": moment,
    "number": number,
    "plural": plural,
    "duration": duration,
    "zone_of": zone_of,
    "shown": shown,
    "counted": counted,
    "versioned": versioned,
    "at_school": at_school,
}
