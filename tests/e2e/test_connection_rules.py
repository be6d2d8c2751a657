"""What a connection may be given: what belongs to its kind, and what fits together."""

import httpx

from devtools.district import District, ok
from tests.faults.helpers import database

LATE = {"start_date": "2027-05-28", "end_date": "2026-08-10"}


def told(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 422, answer.text
    error: dict[str, str] = answer.json()["error"]
    return error


async def test_a_school_year_does_not_end_before_it_began(district: District) -> None:
    id = await district.ad_hoc()
    words = "exports.end_date: The last day of school has to be after the first, which is 2027-05-28."
    new = {"name": "Late", "kind": "ad_hoc", "exports": LATE}
    for answer in (
        await district.api.post("/connections", json=new),
        await district.api.patch(f"/connections/{id}", json={"exports": LATE}),
    ):
        assert told(answer)["message"] == words
    fine = {"start_date": "2026-08-10", "end_date": "2027-05-28"}
    assert ok(await district.api.patch(f"/connections/{id}", json={"exports": fine})).is_success


async def test_one_that_was_kept_before_that_was_asked_is_still_read(district: District) -> None:
    id = await district.ad_hoc()
    async with database(district.stack) as db:
        await db["connections"].update_one(
            {"_id": id}, {"$set": {f"exports.{name}": day for name, day in LATE.items()}}
        )
    held = ok(await district.api.patch(f"/connections/{id}", json={"name": "Renamed"})).json()
    assert (held["name"], held["exports"]["end_date"]) == ("Renamed", LATE["end_date"])
