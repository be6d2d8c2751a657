"""A form whose draft was changed in another window is stopped: what was typed, beside what stands there now."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from services.gateway.pages.mapping.carried import carried
from services.gateway.pages.mapping.difference import beside
from services.gateway.pages.mapping.screen import Screen
from shared.mapping.merging import take_over
from shared.mapping.versions import compare, rows
from shared.model.draft import Draft
from shared.model.errors import Conflict

Typed = Callable[[Draft], Draft]
"""What a form says, laid over the draft it was made from."""


async def stopped(one: Screen, form: Mapping[str, str], error: Conflict, typed: Typed, then: str) -> Response:
    """`then` is what was to be done with it. Raises the error where the form does not say what it was made from."""
    base = await one.made_from(form)
    if base is None:
        raise error
    return await shown(one, base, typed(base), then)


async def shown(one: Screen, base: Draft, mine: Draft, then: str) -> Response:
    both = take_over(base, mine, one.draft).both
    changes = beside(compare(base, mine), dict(rows(one.draft)), both, one.names)
    about: dict[str, Any] = {"changes": changes, "both": sorted(map(one.names.filled, both))}
    about |= {"was": carried(base), "mine": carried(mine), "then": then}
    return await one.page("stopped.html", "fields", status=409, **about)
