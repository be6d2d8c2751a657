"""Failed messages, for operators: found, looked at, and sent again or put aside once that was confirmed."""

from collections.abc import Mapping
from typing import Any, Final, get_args
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway import failed
from services.gateway.failed import FILTERS, Chosen, Decided, State
from services.gateway.pages.filters import Typed
from services.gateway.pages.site import page, then
from services.gateway.pages.visits import Visit, Visited
from services.gateway.pages.words import NONE_CHOSEN
from shared.engine.dead_letters import Deed as Handling
from shared.model.error_texts import said
from shared.model.errors import BadInput

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
    return await page(visit, "failed_messages.html", **about)


@router.get("/failed-messages/{id:path}")
async def show(visit: Visited, id: str) -> Response:
    return await page(visit, "failed_message.html", letter=await failed.show(visit.call, id))


@router.post("/failed-messages/confirm", summary="Choose failed messages")
async def confirm(visit: Visited) -> Response:
    """What would be done, before it is."""
    fields = await visit.fields()
    back = _listed(fields)
    chosen = await _chosen(visit)
    if not chosen.is_some:
        return then(back, NONE_CHOSEN)
    decided = Decided(**chosen.model_dump(), deed=_deed(fields), why="to be confirmed", dry_run=True)
    results = await failed.decide(visit.call, decided)
    about: dict[str, Any] = {"deed": decided.deed, "results": results, "chosen": decided, "back": back}
    return await page(visit, "failed_confirm.html", **about)


@router.post("/failed-messages/decide", summary="Decide about failed messages")
async def decide(visit: Visited) -> Response:
    fields = await visit.fields()
    why = fields.get("why", "").strip()[:500]
    if not why:
        raise BadInput(*said("failed.no_reason"))
    decided = Decided(**(await _chosen(visit)).model_dump(), deed=_deed(fields), why=why)
    await failed.decide(visit.call, decided)
    return then("/failed-messages", "replayed" if decided.deed == "replay" else "discarded")


async def _chosen(visit: Visit) -> Chosen:
    """The ids that are ticked, else whatever fits the filter."""
    fields = await visit.fields()
    ids = await visit.chosen("id")
    if ids or fields.get("all") != "1":
        return Chosen(ids=ids)
    filled = _filter(fields)
    return Chosen(**filled, everything=not any(filled.values()))


def _listed(fields: Mapping[str, str]) -> str:
    """The address of the list from which a form was sent."""
    kept = {name: value for name, value in _filter(fields).items() if value}
    return f"/failed-messages?{urlencode(kept)}" if kept else "/failed-messages"


def _filter(given: Mapping[str, str]) -> dict[str, str | None]:
    return {name: given.get(name, "").strip()[:300] or None for name in FILTERS}


def _deed(fields: Mapping[str, str]) -> Handling:
    return "discard" if fields.get("deed") == "discard" else "replay"
