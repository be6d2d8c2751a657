"""A data type that there is not is said to be none, with those that there are."""

from typing import Any

import pytest

from devtools.district import EXPORTER, YEAR, District, ok
from shared.model.catalog import data_types
from tests.e2e.enroll import turn

IMPORTED = ", ".join(data_types())
CSV = {"file": ("a.csv", b"id\n1\n", "text/csv")}
PLAN = {"data_type": "nonsense", "school_year": YEAR, "time": "02:00", "zone": "UTC"}
COLUMNS = {"columns": ["id"]}


@pytest.mark.parametrize(
    ("call", "given", "known"),
    [
        ("POST /imports/nonsense", {"params": {"school_year": YEAR}, "files": CSV}, IMPORTED),
        ("POST /imports/nonsense/pull", {"params": {"school_year": YEAR}}, IMPORTED),
        ("GET /mappings/nonsense", {}, IMPORTED),
        ("GET /mappings/nonsense/m/export", {}, IMPORTED),
        ("POST /mappings/nonsense/differences", {"json": COLUMNS}, IMPORTED),
        ("POST /mappings/nonsense/match", {"json": COLUMNS}, IMPORTED),
        ("PUT /schedule", {"json": {**PLAN, "direction": "import"}}, IMPORTED),
        ("POST /exports/nonsense", {"params": {"school_year": YEAR}}, "students"),
        ("POST /exports/schools", {"params": {"school_year": YEAR}}, "students"),
        ("GET /exports/nonsense/mappings", {}, "students"),
        ("GET /exports/nonsense/mappings/m/export", {}, "students"),
        ("PUT /schedule", {"json": {**PLAN, "direction": "export"}}, "students"),
    ],
    ids=str,
)
async def test_of_a_connection(call: str, given: dict[str, Any], known: str, district: District) -> None:
    await turn(district, users={district.user: list(EXPORTER)})
    id = await district.sftp()
    method, path = call.split()
    answer = await district.api.request(method, f"/connections/{id}{path}", **given)
    assert answer.status_code == 404, answer.text
    name = "schools" if "/schools" in path else "nonsense"
    assert answer.json()["error"] == {
        "code": "data_type.unknown",
        "message": f"There is no data type '{name}'.",
        "fix": f"Use one of: {known}.",
    }
    assert ok(await district.api.get("/runs")).json() == []


async def test_of_a_record(district: District) -> None:
    answer = await district.api.get("/explain/nonsense", params={"key": "S-1"})
    assert (answer.status_code, answer.json()["error"]["fix"]) == (404, f"Use one of: {IMPORTED}.")
