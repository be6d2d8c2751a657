"""`make demo` as a person runs it: it tells the story, leaves what the README's session needs, and goes on Ctrl-C."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import psutil
import pytest

from devtools.parts import LocalParts
from devtools.parts.local import AMQP_VARIABLE, MONGO_VARIABLE
from devtools.parts.nursery import VARIABLE
from shared.security.trust import trusted
from tests.e2e.waiting import until

LAST_LINE = "Ctrl-C ends all of it."


@pytest.fixture
async def demo(parts: LocalParts) -> AsyncIterator[asyncio.subprocess.Process]:
    given = {AMQP_VARIABLE: parts.addresses.amqp_url, MONGO_VARIABLE: parts.addresses.mongo_url}
    env = {**os.environ, VARIABLE: "", **given, "COLUMNS": "400"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devtools.demo", env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    yield process
    if process.returncode is None:
        process.kill()
        await process.wait()


async def read_until(process: asyncio.subprocess.Process, last: str) -> str:
    assert process.stdout is not None
    told = ""
    async with asyncio.timeout(180):
        while last not in told:
            line = await process.stdout.readline()
            assert line, f"the demo ended by itself:\n{told}"
            told += line.decode()
    return told


async def connected(client: httpx.AsyncClient, api: str, kind: str, told: str) -> str:
    """A connection to a SIS of the demo, by what the demo says of it."""
    found = re.search(rf"(\S+/{kind}/[\w-]+), (.*)", told)
    assert found, told
    login = dict(one.split(" ") for one in found[2].strip().split(", "))
    secrets = login if kind == "aeries" else {"client_id": login["client"], "client_secret": login["secret"]}
    body = {"name": kind, "kind": kind, kind: {"base_url": found[1]}, "secrets": secrets}
    made = await client.post(f"{api}/connections", json=body)
    assert made.is_success, made.text
    return str(made.json()["id"])


async def exported(client: httpx.AsyncClient, api: str, where: str) -> str:
    """The file of approved registrations, as docs/api.md says to make one."""
    files = [{"name": "roster", "columns": [{"header": "ID", "source": "students.student_district_id"}]}]
    assert (await client.put(f"{where}/exports/students/mappings", json={"files": files})).is_success
    assert (await client.patch(where, json={"schools": ["100"]})).is_success
    asked = await client.post(f"{where}/exports/students", params={"school_year": 2026})
    run = f"{api}/runs/{asked.json()['id']}"

    async def made() -> bool:
        return bool((await client.get(run)).json()["state"] == "succeeded")

    await until(made, "the approved registrations are in a file")
    return (await client.get(f"{run}/files/1")).text


async def test_the_demo_tells_its_story_leaves_a_session_and_takes_everything_down(
    demo: asyncio.subprocess.Process,
) -> None:
    told = await read_until(demo, LAST_LINE)
    rows = [cells for line in told.splitlines() if (cells := line.split("│"))[2:]]
    assert [cells[-2].strip() for cells in rows] == ["yes"] * 8
    children = psutil.Process(demo.pid).children(recursive=True)
    assert len(children) >= 5

    found = re.search(r"cd (\S+) && \. \./session", told)
    assert found, told
    folder = Path(found[1])
    api, auth = re.findall(r"^(?:api|auth)='?(.*?)'?$", (folder / "session").read_text(), re.MULTILINE)
    header, _, token = auth.partition(": ")
    mapping = orjson.loads((folder / "mapping.json").read_bytes())
    async with httpx.AsyncClient(headers={header: token}, timeout=60, trust_env=False, verify=trusted()) as client:
        held = {one["name"]: one["instance"] for one in (await client.get(f"{api}/connections")).json()}
        assert held == {"Morning uploads": "production", "Rehearsal": "sandbox"}
        sandbox = re.search(r"connection Rehearsal  (\S+)", told)
        assert sandbox, told
        assert (await client.get(sandbox[1])).is_success
        made = await client.post(f"{api}/connections", json={"name": "Roster uploads", "kind": "ad_hoc"})
        where = f"{api}/connections/{made.json()['id']}"
        assert (await client.put(f"{where}/mappings/students", json=mapping)).is_success
        with (folder / "students.csv").open("rb") as file:
            asked = await client.post(
                f"{where}/imports/students", params={"school_year": 2026, "preview": True}, files={"file": file}
            )
        assert asked.is_success, asked.text
        known = await client.get(f"{api}/explain/students", params={"key": "2000001"})
        assert known.is_success, "the key that the README asks for"
        assert len((await exported(client, api, where)).splitlines()) == 21
        places = re.findall(r"^The simulated (?:PowerSchool|Aeries|Skyward)  \S+/(\w+)/.*", told, re.MULTILINE)
        assert places == ["powerschool", "aeries", "skyward"]
        for kind in places:
            tested = await client.post(f"{api}/connections/{await connected(client, api, kind, told)}/test")
            assert tested.is_success, tested.text

    demo.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        assert await demo.wait() == 0
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert not folder.exists()
