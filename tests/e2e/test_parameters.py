"""What an address asks for is known to the call, or nothing is done."""

import re
from pathlib import Path

import httpx

from devtools.district import YEAR, District, ok
from tests.e2e.files import roster

METHODS = ("get", "post", "put", "patch", "delete")


async def test_every_call_refuses_what_it_does_not_know(district: District) -> None:
    described = ok(await district.api.get(district.stack.url("gateway") + "/openapi.json")).json()
    calls = [(path, way, one[way]) for path, one in described["paths"].items() for way in METHODS if way in one]
    assert len(calls) > 50
    for path, method, about in calls:
        place = re.sub(r"\{\w+\}", "1", path.removeprefix("/api/v1"))
        answer = await district.api.request(method, place, params={"previwe": "s3cret", "limt": "5"})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (422, "request.unknown_parameter"), path
        known = sorted(one["name"] for one in about.get("parameters", ()) if one["in"] == "query")
        told = f"no parameter of this name: previwe, limt. It knows: {', '.join(known) or 'none'}."
        assert error["message"].endswith(told), path
        assert "s3cret" not in answer.text


async def test_a_misspelled_preview_is_no_run(district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc()

    async def sent(**query: str) -> httpx.Response:
        return await district.api.post(
            f"/connections/{connection}/imports/students",
            params={"school_year": YEAR, **query},
            files={"file": roster(tmp_path / "students.csv", 5).read_bytes()},
        )

    assert (await sent(previwe="true")).status_code == 422
    assert (await district.api.get("/runs")).json() == []
    assert (await sent(preview="true")).json()["preview"] is True
