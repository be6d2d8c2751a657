"""What became of an undo since: it may itself have been taken back, and that again."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.model.error_texts import said
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


@dataclass(frozen=True, slots=True)
class Standing:
    """How what an undo took back stands now.

    `last` is the last of the runs that took back wholly what the one before had done, from the undo on; `stands`:
    whether what the undo took back is taken back by now; `partly` has since taken back a part of what `last` did.
    """

    last: Run
    stands: bool
    partly: Run | None = None

    @property
    def to_undo(self) -> Run:
        """The run to undo next: for the values that were taken back where all of them are, else for the others."""
        return self.partly if self.partly and self.stands else self.last

    @property
    def said(self) -> tuple[str, str, str]:
        """Why the undo is not made once more: code, message and fix."""
        run, partly = self.last.id, self.partly.id if self.partly else ""
        if self.stands and partly:
            return said("undo.done_and_partly_back", run=run, partly=partly)
        if partly:
            return said("undo.done_and_back_but_partly", run=run, partly=partly)
        return said("undo.done", run=run) if self.stands else said("undo.done_and_back", run=run)


async def standing(org: OrgStore, undo: Run) -> Standing:
    """How what this undo took back, wholly, stands now."""
    return await _standing(org, undo, DEEPEST)


async def _standing(org: OrgStore, undo: Run, deepest: int) -> Standing:
    last, stands = undo, True
    for left in range(deepest, 0, -1):
        found = [one for one in await org.runs.following(last) if taken_back(one)]
        later = next((one for one in found if one.state is RunState.SUCCEEDED), None)
        if later is None:
            return Standing(last, stands, await _partly(org, found, left - 1))
        last, stands = later, not stands
    return Standing(last, stands)


async def _partly(org: OrgStore, undos: Sequence[Run], deepest: int) -> Run | None:
    """The run because of which a part is taken back now: the latest of these undos, or what brought that back."""
    for one in reversed(undos):
        found = await _standing(org, one, deepest)
        if found.stands or found.partly:
            return one if found.stands else found.partly
    return None
