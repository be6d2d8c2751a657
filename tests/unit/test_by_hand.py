"""The bench compares like with like: both functions make the same of the same rows."""

from itertools import islice

from services.sandbox.district import district_header, district_rows
from shared.mapping.compiled import KEEP
from tests.bench.by_hand import by_hand, compiled


def test_both_make_the_same_values() -> None:
    machine, hand = compiled(), by_hand(list(district_header()))
    assert len(machine.fields) == 30
    for row in islice(district_rows(300), 300):
        out, problems = machine.record(row)
        assert out is not None, problems
        assert sorted(map(repr, out)) == sorted(map(repr, hand(row)))
        assert any(value is not KEEP for value in out)
