"""Requests that are too large are refused while they come in, and nothing of them is kept."""

from collections.abc import AsyncIterator

import httpx
import pytest

from devtools.district import YEAR, District

UPLOAD_MIB = 16
CHUNK = b"x" * (1024 * 1024)


async def endless(head: bytes = b"") -> AsyncIterator[bytes]:
    yield head
    for _ in range(1000):
        yield CHUNK


async def refused(answer: httpx.Response) -> str:
    assert answer.status_code == 413, answer.text
    error = answer.json()["error"]
    assert error["code"] == "http.413"
    assert error["fix"].startswith("Split it")
    return str(error["message"])


@pytest.mark.parametrize("declared", [True, False])
async def test_an_upload_over_the_limit(district: District, declared: bool) -> None:
    connection = await district.ad_hoc()
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    if declared:
        headers["Content-Length"] = str(len(head) + 1000 * len(CHUNK))
    answer = await district.api.post(
        f"/connections/{connection}/imports/students",
        params={"school_year": YEAR},
        content=endless(head),
        headers=headers,
    )
    assert await refused(answer) == f"The request is larger than {UPLOAD_MIB + 1} MiB."
    assert (await district.api.get("/runs")).json() == []


async def test_any_other_request_over_the_limit(district: District) -> None:
    connection = await district.ad_hoc()
    answer = await district.api.put(f"/connections/{connection}/mappings/students", content=endless(b'{"name": "'))
    assert await refused(answer) == "The request is larger than 4 MiB."
