"""The simulated SISs as other people's clients use them: addresses and answers our own adapters have no need of."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import World

ID_MAP = "com.pearson.core.student.student_dcid_id_map"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(create_app(World("token")), bind("127.0.0.1", 0)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        for kind in ("powerschool", "aeries"):
            (
                await client.put(f"/sandbox/{kind}/d", json={"students": 12, "page_max": 5} if kind[0] == "p" else {})
            ).raise_for_status()
        yield client


@pytest.fixture
async def powerschool(http: httpx.AsyncClient) -> httpx.AsyncClient:
    """Logged in as most clients do: with a slash behind the address."""
    form = {"grant_type": "client_credentials"}
    answer = await http.post("/powerschool/d/oauth/access_token/", data=form, auth=("client", "secret"))
    token = answer.raise_for_status().json()
    assert isinstance(token["expires_in"], str)
    http.headers["Authorization"] = f"Bearer {token['access_token']}"
    return http


async def told(http: httpx.AsyncClient, method: str, path: str, **how: Any) -> Any:
    answer = await http.request(method, path, **how)
    assert answer.is_success, (answer.status_code, answer.text)
    return answer.json() if answer.content else None


async def test_a_powerquery_is_counted_paged_and_empty_without_a_record(powerschool: httpx.AsyncClient) -> None:
    base = f"/powerschool/d/ws/schema/query/{ID_MAP}"
    assert await told(powerschool, "POST", f"{base}/count", json={}) == {"count": 12}
    pages = [await told(powerschool, "POST", base, params={"page": page, "pagesize": 5}) for page in (1, 2, 3, 4)]
    assert [len(page.get("record", [])) for page in pages] == [5, 5, 2, 0]
    assert "record" not in pages[-1]
    assert len((await told(powerschool, "POST", base, params={"pagesize": 0}))["record"]) == 12
    assert (await powerschool.post("/powerschool/d/ws/schema/query/no.such", json={})).status_code == 404


async def test_a_schema_table_has_texts_only_and_needs_a_projection(powerschool: httpx.AsyncClient) -> None:
    base = "/powerschool/d/ws/schema/table/students"
    assert await told(powerschool, "GET", f"{base}/count") == {"count": 12}
    found = await told(powerschool, "GET", base, params={"projection": "dcid,last_name"})
    assert {type(value) for row in found["record"] for value in row["tables"]["students"].values()} == {str}
    assert (await powerschool.get(base)).status_code == 400
    assert (await powerschool.get("/powerschool/d/ws/v1/time")).is_success


async def test_contacts_by_their_ids(powerschool: httpx.AsyncClient) -> None:
    (first, *_) = await told(powerschool, "GET", "/powerschool/d/ws/contacts/student/4000")
    one = await told(powerschool, "GET", f"/powerschool/d/ws/contacts/contact/{first['contactId']}")
    several = await told(
        powerschool, "GET", "/powerschool/d/ws/contacts/contacts", params={"contactids": one["contactId"]}
    )
    assert several == [one]
    await told(powerschool, "DELETE", f"/powerschool/d/ws/contacts/{one['contactId']}")
    assert (await powerschool.get(f"/powerschool/d/ws/contacts/contact/{one['contactId']}")).status_code == 404


async def test_aeries_answers_students_in_every_way(http: httpx.AsyncClient) -> None:
    http.headers["AERIES-CERT"] = "secret"
    base = "/aeries/d/api/v5"
    held = (await http.get("/sandbox/aeries/d")).json()
    one = held["students"][1]
    school, id = one["SchoolCode"], one["StudentID"]
    by_id = await told(http, "GET", f"{base}/schools/{school}/students/{id}")
    by_number = await told(http, "GET", f"{base}/schools/{school}/students/sn/{one['StudentNumber']}")
    by_grade = await told(http, "GET", f"{base}/schools/{school}/students/grade/{one['Grade']}")
    assert [row["StudentID"] for row in by_id] == [row["StudentID"] for row in by_number] == [id]
    assert id in {row["StudentID"] for row in by_grade}
    assert (await told(http, "GET", f"{base}/schools/{school}/students/0/extended"))[0].keys() >= {"BirthCity"}
    (extra, *_) = await told(http, "GET", f"{base}/schools/{school}/DistrictSupplemental/{id}")
    assert extra["Columns"][0]["Value"] == " "
    assert (await told(http, "GET", f"{base}/enrollment/{id}"))[0]["LeaveDate"] is None
    (contact, *_) = await told(http, "GET", f"{base}/schools/0/contacts/{id}")
    rest = await told(http, "DELETE", f"{base}/DeleteContact/{id}/{contact['SequenceNumber']}")
    assert contact not in rest
