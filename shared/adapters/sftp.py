"""The newest file of an SFTP folder as a source of records, archived after a run that succeeded."""

import asyncio
import posixpath
from collections import deque
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import asyncssh

from shared.adapters.csv_files import MAX_CELL_CHARS
from shared.adapters.file_sources import FileSource, Pulled
from shared.adapters.spool import BLOCK, Spooled, spool, too_large
from shared.adapters.ssh import host_key, session, translated
from shared.model.error_texts import said
from shared.model.errors import BadInput, BadSettings, Unavailable
from shared.model.kind_settings import SftpSettings
from shared.model.login import SftpSecrets

__all__ = ["SftpSource", "check", "host_key"]

STALL_SECONDS = 60.0
_AHEAD = 4
_AT_ONCE = 64


class RemoteFile(NamedTuple):
    """A file as the server lists it: plain name, size in bytes, time changed in seconds since 1970."""

    name: str
    size: int
    mtime: int


class SftpSource(FileSource):
    """The newest file in `import_folder` whose name matches `pattern` (capital letters make no difference).

    Only regular files count, and only once size and time stayed the same. Older matching files are superseded: they
    are noted in the receipt and archived with the one that was read, so a stale file never follows a newer one.
    """

    def __init__(
        self,
        settings: SftpSettings,
        secrets: SftpSecrets,
        *,
        allow_private_addresses: bool = False,
        spool_dir: Path | None = None,
        max_cell_chars: int = MAX_CELL_CHARS,
        max_bytes: int | None = None,
        data_type: str = "students",
    ) -> None:
        super().__init__(spool_dir, max_cell_chars, data_type)
        self._settings = settings
        self._secrets = secrets
        self._allow_private = allow_private_addresses
        self._max_bytes = max_bytes

    async def pull(self) -> Pulled:
        """Raises what `ssh.session` does, and

        BadInput: sftp.no_file, file.empty, file.too_large.
        BadSettings: sftp.no_folder, sftp.same_folder, sftp.outside_folder.
        Unavailable: sftp.still_growing.
        """
        async with session(self._settings, self._secrets, self._allow_private) as sftp:
            await _distinct_folders(sftp, self._settings)
            files = await _matches(sftp, self._settings)
            if not files:
                raise _no_file(self._settings)
            newest, *older = files
            await asyncio.sleep(self._settings.settle_seconds)
            await self._same(sftp, newest)
            try:
                await self._inside(sftp, newest)
                spooled = await self._download(sftp, newest)
            except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
                raise _still_growing(self._settings) from None
        return Pulled(newest.name, spooled, self._details(newest, older), self._receipt(newest, older))

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Move the files of the receipt to `archive_folder`, a UTC time put before the extension.

        A file that is gone, or is no longer the one that was read, is left alone.

        Raises:
            BadSettings: sftp.archive_failed, or the folder does not permit it.
            Unavailable: the server does not answer.
        """
        if receipt.get("folder") != self._settings.import_folder:
            return
        files = [RemoteFile(file["name"], file["size"], file["mtime"]) for file in receipt["files"]]
        if not all(_plain(file.name) for file in files):
            raise BadInput(*said("sftp.bad_receipt"))
        async with session(self._settings, self._secrets, self._allow_private) as sftp:
            unchanged = [file for file in files if await _stat(sftp, self._path(file)) == file]
            if not unchanged:
                return
            with translated(self._settings.host, self._settings.archive_folder):
                if not await sftp.isdir(self._settings.archive_folder):
                    await sftp.makedirs(self._settings.archive_folder, exist_ok=True)
                await _distinct_folders(sftp, self._settings)
                for file in unchanged:
                    await self._archive(sftp, file)

    def _path(self, file: RemoteFile) -> str:
        return posixpath.join(self._settings.import_folder, file.name)

    async def _same(self, sftp: asyncssh.SFTPClient, file: RemoteFile) -> None:
        if await _stat(sftp, self._path(file)) != file:
            raise _still_growing(self._settings)
        if file.size == 0:
            raise BadInput(*said("file.empty"))
        if self._max_bytes is not None and file.size > self._max_bytes:
            raise too_large(self._max_bytes)

    async def _inside(self, sftp: asyncssh.SFTPClient, file: RemoteFile) -> None:
        folder = await sftp.realpath(self._settings.import_folder)
        if posixpath.dirname(await sftp.realpath(self._path(file))) != folder:
            raise BadSettings(*said("sftp.outside_folder", import_folder=self._settings.import_folder))

    async def _download(self, sftp: asyncssh.SFTPClient, file: RemoteFile) -> Spooled:
        async with (
            sftp.open(self._path(file), "rb", encoding=None) as remote,
            aclosing(_blocks(remote, file.size)) as blocks,
        ):
            spooled = await spool(blocks, self._spool_dir, max_bytes=self._max_bytes)
        try:
            await self._same(sftp, file)
            if spooled.size != file.size:
                raise _still_growing(self._settings)
        except BaseException:
            spooled.close()
            raise
        return spooled

    async def _archive(self, sftp: asyncssh.SFTPClient, file: RemoteFile) -> None:
        stem, extension = posixpath.splitext(file.name)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        target = posixpath.join(self._settings.archive_folder, f"{stem}.{stamp}{extension}")
        try:
            await sftp.rename(self._path(file), target)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPFailure):
            if await _stat(sftp, self._path(file)) is None:
                return
            raise BadSettings(
                *said("sftp.archive_failed", archive_folder=self._settings.archive_folder, host=self._settings.host)
            ) from None

    def _receipt(self, newest: RemoteFile, older: list[RemoteFile]) -> dict[str, Any]:
        return {"folder": self._settings.import_folder, "files": [file._asdict() for file in (newest, *older)]}

    def _details(self, newest: RemoteFile, older: list[RemoteFile]) -> dict[str, str]:
        return {
            "host": self._settings.host,
            "folder": self._settings.import_folder,
            "modified": datetime.fromtimestamp(newest.mtime, UTC).isoformat(),
            "superseded": str(len(older)),
        }


async def check(settings: SftpSettings, secrets: SftpSecrets, *, allow_private_addresses: bool = False) -> int:
    """How many files match now; for "Test connection". Raises what entering an `SftpSource` does, but for no file."""
    async with session(settings, secrets, allow_private_addresses) as sftp:
        await _distinct_folders(sftp, settings)
        return len(await _matches(sftp, settings))


async def _matches(sftp: asyncssh.SFTPClient, settings: SftpSettings) -> list[RemoteFile]:
    async with asyncio.timeout(STALL_SECONDS):
        names = [str(entry.filename) async for entry in sftp.scandir(settings.import_folder)]
    paths = [posixpath.join(settings.import_folder, name) for name in names if _fits(name, settings.pattern)]
    files: list[RemoteFile] = []
    for start in range(0, len(paths), _AT_ONCE):
        found = await asyncio.gather(*(_stat(sftp, path) for path in paths[start : start + _AT_ONCE]))
        files.extend(filter(None, found))
    return sorted(files, key=lambda file: (file.mtime, file.name), reverse=True)


def _fits(name: str, pattern: str) -> bool:
    if not _plain(name) or (name.startswith(".") and not pattern.startswith(".")):
        return False
    return fnmatchcase(name.casefold(), pattern.casefold())


def _plain(name: str) -> bool:
    return name not in ("", ".", "..") and not any(mark in name for mark in "/\\\0\ufffd")


async def _stat(sftp: asyncssh.SFTPClient, path: str) -> RemoteFile | None:
    """None if there is no regular file."""
    try:
        async with asyncio.timeout(STALL_SECONDS):
            attrs = await sftp.lstat(path)
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return None
    if attrs.type != asyncssh.FILEXFER_TYPE_REGULAR:
        return None
    return RemoteFile(posixpath.basename(path), attrs.size or 0, int(attrs.mtime or 0))


async def _distinct_folders(sftp: asyncssh.SFTPClient, settings: SftpSettings) -> None:
    folders = [settings.import_folder, settings.archive_folder]
    try:
        real = [await sftp.realpath(folder) for folder in folders]
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPFailure):
        real = [posixpath.normpath(folder) for folder in folders]
    if real[0] == real[1]:
        raise BadSettings(*said("sftp.same_folder"))


async def _blocks(remote: asyncssh.SFTPClientFile, size: int) -> AsyncGenerator[bytes, None]:
    reads: deque[asyncio.Task[bytes]] = deque()
    try:
        for offset in range(0, size, BLOCK):
            reads.append(asyncio.create_task(remote.read(min(BLOCK, size - offset), offset)))
            if len(reads) == _AHEAD:
                yield await _within_time(reads.popleft())
        while reads:
            yield await _within_time(reads.popleft())
    finally:
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)


async def _within_time(read: asyncio.Task[bytes]) -> bytes:
    async with asyncio.timeout(STALL_SECONDS):
        return await read


def _no_file(settings: SftpSettings) -> BadInput:
    return BadInput(
        *said("sftp.no_file", import_folder=settings.import_folder, host=settings.host, pattern=settings.pattern)
    )


def _still_growing(settings: SftpSettings) -> Unavailable:
    return Unavailable(*said("sftp.still_growing", import_folder=settings.import_folder, host=settings.host))
