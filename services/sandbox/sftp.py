"""A district's SFTP folder: one user, locked into one folder."""

import contextlib
import hmac
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh


@dataclass(frozen=True, slots=True)
class SftpAccount:
    """Who may log in: by password, by key (an OpenSSH public key line), or either."""

    user: str
    password: str = ""
    authorized_key: str = ""


@dataclass(frozen=True, slots=True)
class SftpAddress:
    """Where the server listens, and the public host key line that clients pin."""

    port: int
    host_key: str


class _Door(asyncssh.SSHServer):
    def __init__(self, account: SftpAccount) -> None:
        self._account = account
        key = account.authorized_key
        self._key = asyncssh.import_public_key(key) if key else None

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return bool(self._account.password)

    def validate_password(self, username: str, password: str) -> bool:
        same = hmac.compare_digest(password.encode(), self._account.password.encode())
        return same and bool(password) and username == self._account.user

    def public_key_auth_supported(self) -> bool:
        return self._key is not None

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._key is not None and username == self._account.user and key == self._key


def _root(folder: Path) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    return os.fsencode(folder.resolve())


@contextlib.asynccontextmanager
async def sftp_server(
    folder: Path, account: SftpAccount, host: str = "127.0.0.1", port: int = 0, host_key: Path | None = None
) -> AsyncIterator[SftpAddress]:
    """Serves `folder` until the end of the block. Without a `host_key` file the key is a fresh one."""
    root = _root(folder)
    key = asyncssh.read_private_key(host_key) if host_key else asyncssh.generate_private_key("ssh-ed25519")

    def open_folder(channel: asyncssh.SSHServerChannel[Any]) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=root)

    listener = await asyncssh.listen(
        host,
        port,
        server_factory=lambda: _Door(account),
        server_host_keys=[key],
        sftp_factory=open_folder,
        allow_scp=False,
        allow_pty=False,
        agent_forwarding=False,
    )
    public = key.export_public_key("openssh").decode().split()
    try:
        yield SftpAddress(listener.get_port(), " ".join(public[:2]))
    finally:
        listener.close()
        await listener.wait_closed()
