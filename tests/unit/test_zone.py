"""The zone in which times of several connections are shown together."""

import pytest

from shared.model.zone import common_zone


@pytest.mark.parametrize(
    ("zones", "shown"),
    [
        ([], "UTC"),
        (["America/Denver"], "America/Denver"),
        (["America/Denver"] * 3, "America/Denver"),
        (["America/Denver", "UTC"], "UTC"),
    ],
)
def test_it_is_that_of_all_or_utc(zones: list[str], shown: str) -> None:
    assert common_zone(zones) == shown
