"""The records of a run on a real database: pages, filters, searches, and who may write one anew."""

from dataclasses import replace

import pytest

from shared.model.record import Action, Outcome, Problem
from shared.store import records as kept
from shared.store.database import Store
from shared.store.records import RecordResult, Wanted
from tests.integration.enroll_runs import make_run
from tests.integration.store_site import store

__all__ = ["store"]

RUN = make_run(id="run_1")


def result(row: int, key: str = "k", outcome: Outcome = Outcome.SUCCEEDED) -> RecordResult:
    problems = [Problem("c", "m")] if outcome is Outcome.FAILED else []
    return RecordResult(row, key, Action.UPDATE, outcome, "9", {"a.b": [None, "\0"]}, problems)


async def test_records_are_paged_in_the_order_of_their_rows(store: Store) -> None:
    records = store.org("o-1").records
    rows = [result(n, f"k{n}", Outcome.FAILED if n % 5 == 0 else Outcome.SUCCEEDED) for n in range(500, 0, -1)]
    await records.put(RUN, 1, [*rows, result(0, "gone.$"), result(0, "\0")])
    seen, after = [], None
    while page := await records.page(RUN, after=after, limit=70):
        seen += page
        after = page[-1]["cursor"]
    assert [one["row"] for one in seen] == [*range(1, 501), None, None]
    assert {one["key"] for one in seen[-2:]} == {"gone.$", "\0"}
    assert seen[0]["changes"] == {"a.b": [None, "\0"]}
    failed = await records.page(RUN, Wanted(Outcome.FAILED))
    assert [one["row"] for one in failed] == list(range(5, 501, 5))
    assert failed[0]["problems"][0]["code"] == "c"
    assert await records.count("run_1", "Failed") == 100
    assert await records.page(RUN, Wanted(Outcome.PENDING)) == []


@pytest.mark.parametrize("rows", [0, 40, 3000, 10_000])
async def test_any_filter_finds_what_looking_at_each_would_find(store: Store, rows: int) -> None:
    """`rows` is what the run counts: a retry has few, whose places are those of the run before."""
    records, run = store.org("o-1").records, RUN.model_copy(update={"counts": {"rows": rows}})
    for n in range(0, 3000, 7):
        outcome = Outcome.FAILED if n % 301 == 0 else Outcome.PARTIAL if n == 2 * 301 + 7 else Outcome.SUCCEEDED
        await records.put(run, 1, [result(n, f"k{n % 70}", outcome)])
    whole = [one async for one in records.each(run)]
    assert [one["row"] or 3001 for one in whole] == sorted(one["row"] or 3001 for one in whole)
    assert len(whole) == 429
    for wanted in (
        Wanted(),
        Wanted(Outcome.FAILED),
        Wanted(code="c"),
        Wanted(action=Action.UPDATE),
        Wanted(action=Action.CREATE),
        Wanted(key="k21"),
        Wanted(Outcome.FAILED, key="k0"),
        Wanted(text="K21"),
        Wanted(Outcome.SUCCEEDED, text="k6"),
    ):
        expected = [
            one["cursor"]
            for one in whole
            if wanted.outcome in (None, one["outcome"])
            and wanted.action in (None, one["action"])
            and wanted.key in (None, one["key"])
            and (wanted.text is None or wanted.text.lower() in one["key"])
            and (wanted.code is None or one["problems"])
        ]
        seen: list[str] = []
        while page := await records.page(run, wanted, after=seen[-1] if seen else None, limit=60):
            seen += [one["cursor"] for one in page]
        assert seen == expected, wanted
    without = run.model_copy(update={"counts": {"rows": rows, "update": 0}})
    assert await records.page(without, Wanted(action=Action.UPDATE)) == []


async def test_a_cause_is_found_by_its_code_and_its_field(store: Store) -> None:
    records = store.org("o-1").records
    found = {
        2: [("c", "a")],
        3: [("c", "b")],
        4: [("d", "a"), ("c", "b")],
        5: [("d", "b"), ("c", "a")],
        6: [("d", "d")],
    }
    for row, problems in found.items():
        told = [Problem(code, "m", field=field) for code, field in problems]
        await records.put(RUN, 1, [replace(result(row, f"k{row}", Outcome.FAILED), problems=told)])

    async def rows(**wanted: str) -> list[int]:
        return [one["row"] for one in await records.page(RUN, Wanted(**wanted))]  # type: ignore[arg-type]

    assert await rows(code="c", field="a") == [2, 5]
    assert await rows(code="c", field="b") == [3, 4], "both are of one problem"
    assert await rows(code="c") == [2, 3, 4, 5]
    assert await rows(field="d") == [6]
    assert await rows(code="c", field="b", text="k4") == [4]


async def test_a_search_looks_at_a_part_and_says_where_to_go_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "PATIENCE", 0)
    monkeypatch.setattr(kept, "FEW", 0)
    records, run = store.org("o-1").records, RUN.model_copy(update={"counts": {"rows": 400}})
    await records.put(run, 1, [replace(result(n, f"k{n}"), label=f"Mara {n % 100}") for n in range(1, 401)])
    seen: list[int] = []
    after, calls = "", 0
    while after or not calls:
        found = await records.look(run, Wanted(text="mara 99"), after=after or None, limit=10)
        seen += [one["row"] for one in found.records]
        after, calls = found.goes_on, calls + 1
    assert (seen, calls > 2) == ([99, 199, 299, 399], True)
    full = await records.look(run, Wanted(text="mara"), after=None, limit=10)
    assert ([one["label"] for one in full.records], full.goes_on) == ([f"Mara {n}" for n in range(1, 11)], "")


async def test_a_record_put_again_is_replaced_unless_a_higher_fence_wrote_it(store: Store) -> None:
    records = store.org("o-1").records
    for fence, outcome in ((2, "Failed"), (2, "Succeeded"), (1, "Failed"), (3, "Partial Sync")):
        await records.put(RUN, fence, [result(2, outcome=Outcome(outcome)), result(10 + fence)])
        (first, *_) = await records.page(RUN)
        assert first["outcome"] == ("Succeeded" if fence == 1 else outcome)
    await records.put(RUN, 1, [])


@pytest.mark.parametrize("place", ["²", "x", "9" * 30, "|", ""])
async def test_a_place_that_no_page_gave_is_a_page_all_the_same(store: Store, place: str) -> None:
    records = store.org("o-1").records
    await records.put(RUN, 1, [result(1), result(2)])
    assert len(await records.page(RUN, after=place)) <= 2
    assert len((await records.look(RUN, Wanted(text="k"), after=place, limit=5)).records) <= 2
