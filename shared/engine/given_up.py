"""What became of the failed messages of a run that has stopped: whether an operator can still send it on."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.engine.lease import LeaseLost
from shared.model.error_texts import is_for_operators, told
from shared.model.errors import Throttled, Unavailable
from shared.model.run import GivenUp, Run, RunState
from shared.store.database import Store
from shared.store.failed import Selection

PASSING: Final = frozenset(one.__name__ for one in (Unavailable, Throttled, LeaseLost))
"""What a failed message calls an error that passes by itself."""
INSTEAD: Final = {"discarded": told("run.discarded_letter"), "overtaken": told("run.overtaken_letter")}
"""Whose fix stands in its place."""


async def as_it_stands(store: Store, run: Run) -> Run:
    """The run, and where nobody can send it on any more: why, and what is to be done instead."""
    if run.state not in (RunState.FAILED, RunState.PARTIAL) or run.error is None:
        return run
    found = await store.failed.find(Selection(org=run.org, run=run.id), state=None)
    steps = [one for one in found if one["_id"].startswith(f"{run.id}/")]
    if not is_for_operators(run.error) and not _ran_out(run.error, steps):
        return run
    given_up = await _given_up(store, run, steps)
    if given_up is None:
        return run
    fix = INSTEAD[given_up.how]["fix"]
    return run.model_copy(update={"given_up": given_up, "error": {**run.error, "fix": fix}})


def _ran_out(error: Mapping[str, str], letters: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the error is one of `run.gave_up` from before errors kept the code of their text: it has the code of what
    stood in the way of a message until no attempt was left."""
    passing = {one["code"] for one in letters if one["error"] in PASSING}
    return "text" not in error and error["code"] in passing


async def _given_up(store: Store, run: Run, letters: Sequence[Mapping[str, Any]]) -> GivenUp | None:
    """None where one of them may still be sent, or is under way."""
    if not letters:
        return None
    discarded = [one["acts"][-1] for one in letters if one["state"] == "discarded"]
    if len(discarded) == len(letters):
        last = max(discarded, key=lambda act: act["at"])
        return GivenUp(how="discarded", at=last["at"], why=last["why"])
    return None if await store.org(run.org).runs.is_latest(run) else GivenUp(how="overtaken")
