"""An If-Match lets through what was made from what is there, and nothing else."""

import pytest

from services.gateway.etags import etag, expect
from shared.model.errors import Outdated

NOW = etag({"a": 1, "b": [2]})


def test_the_order_of_names_is_no_difference() -> None:
    assert etag({"b": [2], "a": 1}) == NOW
    assert etag({"a": 1, "b": [3]}) != NOW
    assert NOW.startswith('"')
    assert NOW.endswith('"')


@pytest.mark.parametrize("given", [None, "*", NOW, f'"x", {NOW}'])
def test_it_lets_through(given: str | None) -> None:
    expect(given, NOW)


@pytest.mark.parametrize("given", ["", '"x"', f"W/{NOW}", NOW.strip('"')])
def test_it_refuses(given: str) -> None:
    with pytest.raises(Outdated):
        expect(given, NOW)
