"""The Help page."""

from fastapi import APIRouter
from starlette.responses import Response

from services.gateway.pages.message_words import ADVICE, REASONS
from services.gateway.pages.site import page
from services.gateway.pages.visits import Visited
from services.gateway.pages.who_may import COLUMNS, table

router = APIRouter(include_in_schema=False)


@router.get("/help")
async def show(visit: Visited) -> Response:
    reasons = [(words, reason, ADVICE[reason]) for reason, words in REASONS.items()]
    return await page(visit, "help.html", columns=list(COLUMNS), permissions=table(), reasons=reasons)
