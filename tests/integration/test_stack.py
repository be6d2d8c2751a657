"""Stack: how Sync Service's processes are started, found, killed and started again. A tiny command stands in."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from pymongo import MongoClient

from devtools.parts import Addresses, LocalParts
from devtools.stack import Stack, StackError
from shared.security.trust import trusted

TINY = """
import http.server, json, os, pathlib, sys, threading, time
service = sys.argv[1]
print("hello from", service, flush=True)
if service == os.environ.get("CRASHES"):
    sys.exit("cannot go on")
born = time.monotonic()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = time.monotonic() - born > 0.3
        self.send_response(200 if ready or self.path != "/readyz" else 503)
        self.end_headers()
        self.wfile.write(json.dumps(dict(os.environ) | {"service": service}).encode())
    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["SYNC_PORT"])), Handler)
announced = {"port": server.server_port}
if service == "sandbox":
    announced |= {"sftp_port": int(os.environ.get("SANDBOX_SFTP_PORT", 2222)), "sftp_host_key": "ssh-ed25519 AAAA"}
if service == "scheduler":
    import signal
    signal.signal(signal.SIGTERM, lambda *_: os._exit(5))
pathlib.Path(os.environ["SYNC_ANNOUNCE"]).write_text(json.dumps(announced))
server.serve_forever()
"""


def tiny(service: str) -> Sequence[str]:
    return (sys.executable, "-c", TINY, service)


async def seen(stack: Stack, name: str) -> dict[str, Any]:
    """The environment the process sees."""
    async with httpx.AsyncClient(verify=trusted()) as client:
        answer: dict[str, Any] = (await client.get(f"{stack.url(name)}/")).json()
    return answer


@pytest.fixture
def addresses(parts: LocalParts) -> Addresses:
    return parts.addresses


async def test_every_process_is_ready_inside_and_gone_afterwards(addresses: Addresses) -> None:
    services = ("gateway", "importer", "importer-2", "sandbox")
    async with Stack(addresses, command=tiny, services=services, env={"SYNC_LOG_LEVEL": "DEBUG"}) as stack:
        gateway, second, sandbox = [await seen(stack, name) for name in ("gateway", "importer-2", "sandbox")]
        pids = [stack.process(name).pid for name in services]
        directory = stack.directory
        with MongoClient[dict[str, Any]](addresses.mongo_url) as client:
            client[stack.mongo_database]["left"].insert_one({})
        assert "hello from importer" in stack.log_tail("importer-2")
    assert second["service"] == "importer"
    assert gateway["SYNC_LOG_LEVEL"] == "DEBUG"
    assert gateway["SYNC_ENROLL_URL"] == stack.url("sandbox")
    assert gateway["SYNC_ENROLL_TOKEN"] == sandbox["SANDBOX_SERVICE_TOKEN"] == stack.enroll_token
    assert gateway["SYNC_BROKER_PREFIX"] == second["SYNC_BROKER_PREFIX"] == stack.broker_prefix
    assert stack.sftp.password == sandbox["SANDBOX_SFTP_PASSWORD"]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not directory.exists()
    with MongoClient[dict[str, Any]](addresses.mongo_url) as client:
        assert stack.mongo_database not in client.list_database_names()


async def test_two_stacks_share_nothing(addresses: Addresses) -> None:
    one, two = (Stack(addresses, command=tiny, services=("gateway",)) for _ in range(2))
    async with one, two:
        assert one.mongo_database != two.mongo_database
        assert one.broker_prefix != two.broker_prefix
        assert one.url("gateway") != two.url("gateway")


async def test_a_killed_process_starts_again_with_its_port_and_settings(addresses: Addresses, tmp_path: Path) -> None:
    services = ("gateway", "sandbox")
    async with Stack(addresses, command=tiny, services=services, directory=tmp_path) as stack:
        for name in services:
            before, url = await seen(stack, name), stack.url(name)
            await stack.kill(name)
            assert stack.process(name).returncode == -signal.SIGKILL
            await stack.start(name)
            after = await seen(stack, name)
            assert stack.url(name) == url
            changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
            assert changed <= {"SYNC_PORT", "SANDBOX_SFTP_PORT"}
        with pytest.raises(StackError, match="already running"):
            await stack.start("gateway")
    assert (tmp_path / "gateway.log").read_text().count("hello") == 2


async def test_stop_gives_the_exit_status(addresses: Addresses) -> None:
    async with Stack(addresses, command=tiny, services=("scheduler",)) as stack:
        assert await stack.stop("scheduler") == 5


async def test_a_crash_while_starting_ends_the_stack_and_shows_the_log(addresses: Addresses) -> None:
    stack = Stack(addresses, command=tiny, services=("sandbox", "gateway", "exporter"), env={"CRASHES": "exporter"})
    with pytest.raises(StackError, match=r"exporter ended with 1[^\0]*cannot go on"):
        async with stack:
            pass
    assert not stack.process("sandbox").running
    assert not stack.process("gateway").running


async def test_one_that_never_gets_ready_is_reported(addresses: Addresses) -> None:
    def idle(_: str) -> Sequence[str]:
        return (sys.executable, "-c", "import time; time.sleep(60)")

    with pytest.raises(StackError, match="gateway is not ready after 1 s, no port announced"):
        async with Stack(addresses, command=idle, services=("gateway",), ready_seconds=1):
            pass
