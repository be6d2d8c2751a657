"""The audit log is looked through from the newest entry on, and none is left out or read twice."""

from datetime import UTC, datetime, timedelta

import pytest

from shared.contracts.envelope import made_at, new_id
from shared.store.audit import looked_through

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
AGES = [timedelta(minutes=m) for m in (-5, 0, 30, 60, 90, 479, 480, 481, 10_000, 100_000, 300_000, 5_000_000)]


def made(age: timedelta) -> str:
    return new_id("aud", at=NOW - age, of=str(age))


@pytest.mark.parametrize("before", [None, "aud_z", "aud_ffffffffffffffff", "aud_0", made(timedelta(hours=1))])
def test_every_entry_before_it_is_found_once_and_the_newest_first(before: str | None) -> None:
    ids = [made(age) for age in AGES]
    found = [
        one
        for bounds in looked_through(before, NOW)
        for one in ids
        if one >= bounds.get("$gte", "") and one < bounds.get("$lt", "b")
    ]
    assert found == [one for one in ids if before is None or one < before]


def test_an_id_says_when_it_was_made() -> None:
    assert made_at(made(timedelta(0))) == NOW
    for none in ("aud_", "aud_z", "aud_" + "f" * 12):
        with pytest.raises(ValueError, match=r".*"):
            made_at(none)
