"""What the tests of transformations share: running one on a row, and what it refuses."""

from datetime import date
from functools import cache
from typing import Any

import pytest

from shared.mapping.sources import Columns, RowInputs
from shared.mapping.transformations import ValueProblem, described, parse
from shared.model.moment import Moment

MOMENT = Moment(date(2026, 9, 1), 2026)


def run(name: str, *row: str, **options: Any) -> str:
    """What transformation `name` makes of one row, whose columns are A, B, C..."""
    columns = Columns([chr(ord("A") + place) for place in range(len(row))])
    if "source" in parse_fields(name):
        options.setdefault("source", "A")
    return parse(name, options).compile(RowInputs(columns, {}, MOMENT))(list(row))


@cache
def parse_fields(name: str) -> frozenset[str]:
    return frozenset(next(one for one in described() if one["name"] == name)["options"].get("properties", {}))


def refusal(name: str, text: str, **options: Any) -> str:
    with pytest.raises(ValueProblem) as caught:
        run(name, text, **options)
    assert caught.value.message
    assert caught.value.fix
    return caught.value.code


def pattern(from_: str, to: str = "YYYY-MM-DD", **more: Any) -> dict[str, Any]:
    return {"from": from_, "to": to, **more}
