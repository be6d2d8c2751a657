"""What became of an undo since: it may itself have been taken back, and that again."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.model.run import Run, RunState
from shared.store.database import OrgStore

DEEPEST = 20
"""How many undos of undos are followed."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A run that undoes or retries another one; and the runs that took back what it did, oldest first."""

    run: Run
    undone: Sequence["Followed"] = ()


def taken_back(undo: Run) -> int:
    """How many records an undo has taken back, or found as they were before; 0 of what is no undo that has ended."""
    if not undo.undoes or not undo.ended or undo.state is RunState.CANCELLED:
        return 0
    return sum(undo.counts.get(name, 0) for name in ("created", "updated", "removed", "unchanged"))


async def followed(org: OrgStore, run: Run) -> list[Followed]:
    """The runs that undo or retry this one, in the order in which they were asked for."""
    return [Followed(one, await _undone(org, one, DEEPEST)) for one in await org.runs.following(run)]


async def _undone(org: OrgStore, undo: Run, deepest: int) -> list[Followed]:
    if not deepest or not taken_back(undo):
        return []
    found = [one for one in await org.runs.following(undo) if taken_back(one)]
    return [Followed(one, await _undone(org, one, deepest - 1)) for one in found]


async def standing(org: OrgStore, undo: Run) -> tuple[Run, bool]:
    """The last of the runs that took back wholly what the one before had done, from this undo on; and whether what
    this undo took back is taken back by now."""
    last, stands = undo, True
    for _ in range(DEEPEST):
        whole = (one for one in await org.runs.following(last) if taken_back(one) and one.state is RunState.SUCCEEDED)
        later = next(whole, None)
        if later is None:
            break
        last, stands = later, not stands
    return last, stands
