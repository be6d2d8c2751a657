"""Whatever happens to the exporter, the SIS finds one file, whole, and never a second time."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncssh
import pytest

from devtools.district import EXPORTER, District
from devtools.parts import LocalParts
from devtools.stack import Stack
from services.sandbox.district import student_export
from tests.e2e.enroll import students as in_enroll
from tests.e2e.operator import Ops, failed
from tests.faults.helpers import SHORT, WORKING, database, drained, students, until
from tests.integration.conformance.sftp_server import PASSWORD, USER, Folder, Site, sftp_site

ROWS = 1000


@pytest.fixture(scope="module")
def stack(parts: LocalParts) -> Iterator[Stack]:
    env = {**SHORT, "SYNC_SLICE_ROWS": "100"}
    with Stack(parts.addresses, env=env, services=(*WORKING, "exporter")).shared() as started:
        yield started


@pytest.fixture
async def district(stack: Stack, org: str, tmp_path: Path) -> AsyncIterator[District]:
    """With everyone registered."""
    async with District(stack, org, permissions=EXPORTER) as one:
        imports = await one.ad_hoc("Imports")
        await one.watch((await one.upload(imports, students(tmp_path, ROWS)))["id"])
        await one.register(sorted(await in_enroll(one)))
        yield one


async def connected(district: District, site: Site) -> str:
    sftp = site.settings().model_dump() | {"export_folder": "export"}
    body = {"name": "Nightly", "kind": "sftp", "sftp": sftp, "secrets": {"password": PASSWORD}}
    created = (await district.api.post("/connections", json=body)).raise_for_status().json()
    assert sftp["user"] == USER
    await district.map_export(created["id"], student_export("roster"))
    return str(created["id"])


class Sis:
    """Fetches the file the moment it appears, and kills the exporter that has just put it there."""

    def __init__(self, district: District, folder: Path) -> None:
        self._district = district
        self._file = folder / "roster.csv"
        self.fetched: list[str] = []
        self.kills = 0
        self._killing = asyncio.Lock()

    async def fetch(self) -> None:
        while True:
            if self._file.exists():
                self.fetched.append(hashlib.sha256(self._file.read_bytes()).hexdigest())
                self._file.unlink()
                await self.kill()
            await asyncio.sleep(0)

    async def kill(self) -> None:
        async with self._killing:
            self.kills += 1
            await self._district.stack.kill("exporter")
            await self._district.stack.start("exporter")


async def test_killed_again_and_again_the_sis_gets_one_whole_file(district: District, tmp_path: Path) -> None:
    dice = random.Random(7)
    async with sftp_site(tmp_path / "site") as site, database(district.stack) as db:
        (site.root / "export").mkdir()
        connection = await connected(district, site)
        sis = Sis(district, site.root / "export")
        fetching = asyncio.create_task(sis.fetch())
        run = (await district.export(connection))["id"]
        for phase in ("staging", "comparing", "applying"):
            reached = frozenset({phase, "applying", "succeeded"})
            await district.watch(run, states=reached)
            await asyncio.sleep(dice.uniform(0, 0.3))
            await sis.kill()
        ended = await district.watch(run, seconds=180)
        await drained(db)
        fetching.cancel()
        wanted = {"rows": ROWS, "created": ROWS, "invalid": 0}
        assert (ended["state"], {name: ended["counts"][name] for name in wanted}) == ("succeeded", wanted)
        assert sis.fetched == [ended["files"][0]["sha256"]]
        assert sis.kills >= 4
        assert not list((site.root / "export").iterdir()), "nothing half-written is left"
        assert {one["sis_export_status"] for one in await district.registrations()} == {"Succeeded"}


async def test_a_delivery_that_gave_up_is_replayed_without_a_second_file(district: District, tmp_path: Path) -> None:
    async with sftp_site(tmp_path / "site") as site:
        (site.root / "export").mkdir()
        connection = await connected(district, site)

        def busy(_: Folder, operation: str, __: bytes) -> None:
            if operation == "posix_rename":
                raise asyncssh.SFTPFailure("busy")

        site.hook = busy
        run = await district.watch((await district.export(connection))["id"], seconds=150)
        assert (run["state"], run["error"]["code"]) == ("failed", "sftp.unavailable")
        assert [file["state"] for file in run["files"]] == ["begun"]
        assert {one["sis_export_status"] for one in await district.registrations()} == {None}

        async def archived() -> bool:
            return bool(await failed(district.stack, "--run", run["id"]))

        await until(archived, "the message is archived")
        site.hook = None
        await Ops(district.stack)("failed", "replay", "--run", run["id"], "--why", "the folder is back")
        ended = await district.watch(run["id"], states=frozenset({"succeeded"}), seconds=150)
        (delivered,) = (site.root / "export").iterdir()
        assert hashlib.sha256(delivered.read_bytes()).hexdigest() == ended["files"][0]["sha256"]
        assert {one["sis_export_status"] for one in await district.registrations()} == {"Succeeded"}
