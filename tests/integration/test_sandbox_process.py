"""The sandbox as a process: it announces itself, serves HTTP and SFTP, and leaves when told to."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import httpx
import pytest

from shared.security.trust import trusted
from tests.integration.sandbox_caller import Caller, eventually

ROOT = Path(__file__).parents[2]


@dataclass
class Sandbox:
    process: Process
    facts: dict[str, Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.facts['port']}"

    def connect(self, **options: Any) -> Any:
        known = asyncssh.import_known_hosts(f"[127.0.0.1]:{self.facts['sftp_port']} {self.facts['sftp_host_key']}\n")
        port = self.facts["sftp_port"]
        return asyncssh.connect("127.0.0.1", port, known_hosts=known, config=[], agent_path=None, **options)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int | None, str]:
        self.process.send_signal(number)
        _, errors = await asyncio.wait_for(self.process.communicate(), 20)
        return self.process.returncode, errors.decode()


@asynccontextmanager
async def sandbox(folder: Path, **environment: str) -> AsyncIterator[Sandbox]:
    announce = folder / "announce.json"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SYNC_", "SANDBOX_"))}
    given = {"SYNC_ANNOUNCE": str(announce), "SYNC_PORT": "0", "SYNC_HOST": "127.0.0.1", **environment}
    command = (sys.executable, "-m", "services.sandbox")
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=kept | given, stdout=PIPE, stderr=PIPE)
    try:
        async with asyncio.timeout(30):
            while not announce.exists():
                if process.returncode is not None:
                    raise AssertionError((await process.communicate())[1].decode())
                await asyncio.sleep(0.02)
        yield Sandbox(process, json.loads(announce.read_text()))
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def test_it_announces_serves_and_stops(tmp_path: Path) -> None:
    organizations = json.dumps({"o-1": {"users": {"u-1": ["Sync Service Full Access"]}}})
    settings = {"SANDBOX_SERVICE_TOKEN": "service-token", "SANDBOX_ORGANIZATIONS": organizations}
    async with sandbox(tmp_path, **settings) as running:
        assert (running.facts["sftp_port"], running.facts["sftp_host_key"]) == (None, None)
        headers = {"Authorization": "Bearer service-token"}
        async with httpx.AsyncClient(base_url=running.url, headers=headers, verify=trusted()) as http:
            assert (await http.get("/healthz")).status_code == 200
            answer = await http.get("/api/v1/organizations/o-1/users/u-1/permissions")
            assert answer.json()["permissions"] == ["Sync Service Full Access"]
        assert await running.stop() == (0, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["announce.json"]


async def test_sigint_stops_it_too_and_a_call_in_hand_does_not_hold_it(tmp_path: Path) -> None:
    async with (
        sandbox(tmp_path, SYNC_ENROLL_TOKEN="shared-token") as running,
        httpx.AsyncClient(
            base_url=running.url, headers={"Authorization": "Bearer shared-token"}, verify=trusted()
        ) as http,
    ):
        await http.put("/sandbox/organizations/o-1", json={})
        await http.put("/sandbox/faults", json=[{"path": "settings", "delay": 600}])
        call = asyncio.create_task(http.get("/api/v1/organizations/o-1/settings"))
        await eventually(Caller(http).fired)
        code, _ = await running.stop(signal.SIGINT)
        assert code == 0
        with pytest.raises(httpx.HTTPError):
            (await call).raise_for_status()


async def test_the_sftp_folder_is_open_to_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "sftp"
    (folder / "import").mkdir(parents=True)
    (folder / "import" / "students.csv").write_text("Student ID\n20231\n")
    (tmp_path / "outside.txt").write_text("outside")
    key = asyncssh.generate_private_key("ssh-ed25519")
    settings = {
        "SANDBOX_SFTP_FOLDER": str(folder),
        "SANDBOX_SFTP_USER": "district",
        "SANDBOX_SFTP_PASSWORD": "open-sesame",
        "SANDBOX_SFTP_AUTHORIZED_KEY": key.export_public_key().decode(),
    }
    async with sandbox(tmp_path, **settings) as running:
        assert running.facts["sftp_host_key"].startswith("ssh-ed25519 ")
        logins: tuple[dict[str, Any], ...] = (
            {"password": "open-sesame", "client_keys": None},
            {"client_keys": [key]},
        )
        for login in logins:
            async with (
                running.connect(username="district", **login) as connection,
                connection.start_sftp_client() as sftp,
            ):
                assert set(await sftp.listdir("/")) == {".", "..", "import"}
                async with sftp.open("/import/students.csv") as file:
                    assert await file.read() == "Student ID\n20231\n"
                assert not await sftp.exists("/../outside.txt")
                await sftp.rename("/import/students.csv", "/import/moved.csv")
                await sftp.rename("/import/moved.csv", "/import/students.csv")
        strangers: tuple[dict[str, Any], ...] = (
            {"username": "district", "password": "wrong", "client_keys": None},
            {"username": "district", "password": "", "client_keys": None},
            {"username": "other", "password": "open-sesame", "client_keys": None},
            {"username": "district", "client_keys": [asyncssh.generate_private_key("ssh-ed25519")]},
            {"username": "other", "client_keys": [key]},
        )
        for login in strangers:
            with pytest.raises(asyncssh.PermissionDenied):
                await running.connect(**login)
        code, _ = await running.stop()
        assert code == 0


async def test_nobody_gets_into_an_sftp_folder_without_credentials_set(tmp_path: Path) -> None:
    async with sandbox(tmp_path, SANDBOX_SFTP_FOLDER=str(tmp_path / "sftp")) as running:
        for password in ("", "guess"):
            with pytest.raises(asyncssh.PermissionDenied):
                await running.connect(username="district", password=password, client_keys=None)


async def test_a_host_key_file_keeps_the_key(tmp_path: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(tmp_path / "host_key")
    settings = {"SANDBOX_SFTP_FOLDER": str(tmp_path / "sftp"), "SANDBOX_SFTP_HOST_KEY": str(tmp_path / "host_key")}
    async with sandbox(tmp_path, **settings) as running:
        public = key.export_public_key().decode().split()[:2]
        assert running.facts["sftp_host_key"].split() == public
