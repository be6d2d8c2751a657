"""Somebody else has saved since a draft was begun: what they changed, and what is to become of the draft."""

from typing import Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.gateway import drafts
from services.gateway.pages.filters import named
from services.gateway.pages.mapping.difference import beside
from services.gateway.pages.mapping.fields import HOME, saved
from services.gateway.pages.mapping.screen import Screen, screen
from services.gateway.pages.visits import Visited
from shared.contracts.topology import Direction
from shared.mapping.versions import rows
from shared.model.number import whole_number

router = APIRouter(include_in_schema=False, dependencies=[Depends(named)])


@router.get(HOME + "/newer")
async def show(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    return await shown(await screen(visit, id, direction, data_type))


@router.post(HOME + "/newer", summary="What somebody else has saved of a mapping")
async def decide(visit: Visited, id: str, direction: Direction, data_type: str) -> Response:
    """About the version that was looked at: of one that is newer still, the person is told again."""
    one, form = await screen(visit, id, direction, data_type), await visit.fields()
    do, version = form.get("do", ""), whole_number(form.get("version", ""), 0)
    if do == "theirs":
        await drafts.drop(visit.call, id, direction, data_type, one.whose.name)
        return one.then("fields", "draft-discarded")
    if not one.desk.kept or do not in ("both", "save", "mine"):
        return one.then("fields")
    if do == "mine":
        await one.keep(one.draft.model_copy(update={"base": version}))
        return await saved(one, "")
    await drafts.taken_over(visit.call, id, direction, data_type, version, one.whose.name)
    if do == "both":
        return one.then("fields", "taken-over")
    return await saved(await screen(visit, id, direction, data_type), "")


async def shown(one: Screen) -> Response:
    """Back to the mapping where nothing is newer."""
    whose = one.whose
    newer = await drafts.newer(one.visit.call, whose.connection.id, whose.direction, whose.data_type, whose.name)
    if newer.base == newer.latest:
        return one.then("fields")
    changes = beside(newer.changes, dict(rows(one.draft)), newer.both, one.names)
    about: dict[str, Any] = {"newer": newer, "both": list(map(one.names.filled, newer.both)), "changes": changes}
    return await one.page("newer.html", "fields", **about)
