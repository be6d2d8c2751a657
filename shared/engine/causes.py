"""Why records of a run failed, grouped: summed up from what each slice has counted while it was written."""

from shared.model.cause import Cause, causes_of, merged
from shared.model.record import Problem
from shared.model.run import Run
from shared.store.database import OrgStore


async def causes_of_run(org: OrgStore, run: Run) -> list[Cause]:
    """The most frequent first. A run without slices has few records, and they are looked at themselves."""
    if run.slices:
        return merged([cause for slice in await org.slices.of(run.id) for cause in slice.causes])
    found = [(one["row"] or 0, [Problem(**each) for each in one["problems"]]) async for one in org.records.each(run)]
    return causes_of(found)
