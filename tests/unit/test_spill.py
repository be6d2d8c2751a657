"""spill: every row is in exactly one slice, and slices read the same whoever reads them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.engine.blocks import unpack
from shared.engine.spill import Spill, plan
from shared.model.record import Problem, RowBatch
from shared.store.buckets import BUCKETS, bucket_of
from tests.examples import examples

keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def first(values: list[str]) -> str:
    return values[0]


def last(values: list[str]) -> str:
    return values[-1]


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(keys, max_size=300), st.integers(1, 60), st.lists(st.integers(2, 10_000), max_size=5, unique=True))
def test_every_row_is_in_exactly_one_slice(found: list[str], slice_rows: int, bad: list[int]) -> None:
    rows = [(10_001 + number, [key, "é\0$."]) for number, key in enumerate(found)]
    problems = [(number, Problem("row.ragged", "no")) for number in bad]
    with Spill(None) as spill:
        spill.add(RowBatch(rows[:100], problems), first, last)
        spill.add(RowBatch(rows[100:]), first, last)
        spill.finish()
        slices = plan(spill.rows, slice_rows)
        read = [[row for block in unpack(spill.read(low, high)) for row in block] for low, high, _ in slices]
    assert [len(part) for part in read] == [count for _, _, count in slices]
    numbers = sorted(row[0] for part in read for row in part)
    assert numbers == sorted([*bad, *(number for number, _ in rows)])
    by_number = dict(rows)
    for (low, high, _), part in zip(slices, read, strict=True):
        for number, values, *about in part:
            if values is not None:
                assert values == by_number[number]
                assert about == [values[0], "é\0$."]
                assert not values[0] or low <= bucket_of(values[0]) <= high


@given(st.lists(st.integers(0, 9000), min_size=BUCKETS, max_size=BUCKETS), st.integers(1, 9000))
def test_slices_cover_all_buckets_and_keep_to_their_size(rows: list[int], slice_rows: int) -> None:
    slices = plan(rows, slice_rows)
    assert [bucket for low, high, _ in slices for bucket in range(low, high + 1)] == list(range(BUCKETS))
    for low, high, count in slices:
        assert count == sum(rows[low : high + 1])
        assert count <= slice_rows or sum(1 for one in rows[low : high + 1] if one) == 1


def test_threads_that_read_at_once_get_the_same_bytes(tmp_path: Path) -> None:
    rows = [(number, [f"key-{number}", "x" * 200]) for number in range(2, 20_000)]
    with Spill(tmp_path) as spill:
        spill.add(RowBatch(rows), first, last)
        spill.finish()
        ranges = [(low, low + 31) for low in range(0, BUCKETS, 32)]
        one_by_one = [spill.read(*part) for part in ranges]
        with ThreadPoolExecutor(8) as pool:
            at_once = list(pool.map(lambda part: spill.read(*part), ranges * 6))
    assert at_once == one_by_one * 6
    assert not list(tmp_path.iterdir())


def test_nothing_is_read_before_it_is_open_and_the_empty_spill_is_one_empty_slice() -> None:
    spill = Spill(None)
    with pytest.raises(ValueError):
        spill.read(0, 1)
    with spill:
        spill.finish()
        assert plan(spill.rows, 10) == [(0, BUCKETS - 1, 0)]
        assert list(unpack(spill.read(0, BUCKETS - 1))) == []
