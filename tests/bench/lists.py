"""A page of the records of a large run beside the same page of a small one: at the start, in the middle, filtered."""

import time
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from devtools.parts import LocalParts
from shared.model.record import Action, Outcome, Problem
from shared.store.database import Store
from shared.store.records import RecordResult, Wanted
from tests.integration.enroll_runs import make_run

SMALL = 1000
PAGE = 50
AT_ONCE = 2000
FAILED_EVERY = 1000
TIMES = 5

PAGES: Mapping[str, tuple[Wanted, bool]] = {
    "the first": (Wanted(), False),
    "in the middle": (Wanted(), True),
    "failed": (Wanted(Outcome.FAILED), False),
    "succeeded, in the middle": (Wanted(Outcome.SUCCEEDED), True),
    "one cause": (Wanted(code="c"), False),
    "one key": (Wanted(key="S-7"), False),
    "one search": (Wanted(text="nobody"), False),
}
"""What is wanted, and whether from the middle on."""


def _result(row: int) -> RecordResult:
    failed = row % FAILED_EVERY == 0
    problems = [Problem("c", "m")] if failed else []
    outcome = Outcome.FAILED if failed else Outcome.SUCCEEDED
    return RecordResult(row, f"S-{row}", Action.CREATE, outcome, str(row), {"students.fname": [None, "Ana"]}, problems)


async def _measured(store: Store, rows: int) -> dict[str, float]:
    """Milliseconds of each page, the shortest of a few."""
    run = make_run(org=f"o-{rows}", connection=f"con_{rows}", counts={"rows": rows, "create": rows})
    records = store.org(run.org).records
    for first in range(1, rows + 1, AT_ONCE):
        await records.put(run, 1, [_result(row) for row in range(first, min(rows + 1, first + AT_ONCE))])
    spent = {}
    for name, (wanted, is_deep) in PAGES.items():
        times = []
        for _ in range(TIMES):
            started = time.perf_counter()
            look = records.look if wanted.text else records.page
            await look(run, wanted, after=f"{rows // 2:010d}" if is_deep else None, limit=PAGE)
            times.append(1000 * (time.perf_counter() - started))
        spent[name] = min(times)
    return spent


async def report(console: Console, parts: LocalParts, rows: int) -> None:
    store = Store(parts.addresses.mongo_url, "bench_lists")
    await store.ensure_indexes()
    small = await _measured(store, SMALL)
    large = await _measured(store, rows)
    store.close()
    heads = ("page", f"ms among {SMALL:,}", f"ms among {rows:,}", "times")
    table = Table(*heads, title=f"{PAGE} records of a run")
    for name in PAGES:
        table.add_row(name, f"{small[name]:.0f}", f"{large[name]:.0f}", f"{large[name] / small[name]:.1f}")
    console.print(table)
