"""What the dashboard asks of a connection: whether it has credentials, and which years are on."""

import pytest

from devtools.district import YEAR, District, ok
from tests.e2e.enroll import turn

INSTANCES = ("production", "sandbox")


async def test_the_switches_of_each_enroll(district: District, rehearsal: District) -> None:
    await turn(district, sync_import_years=[YEAR - 1, YEAR], registration_module=False)
    await turn(rehearsal, sync_import_years=[], current_school_year=YEAR + 1)

    asked = [ok(await district.api.get("/switches", params={"instance": one})).json() for one in INSTANCES]

    assert asked == [
        {"current_school_year": YEAR, "import_years": [YEAR, YEAR - 1], "registration_module": False},
        {"current_school_year": YEAR + 1, "import_years": [], "registration_module": True},
    ]
    assert (await district.api.get("/switches", params={"instance": "other"})).status_code == 422


async def test_an_organization_that_the_sandbox_does_not_know(district: District) -> None:
    answer = await district.api.get("/switches", params={"instance": "sandbox"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "enroll.not_found")


async def test_that_there_are_credentials_is_all_that_is_told(district: District) -> None:
    sftp = {"host": "sftp.example.org", "user": "district"}
    id = ok(await district.api.post("/connections", json={"name": "N", "kind": "sftp", "sftp": sftp})).json()["id"]
    path = f"/connections/{id}/credentials"
    assert ok(await district.api.get(path)).json() == {"stored": False}
    ok(await district.api.put(path, json={"password": "kx-92-orchard"}))
    assert ok(await district.api.get(path)).json() == {"stored": True}


@pytest.mark.parametrize("zone", ["America/Denver", ""])
async def test_the_time_zone_is_set_and_cleared(zone: str, district: District) -> None:
    id = await district.ad_hoc(time_zone="America/Phoenix")
    assert ok(await district.api.patch(f"/connections/{id}", json={"time_zone": zone})).json()["time_zone"] == zone
