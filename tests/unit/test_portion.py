"""A page of records is light, however many fields they have, and none of them is left out."""

from typing import Any

import pytest

from services.gateway.pages.portion import BYTES, MOST, portion
from services.gateway.pages.site import fragment
from shared.model.catalog import catalog
from tests.unit.test_actions import run_of

ODD = "Zoë & <Söhne> "
FIELDS = catalog("students")
RUN = run_of()


def record(number: int, action: str, fields: int, size: int, problems: int = 0) -> dict[str, Any]:
    problem = {
        "code": "c",
        "field": "students.fname",
        "column": "First",
        "value": ODD,
        "message": ODD * 9,
        "fix": ODD * 9,
    }
    changes = {f"student_annual.field_{at}": [ODD * size, ODD * size] for at in range(fields)}
    about = {"cursor": f"{number:010d}", "row": number, "key": f"{ODD}{number}", "outcome": "Pending", "action": action}
    return {**about, "label": ODD * 3, "target_id": str(number), "changes": changes, "problems": [problem] * problems}


def pages(records: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Every page, as each leads to the next."""
    found, at, goes_on = [], 0, True
    while goes_on:
        taken, goes_on = portion(records[at : at + MOST], FIELDS)
        found.append(taken)
        at += len(taken)
    return found


@pytest.mark.parametrize(
    ("action", "fields", "size", "problems"),
    [
        ("create", 3, 1, 0),
        ("create", 31, 1, 0),
        ("create", 300, 2, 0),
        ("update", 60, 3, 2),
        ("none", 0, 0, 40),
    ],
)
def test_every_record_is_on_one_light_page(action: str, fields: int, size: int, problems: int) -> None:
    records = [record(number, action, fields, size, problems) for number in range(120)]
    found = pages(records)
    assert [one for page in found for one in page] == records
    assert max(len(fragment("records.html", records=page, run=RUN, fields=FIELDS).encode()) for page in found) < BYTES
    if fields == 3:
        assert [len(page) for page in found] == [50, 50, 20]


def test_a_record_that_is_heavy_alone_has_a_page_of_its_own() -> None:
    records = [record(number, "create", 1000, 9) for number in range(3)]
    assert [len(page) for page in pages(records)] == [1, 1, 1]
