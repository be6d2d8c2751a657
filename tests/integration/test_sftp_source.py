"""SFTP against a real server on loopback: what is taken, what is refused, what is archived."""

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from shared.adapters import ssh
from shared.adapters.sftp import SftpSource, check, host_key
from shared.model.errors import BadInput, BadSettings, Permanent, SyncError, Unavailable
from shared.model.login import SftpSecrets
from tests.integration.conformance.sftp_server import PASSWORD, USER, Folder, Site, sftp_site

ROSTER = b"id,name\n1,Ada\n2,Bo\n"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with sftp_site(tmp_path / "site") as site:
        yield site


def put(site: Site, name: str, data: bytes = ROSTER, mtime: int = 1_790_000_000) -> Path:
    path = site.incoming / name
    path.write_bytes(data)
    os.utime(path, (mtime, mtime))
    return path


def source(site: Site, secrets: SftpSecrets | None = None, max_bytes: int | None = None, **changes: Any) -> SftpSource:
    return SftpSource(
        site.settings(**changes), secrets or site.secrets, allow_private_addresses=True, max_bytes=max_bytes
    )


async def pulled(source: SftpSource) -> tuple[str, list[list[str]], dict[str, Any]]:
    async with source:
        rows = [row async for batch in source.batches() for _, row in batch.rows]
        return source.info.name, rows, dict(source.info.receipt)


async def refusal(source: SftpSource) -> SyncError:
    with pytest.raises(SyncError) as caught:
        await pulled(source)
    text = f"{caught.value} {caught.value.fix}"
    assert USER not in text
    assert PASSWORD not in text
    return caught.value


async def test_the_newest_matching_file_is_taken(site: Site) -> None:
    put(site, "monday.csv", b"id\n1\n", mtime=1_790_000_000)
    put(site, "TUESDAY.CSV", ROSTER, mtime=1_790_086_400)
    put(site, "later.txt", b"no", mtime=1_790_172_800)
    put(site, ".hidden.csv", b"no", mtime=1_790_172_800)
    (site.incoming / "folder.csv").mkdir()
    async with source(site) as taken:
        info = taken.info
    assert info.name == "TUESDAY.CSV"
    assert info.columns == ("id", "name")
    assert info.details["superseded"] == "1"
    assert info.details["modified"] == "2026-09-22T14:13:20+00:00"
    assert [file["name"] for file in info.receipt["files"]] == ["TUESDAY.CSV", "monday.csv"]
    assert await check(site.settings(), site.secrets, allow_private_addresses=True) == 2


async def test_of_two_files_of_the_same_second_the_name_decides(site: Site) -> None:
    put(site, "a.csv")
    put(site, "b.csv")
    assert (await pulled(source(site)))[0] == "b.csv"


async def test_a_file_of_many_blocks_arrives_whole(site: Site) -> None:
    lines = [b"%d,%s\n" % (number, b"x" * 90) for number in range(60_000)]
    put(site, "big.csv", b"id,name\n" + b"".join(lines))
    _, rows, _ = await pulled(source(site))
    assert [row[0] for row in rows] == [str(number) for number in range(60_000)]


async def test_a_connection_without_a_matching_file(site: Site) -> None:
    put(site, "roster.txt")
    error = await refusal(source(site))
    assert error.code == "sftp.no_file"
    assert isinstance(error, BadInput)
    assert "import" in error.message
    assert "*.csv" in error.message


async def test_links_are_not_followed(site: Site, tmp_path: Path) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_bytes(ROSTER)
    (site.incoming / "link.csv").symlink_to(outside)
    assert (await refusal(source(site))).code == "sftp.no_file"
    put(site, "real.csv", b"id\n7\n")
    assert (await pulled(source(site)))[:2] == ("real.csv", [["7"]])


async def test_a_file_swapped_for_a_link_is_refused(site: Site, tmp_path: Path) -> None:
    path = put(site, "roster.csv")
    (tmp_path / "site" / "private").mkdir()
    secret = tmp_path / "site" / "private" / "roster.csv"
    secret.write_bytes(ROSTER)

    def swap(server: Folder, operation: str, name: bytes) -> None:
        if operation == "realpath" and name.endswith(b"roster.csv") and not path.is_symlink():
            path.unlink()
            path.symlink_to(secret)

    site.hook = swap
    assert (await refusal(source(site))).code == "sftp.outside_folder"


async def test_names_that_cannot_be_written_back_are_passed_over(site: Site) -> None:
    (Path(os.fsdecode(os.fsencode(site.incoming) + b"/bad\xff.csv"))).write_bytes(ROSTER)
    (site.incoming / "back\\slash.csv").write_bytes(ROSTER)
    assert (await refusal(source(site))).code == "sftp.no_file"


@pytest.mark.parametrize("moment", ["lstat", "read"])
async def test_a_growing_file_is_left_for_later(site: Site, moment: str) -> None:
    path = put(site, "roster.csv")
    seen: list[str] = []

    def grow(server: Folder, operation: str, name: bytes) -> None:
        seen.append(operation)
        if operation == moment:
            with path.open("ab") as file:
                file.write(b"3,Cy\n")

    site.hook = grow
    error = await refusal(source(site))
    assert isinstance(error, Unavailable)
    assert error.code == "sftp.still_growing"
    assert ("read" in seen) == (moment == "read")
    site.hook = None
    assert len((await pulled(source(site)))[1]) > 2


async def test_a_file_has_to_stay_the_same_for_a_while(site: Site) -> None:
    path = put(site, "roster.csv")
    looks: list[bytes] = []

    def grow_after_the_first(server: Folder, operation: str, name: bytes) -> None:
        if operation == "lstat" and name.endswith(b"roster.csv"):
            looks.append(name)
            if len(looks) == 1:
                asyncio.get_running_loop().call_soon(path.write_bytes, ROSTER * 2)

    site.hook = grow_after_the_first
    assert (await refusal(source(site, settle_seconds=0.1))).code == "sftp.still_growing"
    assert len(looks) == 2


async def test_a_file_that_vanishes_is_tried_again(site: Site) -> None:
    path = put(site, "roster.csv")

    def vanish(server: Folder, operation: str, name: bytes) -> None:
        if operation == "realpath" and name.endswith(b"roster.csv"):
            path.unlink(missing_ok=True)

    site.hook = vanish
    assert (await refusal(source(site))).code == "sftp.still_growing"


async def test_an_empty_file(site: Site) -> None:
    put(site, "roster.csv", b"")
    assert (await refusal(source(site))).code == "file.empty"


async def test_a_file_that_is_too_large(site: Site) -> None:
    put(site, "roster.csv")
    assert (await refusal(source(site, max_bytes=5))).code == "file.too_large"


async def test_a_connection_cut_in_the_middle(site: Site) -> None:
    put(site, "roster.csv")

    def cut(server: Folder, operation: str, name: bytes) -> None:
        if operation == "read":
            server.connection.abort()

    site.hook = cut
    error = await refusal(source(site))
    assert isinstance(error, Unavailable)
    assert error.code == "host.cut"


async def test_nobody_answers(site: Site, unused_tcp_port: int) -> None:
    error = await refusal(source(site, port=unused_tcp_port))
    assert isinstance(error, Unavailable)


async def test_a_server_that_never_speaks(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh, "GREETING_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = await refusal(source(site, port=silent.getsockname()[1]))
        assert isinstance(error, Unavailable)
        with pytest.raises(Unavailable):
            await host_key("127.0.0.1", silent.getsockname()[1], True)


async def test_a_host_key_nobody_approved(site: Site) -> None:
    put(site, "roster.csv")
    error = await refusal(source(site, host_key=""))
    assert isinstance(error, BadSettings)
    assert error.code == "sftp.host_key_not_approved"
    assert site.key.get_fingerprint() in error.message
    assert site.logins == 0


async def test_the_approved_key_of_host_key_works(site: Site) -> None:
    put(site, "roster.csv")
    line, fingerprint = await host_key("127.0.0.1", site.port, True)
    assert fingerprint == site.key.get_fingerprint()
    assert fingerprint.startswith("SHA256:")
    assert (await pulled(source(site, host_key=line)))[0] == "roster.csv"


@pytest.mark.parametrize("algorithm", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
async def test_a_changed_host_key_gets_no_credentials(site: Site, algorithm: str) -> None:
    put(site, "roster.csv")
    approved = asyncssh.generate_private_key(algorithm)
    error = await refusal(source(site, host_key=approved.export_public_key("openssh").decode()))
    assert isinstance(error, BadSettings)
    assert error.code == "sftp.host_key_changed"
    assert approved.get_fingerprint() in error.message
    assert site.key.get_fingerprint() in error.message
    assert site.logins == 0


async def test_a_server_with_several_keys_is_asked_for_the_approved_one(tmp_path: Path) -> None:
    approved = asyncssh.generate_private_key("ssh-rsa")
    async with sftp_site(tmp_path, approved, asyncssh.generate_private_key("ssh-ed25519")) as site:
        put(site, "roster.csv")
        assert (await pulled(source(site)))[0] == "roster.csv"


async def test_a_host_key_that_is_none(site: Site) -> None:
    assert (await refusal(source(site, host_key="ssh-ed25519 nonsense"))).code == "sftp.bad_host_key"


async def test_a_wrong_password(site: Site) -> None:
    error = await refusal(source(site, SftpSecrets(password="wrong-guess")))
    assert isinstance(error, BadSettings)
    assert error.code == "sftp.login_refused"
    assert "wrong-guess" not in str(error)


@pytest.mark.parametrize(
    ("form", "passphrase"), [("openssh", ""), ("pkcs8-pem", "late-summer"), ("openssh", "late-summer")]
)
async def test_a_private_key(site: Site, form: str, passphrase: str) -> None:
    if form == "openssh" and passphrase:
        pytest.importorskip("bcrypt", reason="encrypted OpenSSH keys need bcrypt")
    put(site, "roster.csv")
    key = asyncssh.generate_private_key("ssh-ed25519")
    site.trusted.append(key.convert_to_public())
    text = key.export_private_key(form, passphrase or None).decode().replace("\n", "\r\n")
    assert (await pulled(source(site, SftpSecrets(private_key=text, passphrase=passphrase))))[0] == "roster.csv"
    if passphrase:
        error = await refusal(source(site, SftpSecrets(private_key=text, passphrase="wrong")))
        assert error.code == "sftp.bad_private_key"


async def test_keys_and_agents_of_the_machine_are_not_used(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    site.trusted.append(key.convert_to_public())
    (tmp_path / ".ssh").mkdir()
    key.write_private_key(tmp_path / ".ssh" / "id_ed25519")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (await refusal(source(site, SftpSecrets(password="wrong")))).code == "sftp.login_refused"


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"import_folder": "nowhere"}, "sftp.no_folder"), ({"archive_folder": "./import/"}, "sftp.same_folder")],
)
async def test_folders_that_are_not_right(site: Site, changes: dict[str, Any], code: str) -> None:
    put(site, "roster.csv")
    error = await refusal(source(site, **changes))
    assert isinstance(error, BadSettings)
    assert error.code == code


async def test_a_folder_that_may_not_be_read(site: Site) -> None:
    site.refuse_folder = True
    error = await refusal(source(site))
    assert isinstance(error, BadSettings)
    assert error.code == "sftp.permission_denied"


async def test_private_addresses_are_refused_unless_allowed(site: Site) -> None:
    with pytest.raises(BadSettings, match=r"address\.private"):
        await pulled(SftpSource(site.settings(), site.secrets))
    with pytest.raises(BadSettings, match=r"address\.private"):
        await host_key("127.0.0.1", site.port, False)
    assert site.logins == 0


async def test_settling_archives_what_was_read_and_what_it_superseded(site: Site) -> None:
    put(site, "old.csv", b"id\n1\n", mtime=1_780_000_000)
    put(site, "roster.final.csv")
    put(site, "notes.txt")
    taken = source(site)
    _, _, receipt = await pulled(taken)
    await source(site).settle(receipt)
    assert sorted(path.name for path in site.incoming.iterdir()) == ["notes.txt"]
    assert [re.sub(r"\d{8}T\d{12}Z", "TIME", name) for name in site.archived] == [
        "old.TIME.csv",
        "roster.final.TIME.csv",
    ]
    before = site.archived
    await taken.settle(receipt)
    assert site.archived == before


async def test_a_newer_file_of_the_same_name_is_left_alone(site: Site) -> None:
    put(site, "roster.csv")
    _, _, receipt = await pulled(source(site))
    put(site, "roster.csv", ROSTER + b"3,Cy\n")
    await source(site).settle(receipt)
    assert site.archived == []
    assert (site.incoming / "roster.csv").exists()


async def test_the_same_name_every_day_is_kept_every_day(site: Site) -> None:
    for day in range(3):
        put(site, "roster.csv", mtime=1_790_000_000 + day)
        _, _, receipt = await pulled(source(site))
        await source(site).settle(receipt)
    assert len(site.archived) == 3


async def test_two_workers_settling_at_once(site: Site) -> None:
    path = put(site, "roster.csv")
    _, _, receipt = await pulled(source(site))

    def other_worker(server: Folder, operation: str, name: bytes) -> None:
        if operation == "rename":
            path.rename(site.root / "archive" / "roster.other.csv")

    site.hook = other_worker
    await source(site).settle(receipt)
    assert site.archived == ["roster.other.csv"]


async def test_an_archive_that_refuses_says_so(site: Site) -> None:
    put(site, "roster.csv")
    _, _, receipt = await pulled(source(site))

    def refuse(server: Folder, operation: str, name: bytes) -> None:
        if operation == "rename":
            raise asyncssh.SFTPFailure("other disk")

    site.hook = refuse
    with pytest.raises(BadSettings, match=r"sftp\.archive_failed"):
        await source(site).settle(receipt)
    assert (site.incoming / "roster.csv").exists()


async def test_a_receipt_never_reaches_outside_the_folder(site: Site) -> None:
    (site.root / "roster.csv").write_bytes(ROSTER)
    receipt = {"folder": "import", "files": [{"name": "../roster.csv", "size": len(ROSTER), "mtime": 0}]}
    with pytest.raises(Permanent):
        await source(site).settle(receipt)
    assert (site.root / "roster.csv").exists()


async def test_a_receipt_for_another_folder_is_left_alone(site: Site) -> None:
    put(site, "roster.csv")
    _, _, receipt = await pulled(source(site))
    await source(site, import_folder="elsewhere").settle(receipt)
    assert (site.incoming / "roster.csv").exists()
