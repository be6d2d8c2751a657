"""What a person decides about a run that waits."""

from shared.engine.context import Engine
from shared.engine.progress import end, start_applying
from shared.model.error_texts import said, told
from shared.model.errors import Conflict
from shared.model.run import Run, RunState

REJECTED = told("run.rejected")


async def approve(engine: Engine, run: Run, by: str) -> None:
    """Apply exactly what was compared.

    Raises:
        Conflict: the run does not wait for approval.
    """
    if not await start_applying(engine, run, RunState.NEEDS_APPROVAL, by):
        raise _not_waiting(run)


async def reject(engine: Engine, run: Run, by: str) -> None:
    """End the run without writing anything. Raises Conflict."""
    waits = [RunState.NEEDS_APPROVAL]
    if not await end(engine, run, waits, RunState.CANCELLED, run.counts, error=dict(REJECTED), by=by):
        raise _not_waiting(run)


def _not_waiting(run: Run) -> Conflict:
    return Conflict(*said("run.not_waiting"))
