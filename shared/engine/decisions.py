"""What a person decides about a run: whether what waits is applied, and whether what has not written yet goes on."""

from shared.engine.context import Engine
from shared.engine.progress import end, start_applying
from shared.model.error_texts import said, told
from shared.model.errors import Conflict
from shared.model.run import UNWRITTEN, Run, RunState, add_counts

CANCELLED = told("run.cancelled")
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


async def cancel(engine: Engine, run: Run, by: str) -> None:
    """End the run before anything is written; what is under way for it leaves nothing behind.

    Raises:
        Conflict: it is writing already, or has ended.
    """
    counts = add_counts([one.counts for one in await engine.org(run).slices.of(run.id)])
    if not await end(engine, run, list(UNWRITTEN), RunState.CANCELLED, counts, error=dict(CANCELLED), by=by):
        raise Conflict(*said("run.too_late"))


def _not_waiting(run: Run) -> Conflict:
    return Conflict(*said("run.not_waiting"))
