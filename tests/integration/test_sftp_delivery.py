"""A file delivered over SFTP: never half of it, never twice, and never at the cost of the one that was there."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from shared.adapters import sftp_delivery
from shared.adapters.sftp_delivery import deliver
from shared.model.errors import BadInput, BadSettings, Unavailable
from shared.model.login import SftpSecrets
from tests.integration.conformance.sftp_server import Folder, Site, sftp_site

BIG = os.urandom(3_000_000)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with sftp_site(tmp_path / "site") as one:
        (one.root / "export").mkdir()
        yield one


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "made.csv"
    path.write_bytes(BIG)
    return path


def held(site: Site) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (site.root / "export").iterdir()}


async def nothing() -> None:
    """Nobody needs to remember that this one has begun."""


async def send(site: Site, file: Path, name: str = "roster.csv", begin: Any = nothing, **settings: Any) -> str:
    return await deliver(site.settings(**settings), site.secrets, file, name, begin=begin, allow_private_addresses=True)


async def resume(site: Site, file: Path) -> str:
    return await deliver(
        site.settings(), site.secrets, file, "roster.csv", begin=nothing, begun=True, allow_private_addresses=True
    )


def failing(operation: str, error: Exception, after: int = 0) -> Any:
    calls = 0

    def hook(_: Folder, name: str, __: bytes) -> None:
        nonlocal calls
        if name == operation:
            calls += 1
            if calls > after:
                raise error

    return hook


async def test_it_is_there_and_nothing_else(site: Site, file: Path) -> None:
    assert await send(site, file) == "written"
    assert held(site) == {"roster.csv": BIG}


async def test_sending_it_again_has_no_second_effect(site: Site, file: Path) -> None:
    await send(site, file)
    before = (site.root / "export" / "roster.csv").stat()
    assert await send(site, file) == "already_there"
    after = (site.root / "export" / "roster.csv").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


async def test_another_content_replaces_it(site: Site, file: Path) -> None:
    await send(site, file)
    file.write_bytes(b"x" * len(BIG))
    assert await send(site, file) == "written"
    assert held(site) == {"roster.csv": b"x" * len(BIG)}


async def test_whoever_looks_sees_the_old_file_or_the_new_one(site: Site, file: Path) -> None:
    target = site.root / "export" / "roster.csv"
    target.write_bytes(b"old")
    seen: set[bytes] = set()

    def look(_: Folder, __: str, ___: bytes) -> None:
        seen.add(target.read_bytes())

    site.hook = look
    await send(site, file)
    assert seen == {b"old"}
    assert target.read_bytes() == BIG


@pytest.mark.parametrize(
    ("operation", "error", "expected"),
    [
        ("write", OSError(28, "No space left on device"), Unavailable),
        ("write", asyncssh.SFTPPermissionDenied("no"), BadSettings),
        ("posix_rename", asyncssh.SFTPFailure("no"), Unavailable),
        ("posix_rename", asyncssh.SFTPPermissionDenied("no"), BadSettings),
    ],
)
async def test_a_delivery_that_fails_leaves_the_old_file(
    site: Site, file: Path, operation: str, error: Exception, expected: type[Exception]
) -> None:
    (site.root / "export" / "roster.csv").write_bytes(b"old")
    site.hook = failing(operation, error, after=2 if operation == "write" else 0)
    with pytest.raises(expected):
        await send(site, file)
    rests = {name for name in held(site) if name != "roster.csv"}
    assert held(site)["roster.csv"] == b"old"
    assert bool(rests) == (isinstance(error, asyncssh.SFTPFailure)), "only what may be renamed later stays"
    site.hook = None
    assert await send(site, file) == "written"
    assert held(site) == {"roster.csv": BIG}


async def test_a_connection_that_breaks_in_the_middle_is_tried_again(site: Site, file: Path) -> None:
    def cut(server: Folder, operation: str, _: bytes) -> None:
        if operation == "write":
            server.channel.get_connection().abort()

    site.hook = cut
    with pytest.raises(Unavailable):
        await send(site, file)
    assert "roster.csv" not in held(site)
    site.hook = None
    assert await send(site, file) == "written"
    assert held(site)["roster.csv"] == BIG


async def test_one_cut_off_before_its_rename_is_only_renamed(site: Site, file: Path) -> None:
    """Also where the file would be written otherwise by now: what was begun is what arrives."""
    steps: list[str] = []

    async def begin() -> None:
        assert [name for name in held(site) if name.endswith(".part")], "complete before it is remembered"
        assert "roster.csv" not in held(site)
        steps.append("begun")
        raise Unavailable("test.killed", "")

    with pytest.raises(Unavailable):
        await send(site, file, begin=begin)
    assert steps == ["begun"]
    written: list[str] = []
    site.hook = lambda _, operation, __: written.append(operation) if operation == "write" else None
    assert await resume(site, file) == "written"
    assert (held(site), written) == ({"roster.csv": BIG}, [])


async def test_one_that_the_sis_has_fetched_meanwhile_is_not_written_again(site: Site, file: Path) -> None:
    await send(site, file)
    assert await resume(site, file) == "already_there"
    (site.root / "export" / "roster.csv").unlink()
    assert await resume(site, file) == "taken"
    assert held(site) == {}
    (site.root / "export" / "roster.csv").write_bytes(b"a later one")
    assert await resume(site, file) == "taken"
    assert held(site) == {"roster.csv": b"a later one"}


async def test_a_server_that_cannot_replace_keeps_what_is_there(site: Site, file: Path) -> None:
    site.hook = failing("posix_rename", asyncssh.SFTPOpUnsupported("no"))
    assert await send(site, file) == "written"
    file.write_bytes(b"new")
    with pytest.raises(BadSettings) as caught:
        await send(site, file)
    assert caught.value.code == "sftp.cannot_replace"
    assert held(site) == {"roster.csv": BIG}


async def test_what_an_earlier_attempt_left_is_removed_after_a_day(site: Site, file: Path) -> None:
    folder = site.root / "export"
    names = [
        ".roster.csv.0123456789abcdef.part",
        ".roster.csv.fedcba9876543210.part",
        ".other.csv.0123456789abcdef.part",
    ]
    for name in [*names, ".roster.csv.part"]:
        (folder / name).write_bytes(b"x")
    for name in (names[0], names[2]):
        os.utime(folder / name, (1, 1))
    await send(site, file)
    assert set(held(site)) == {"roster.csv", names[1], names[2], ".roster.csv.part"}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b.csv", "..\\x", "a\0b"])
async def test_nothing_is_written_outside_the_folder(site: Site, file: Path, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        await send(site, file, name)
    assert (caught.value.code, site.logins) == ("sftp.bad_name", 0)


async def test_a_folder_that_is_not_there_is_told_and_not_made(site: Site, file: Path) -> None:
    with pytest.raises(BadSettings) as caught:
        await send(site, file, export_folder="outgoing")
    assert caught.value.code == "sftp.no_folder"
    assert not (site.root / "outgoing").exists()


async def test_a_wrong_password_and_a_wrong_host_key_are_told(site: Site, file: Path) -> None:
    wrong = SftpSecrets(password="no")
    with pytest.raises(BadSettings) as caught:
        await deliver(site.settings(), wrong, file, "a.csv", begin=nothing, allow_private_addresses=True)
    assert caught.value.code == "sftp.login_refused"
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
    with pytest.raises(BadSettings) as changed:
        await send(site, file, host_key=other)
    assert changed.value.code == "sftp.host_key_changed"


async def test_a_server_that_stalls_is_given_up(site: Site, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sftp_delivery, "STALL_SECONDS", 0.3)
    release = asyncio.Event()

    async def never(*_: Any) -> int:
        await release.wait()
        return 0

    monkeypatch.setattr(Folder, "write", never)
    with pytest.raises(Unavailable):
        await send(site, file)
    release.set()
    assert "roster.csv" not in held(site)
