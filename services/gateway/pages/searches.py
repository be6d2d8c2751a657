"""What is searched for may be a student's name, so it stands in no address and no log: the session keeps it.

The result has an address with a token that means nothing to anybody else, so it can be loaded again and gone back to.
"""

from typing import Annotated, Final

from fastapi import Query

from services.gateway.pages.visits import Visit

SEARCH: Final = "search"
"""The parameter that has the token."""
Token = Annotated[str, Query(alias=SEARCH, max_length=100)]


async def kept(visit: Visit, text: str) -> str:
    """The token of a text that is searched for; that of before where it was searched for already."""
    known = (token for token, held in visit.session.searches.items() if held == text)
    return next(known, "") or await visit.call.gateway.sessions.keep_search(visit.session.id, text)


def sought(visit: Visit, token: str) -> str | None:
    """What the token stands for, blank without one. None where this session does not know it, or no longer."""
    return visit.session.searches.get(token) if token else ""
