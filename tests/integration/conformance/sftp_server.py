"""A real SFTP server on loopback, rooted in a folder, that tests can interfere with."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from shared.model.kind_settings import SftpSettings
from shared.model.login import SftpSecrets

USER = "district"
PASSWORD = "orchard-gate-71"

Hook = Callable[["Folder", str, bytes], None]


@dataclass
class Site:
    """`hook(server, operation, path)` runs before every lstat, realpath, read, write and rename.

    `logins` counts attempts.
    """

    root: Path
    key: asyncssh.SSHKey
    port: int = 0
    logins: int = 0
    trusted: list[asyncssh.SSHKey] = field(default_factory=list)
    hook: Hook | None = None
    refuse_folder: bool = False

    def settings(self, **changes: object) -> SftpSettings:
        line = self.key.export_public_key("openssh").decode()
        plain = {"host": "127.0.0.1", "port": self.port, "user": USER, "settle_seconds": 0, "host_key": line}
        return SftpSettings.model_validate(plain | changes)

    @property
    def secrets(self) -> SftpSecrets:
        return SftpSecrets(password=PASSWORD)

    @property
    def incoming(self) -> Path:
        return self.root / "import"

    @property
    def archived(self) -> list[str]:
        folder = self.root / "archive"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


class Folder(asyncssh.SFTPServer):
    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], site: Site) -> None:
        super().__init__(chan, chroot=str(site.root).encode())
        self._site = site

    def lstat(self, path: bytes) -> object:  # type: ignore[override]
        self._meddle("lstat", path)
        return super().lstat(path)

    def realpath(self, path: bytes) -> object:  # type: ignore[override]
        self._meddle("realpath", path)
        return super().realpath(path)

    def read(self, file_obj: object, offset: int, size: int) -> object:  # type: ignore[override]
        self._meddle("read", b"")
        return super().read(file_obj, offset, size)

    def rename(self, oldpath: bytes, newpath: bytes) -> object:  # type: ignore[override]
        self._meddle("rename", oldpath)
        return super().rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> object:  # type: ignore[override]
        self._meddle("posix_rename", oldpath)
        return super().posix_rename(oldpath, newpath)

    def write(self, file_obj: object, offset: int, data: bytes) -> object:  # type: ignore[override]
        self._meddle("write", b"")
        return super().write(file_obj, offset, data)

    def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        if self._site.refuse_folder:
            raise asyncssh.SFTPPermissionDenied("no")
        return super().scandir(path)

    def _meddle(self, operation: str, path: bytes) -> None:
        if self._site.hook:
            self._site.hook(self, operation, path)


class _Door(asyncssh.SSHServer):
    def __init__(self, site: Site) -> None:
        self._site = site

    def begin_auth(self, username: str) -> bool:
        self._site.logins += 1
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key in self._site.trusted


@asynccontextmanager
async def sftp_site(root: Path, *keys: asyncssh.SSHKey) -> AsyncIterator[Site]:
    """A server over `root`, which gets an `import` folder. Shows `keys`, or one made for it."""
    (root / "import").mkdir(parents=True, exist_ok=True)
    host_keys = keys or (asyncssh.generate_private_key("ssh-ed25519"),)
    site = Site(root, host_keys[0])
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        config=None,
        server_host_keys=list(host_keys),
        server_factory=lambda: _Door(site),
        sftp_factory=lambda chan: Folder(chan, site),
    )
    site.port = server.get_port()
    try:
        yield site
    finally:
        server.close()
        await server.wait_closed()
