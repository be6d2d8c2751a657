"""What was typed in one window put together with what was changed in another one since it was opened."""

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.gateway.pages.filters import named
from services.gateway.pages.mapping.carried import given_back
from services.gateway.pages.mapping.fields import HOME, saved
from services.gateway.pages.mapping.screen import screen
from services.gateway.pages.mapping.stopped import shown
from services.gateway.pages.visits import Visited
from shared.contracts.topology import Direction
from shared.mapping.merging import take_over
from shared.model.error_texts import said
from shared.model.errors import Conflict

router = APIRouter(include_in_schema=False, dependencies=[Depends(named)])


@router.get(HOME + "/together")
async def again(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """Whoever loads such a page anew gets the mapping as it is now."""
    return (await screen(visit, id, direction, data_type)).then("fields")


@router.post(HOME + "/together", summary="What was changed in two windows of a mapping")
async def decide(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """With what the person has seen: where it was changed once more, they are shown that first."""
    one, form = await screen(visit, id, direction, data_type), await visit.fields()
    base, mine = given_back(form.get("was", "")), given_back(form.get("mine", ""))
    if base is None or mine is None:
        raise Conflict(*said("draft.elsewhere"))
    do, then = form.get("do", ""), form.get("then", "")
    try:
        await one.go_on(form)
    except Conflict:
        return await shown(one, base, mine, then)
    if do not in ("mine", "theirs"):
        return await shown(one, base, mine, then)
    now = one.draft
    made = take_over(base, now, mine) if do == "theirs" else take_over(base, mine, now)
    await one.keep(made.draft.model_copy(update={"base": now.base}))
    return await saved(one, "") if then == "save" else one.then("fields", "put-together")
