"""Why a server cannot be talked to is said in plain words, with what to do, and soon."""

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from shared.adapters import ssh
from shared.adapters.sftp import check
from shared.adapters.sis_http import ClientCredentials, SisHttp, sis_client
from shared.model.errors import SyncError, Unavailable
from shared.model.kind_settings import SftpSettings
from shared.model.login import SftpSecrets
from tests.integration.api_site import Beat
from tests.integration.certificates import self_signed

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPYVQOZr6IU38Mk7G4DRa4FxyPDq4xM1uWlp1SWTNhQP"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def waits(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """For the end of a request that never ends, as web servers do."""
    await reader.read()
    writer.close()


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(BAD_REQUEST)
    await writer.drain()
    writer.close()


async def hangs_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


@asynccontextmanager
async def listening(answer: Answer) -> AsyncIterator[int]:
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


def plain(error: SyncError) -> str:
    """What people read: no name of an exception is in it, and there is something to do."""
    text = f"{error.message} {error.fix}"
    assert not re.search(r"[a-z][A-Z]|Errno|_ssl|httpx", text), text
    assert error.fix
    return error.code


async def of_a_sis(url: str) -> SyncError:
    client = sis_client(allow_private_addresses=True)
    client.timeout = httpx.Timeout(0.5)
    login = ClientCredentials(f"{url}/token", "client", "secret")
    async with client, SisHttp(url, login, Beat(), client=client) as http:
        with pytest.raises(Unavailable) as caught:
            await http.get("/schools")
    return caught.value


@pytest.mark.parametrize(
    ("answer", "scheme", "code"),
    [(waits, "http", "host.silent"), (hangs_up, "http", "host.cut"), (answers, "https", "host.no_tls")],
    ids=["silent", "hangs up", "no https"],
)
async def test_a_sis(answer: Answer, scheme: str, code: str) -> None:
    async with listening(answer) as port:
        assert plain(await of_a_sis(f"{scheme}://127.0.0.1:{port}")) == code


async def test_a_sis_where_nobody_is(unused_tcp_port: int) -> None:
    assert plain(await of_a_sis(f"http://127.0.0.1:{unused_tcp_port}")) == "host.refused"


async def test_a_sis_that_nobody_vouches_for(tmp_path: Path) -> None:
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(self_signed("localhost", tmp_path / "own.pem"))
    async with await asyncio.start_server(answers, "127.0.0.1", 0, ssl=served) as server:
        error = await of_a_sis(f"https://localhost:{server.sockets[0].getsockname()[1]}")
    assert plain(error) == "host.certificate"
    assert "localhost is not trusted: self-signed certificate" in error.message


async def of_sftp(port: int, host_key: str = KEY) -> SyncError:
    settings = SftpSettings(host="127.0.0.1", port=port, user="u", host_key=host_key)
    with pytest.raises(Unavailable) as caught:
        await check(settings, SftpSecrets(password="p"), allow_private_addresses=True)
    return caught.value


@pytest.mark.parametrize("host_key", [KEY, ""], ids=["approved", "not approved"])
@pytest.mark.parametrize("answer", [waits, answers, hangs_up])
async def test_an_sftp_server_that_is_none(answer: Answer, host_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "GREETING_SECONDS", 0.3)
    async with listening(answer) as port:
        begun = time.monotonic()
        error = await of_sftp(port, host_key)
        assert time.monotonic() - begun < 5
    assert plain(error) == "sftp.not_ssh"
    assert error.message == f"There is no SSH server at port {port} of 127.0.0.1."


async def test_an_sftp_server_where_nobody_is(unused_tcp_port: int) -> None:
    assert plain(await of_sftp(unused_tcp_port)) == "host.refused"


async def test_an_sftp_server_that_greets_and_falls_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "GREETING_SECONDS", 0.1)
    monkeypatch.setattr(ssh, "CONNECT_SECONDS", 0.5)

    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-slow\r\n")
        await waits(reader, writer)

    async with listening(greets) as port:
        assert plain(await of_sftp(port)) == "host.silent"
