"""Failed messages, for operators: found, looked at, and sent again or put aside once that was confirmed."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway import failed
from services.gateway.failed import FILTERS, Chosen, Decided, Result, State
from services.gateway.pages.filters import Typed
from services.gateway.pages.message_words import REASONS, TYPES
from services.gateway.pages.site import page, then
from services.gateway.pages.visits import Visit, Visited
from services.gateway.pages.words import NONE_CHOSEN, NONE_LEFT
from shared.engine.dead_letters import Deed as Handling
from shared.model.error_texts import told

router = APIRouter(include_in_schema=False)

LIMIT: Final = 200


@router.get("/failed-messages")
async def index(
    visit: Visited,
    type: Typed = "",
    code: Typed = "",
    reason: Typed = "",
    org: Typed = "",
    run: Typed = "",
    state: State = "waiting",
) -> Response:
    asked = _filter({"type": type, "code": code, "reason": reason, "org": org, "run": run})
    found = await failed.index(visit.call, **asked, state=state, limit=LIMIT)
    about: dict[str, Any] = {**found, "asked": asked, "chosen": state, "states": get_args(State)}
    about["terms"] = {"type": TYPES, "reason": REASONS}
    return await page(visit, "failed_messages.html", **about)


@router.get("/failed-messages/{id:path}")
async def show(visit: Visited, id: str) -> Response:
    return await page(visit, "failed_message.html", letter=await failed.show(visit.call, id))


@router.post("/failed-messages/confirm", summary="Choose failed messages")
async def confirm(visit: Visited) -> Response:
    """What would be done, before it is."""
    return await _ask(visit)


@router.post("/failed-messages/decide", summary="Decide about failed messages")
async def decide(visit: Visited) -> Response:
    fields = await visit.fields()
    why = fields.get("why", "").strip()[:500]
    if not why:
        return await _ask(visit, wrong=told("failed.no_reason"))
    decided = Decided(**(await _chosen(visit)).model_dump(), deed=_deed(fields), why=why)
    results = await failed.decide(visit.call, decided)
    return then(_listed(_filled(fields)), _said(decided.deed, results))


def _said(deed: Handling, results: Sequence[Result]) -> str:
    """The name of the message about what was done: somebody else may have been faster, with all of them or some."""
    done = sum(one.done for one in results)
    if not done:
        return NONE_LEFT
    name = "replayed" if deed == "replay" else "discarded"
    return name if done == len(results) else f"{name}-some"


async def _ask(visit: Visit, wrong: Mapping[str, str] | None = None) -> Response:
    """What would be done about the chosen messages, which stay chosen; `wrong` is what kept it from being done."""
    fields = await visit.fields()
    asked = _filled(fields)
    back, chosen = _listed(asked), await _chosen(visit)
    if not chosen.is_some:
        return then(back, NONE_CHOSEN)
    decided = Decided(**chosen.model_dump(), deed=_deed(fields), why="to be confirmed", dry_run=True)
    results = await failed.decide(visit.call, decided)
    about: dict[str, Any] = {"deed": decided.deed, "results": results, "ids": decided.ids, "asked": asked}
    return await page(visit, "failed_confirm.html", status=422 if wrong else 200, **about, back=back, wrong=wrong)


async def _chosen(visit: Visit) -> Chosen:
    """Whatever fits the filter, where that is asked for; else the ids that are ticked."""
    fields = await visit.fields()
    if fields.get("all") != "1":
        return Chosen(ids=await visit.chosen("id"))
    filled = _filled(fields)
    return Chosen(**filled, everything=not filled)


def _listed(asked: Mapping[str, str]) -> str:
    """The address of the list from which a form was sent."""
    return f"/failed-messages?{urlencode(asked)}" if asked else "/failed-messages"


def _filled(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in _filter(fields).items() if value}


def _filter(given: Mapping[str, str]) -> dict[str, str | None]:
    return {name: given.get(name, "").strip()[:300] or None for name in FILTERS}


def _deed(fields: Mapping[str, str]) -> Handling:
    return "discard" if fields.get("deed") == "discard" else "replay"
