"""What is searched for may be a student's name, so it stands in no address and no log: the session keeps it.

The result has an address with a token that means nothing to anybody else, so it can be loaded again and gone back to.
"""

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Query, Request
from starlette.responses import Response

from services.gateway.pages.filters import without
from services.gateway.pages.visits import Visit, Visited
from services.gateway.pages.words import SEARCH_OVER

SEARCH: Final = "search"
"""The parameter that has the token."""


class SearchOver(Exception):
    """This session does not know the token, or no longer."""


async def kept(visit: Visit, text: str) -> dict[str, str]:
    """What an address says of a text that is searched for: the token of before where it was searched for already."""
    known = (token for token, held in visit.session.searches.items() if held == text)
    return {SEARCH: next(known, "") or await visit.call.gateway.sessions.keep_search(visit.session.id, text)}


@dataclass(frozen=True, slots=True)
class Sought:
    """What an address searches for: both are blank where it does not."""

    token: str
    text: str

    @property
    def asked(self) -> dict[str, str]:
        """What the address of the same search says."""
        return {SEARCH: self.token} if self.token else {}


async def _sought(visit: Visited, token: Annotated[str, Query(alias=SEARCH, max_length=100)] = "") -> Sought:
    if not token:
        return Sought("", "")
    text = visit.session.searches.get(token)
    if text is None:
        raise SearchOver
    return Sought(token, text)


Searched = Annotated[Sought, Depends(_sought)]


async def over(request: Request, error: Exception) -> Response:
    """To the page without the search."""
    return without(request, {SEARCH}, SEARCH_OVER)
