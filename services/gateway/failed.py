"""Failed messages, for operators: searched, looked at, sent again, put aside."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from services.gateway.context import Call, Caller, Limit
from shared.engine.dead_letters import DeadLetters, shown
from shared.engine.dead_letters import Deed as Handling
from shared.model.error_texts import said
from shared.model.errors import BadInput, NotFound
from shared.model.permission import Deed
from shared.store.failed import Selection

router = APIRouter(prefix="/api/v1/failed-messages", tags=["operators"])

State = Literal["waiting", "replayed", "discarded", "any"]
Text = Annotated[str | None, Query(max_length=300)]
SETTLED = {"replayed": "was sent again already.", "discarded": "was discarded already."}
FILTERS = ("type", "code", "reason", "org", "run")
NAMED = 2


class Chosen(BaseModel):
    """Which messages: by id, or all that fit the other fields. Nothing given chooses none."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] = Field(default=[], max_length=1000)
    type: str | None = None
    code: str | None = None
    reason: str | None = None
    org: str | None = None
    run: str | None = None
    everything: bool = False

    @property
    def is_some(self) -> bool:
        return bool(self.ids or self.everything or any(getattr(self, name) for name in FILTERS))

    def selection(self) -> Selection:
        """Raises BadInput where nothing is chosen."""
        if not self.is_some:
            raise BadInput(*said("failed.none_chosen"))
        return Selection(tuple(self.ids), **self.model_dump(include=set(FILTERS)))


class Decided(Chosen):
    """What is to be done about them. `why` is kept with each."""

    deed: Handling
    why: str = Field(min_length=1, max_length=500)
    dry_run: bool = False


class Result(BaseModel):
    id: str
    type: str
    done: bool
    why_not: str = ""


@router.get("")
async def index(
    call: Caller,
    type: Text = None,
    code: Text = None,
    reason: Text = None,
    org: Text = None,
    run: Text = None,
    state: State = "waiting",
    limit: Limit = 50,
) -> dict[str, Any]:
    """The oldest first, and how many there are in all."""
    await call.may(Deed.OPERATE, subject="failed messages")
    selection = Selection((), type or None, code or None, reason or None, org or None, run or None)
    wanted = None if state == "any" else state
    failed = call.gateway.base.store.failed
    found = await failed.find(selection, state=wanted, limit=limit)
    return {"messages": [shown(one) for one in found], "total": await failed.count(selection, state=wanted)}


@router.get("/{id:path}")
async def show(call: Caller, id: str) -> dict[str, Any]:
    """Everything about one. Messages hold ids only, no personal data; the body of what is none of ours stays blank."""
    failed = call.gateway.base.store.failed

    async def look(id: str) -> dict[str, Any]:
        found = await failed.find(Selection((id,)), state=None, limit=1)
        if not found:
            raise NotFound(*said("failed.not_found"))
        return shown(found[0])

    return await call.found(Deed.OPERATE, look, id, subject=f"failed message {id}"[:300])


@router.post("/decide")
async def decide(call: Caller, asked: Decided) -> list[Result]:
    """Send them again or put them aside; with `dry_run` say what would be done. Last come those of the ids
    that do not wait any more."""
    await call.may(Deed.OPERATE, subject=_subject(asked))
    selection = asked.selection()
    letters = DeadLetters(
        call.gateway.base.store, call.gateway.base.engine.relay, call.gateway.base.settings.topology()
    )
    handled = letters.handle(asked.deed, selection, by=call.who.user, why=asked.why, dry_run=asked.dry_run)
    results = [
        Result(id=one.letter["_id"], type=one.letter["type"], done=one.done, why_not=one.why_not)
        async for one in handled
    ]
    return results + await _settled(call, set(asked.ids) - {one.id for one in results})


async def _settled(call: Call, ids: AbstractSet[str]) -> list[Result]:
    """Those of these that somebody has dealt with already."""
    if not ids:
        return []
    found = await call.gateway.base.store.failed.find(Selection(sorted(ids)), state=None, limit=0)
    settled = [one for one in found if one["state"] != "waiting"]
    return [Result(id=one["_id"], type=one["type"], done=False, why_not=SETTLED[one["state"]]) for one in settled]


def _named(ids: Sequence[str]) -> str:
    """Each of a few, else how many."""
    return ", ".join(one[:60] for one in ids) if len(ids) <= NAMED else f"{len(ids)} by id"


def _subject(asked: Decided) -> str:
    """For the audit log: what, of which or of which kind, and the reason given."""
    kind = ", ".join(f"{name} {value}" for name in FILTERS if (value := getattr(asked, name)))
    which = _named(asked.ids) if asked.ids else kind or "all"
    tried = " (tried out)" if asked.dry_run else ""
    return f"{asked.deed} failed messages{tried}: {which}; {asked.why}"[:300]
