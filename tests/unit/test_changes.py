"""Change sets: what goes in comes out."""

import zlib
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.engine.changes import pack, unpack
from shared.model.record import Action, Change
from tests.examples import examples

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | text | st.integers(-(2**53), 2**53) | st.booleans() | st.lists(text, max_size=3)
values: st.SearchStrategy[dict[str, Any]] = st.dictionaries(text, scalars, max_size=4)
changes = st.builds(
    Change,
    *(text, st.sampled_from(Action), st.integers(0, 10**9), values, values, st.none() | text, text, text),
    label=text,
)


@settings(max_examples=examples(80), deadline=None)
@given(st.lists(changes, max_size=20))
def test_round_trip(given_changes: list[Change]) -> None:
    assert unpack(pack(given_changes)) == given_changes


def test_what_was_packed_before_records_had_labels_is_read() -> None:
    row: tuple[Any, ...] = ("k", "create", 2, {"a": 1}, {}, None, "d", "m", [])
    assert unpack(zlib.compress(orjson.dumps([row]))) == [Change("k", Action.CREATE, 2, {"a": 1}, {}, None, "d", "m")]
