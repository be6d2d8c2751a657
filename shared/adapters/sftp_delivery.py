"""Delivers a file into an SFTP folder: whole or not at all, and once, however often it is sent."""

import asyncio
import contextlib
import hashlib
import posixpath
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, cast

import asyncssh

from shared.adapters.ssh import session, translated
from shared.model.error_texts import said
from shared.model.errors import BadInput, BadSettings, Unavailable
from shared.model.kind_settings import SftpSettings
from shared.model.login import SftpSecrets

STALL_SECONDS = 60.0
STALE_SECONDS = 24 * 3600
BLOCK = 256 * 1024
_ABSENT = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)

Delivered = Literal["written", "already_there", "taken"]


async def deliver(
    settings: SftpSettings,
    secrets: SftpSecrets,
    path: Path,
    name: str,
    *,
    begin: Callable[[], Awaitable[None]],
    begun: bool = False,
    allow_private_addresses: bool = False,
) -> Delivered:
    """Put the file at `path` into `export_folder` as `name`.

    It is written under a hidden name and renamed when it is complete, so that nobody ever sees half of it; a file of
    that name is replaced in one step. A server that cannot replace in one step keeps the old file, and says so.

    `begin` is awaited before the rename and is to be remembered; `begun` says that it was, by an attempt that was cut
    off. A file that has gone since ("taken") was fetched by the SIS in between, and is not written again.

    Raises what `ssh.session` and `begin` do, and
        BadInput: sftp.bad_name. BadSettings: sftp.no_folder, sftp.cannot_replace, sftp.permission_denied.
        Unavailable: sftp.incomplete, or the connection was lost; send it again.
    """
    if name in ("", ".", "..") or any(mark in name for mark in "/\\\0"):
        raise BadInput(*said("sftp.bad_name"))
    size, digest = await asyncio.to_thread(_facts, path)
    async with (
        session(settings, secrets, allow_private_addresses) as sftp,
        asyncio.timeout(STALL_SECONDS) as limit,
    ):
        with translated(settings.host, settings.export_folder):
            one = _Delivery(sftp, settings, name, size, digest, limit)
            return await (one.resume() if begun else one.send(path, begin))


class _Delivery:
    """One file over one session. Every step that succeeds moves the limit on: a server that stalls is given up.

    Handles are closed only where all went well: the session ends with the attempt, and its handles with it.
    """

    def __init__(
        self,
        sftp: asyncssh.SFTPClient,
        settings: SftpSettings,
        name: str,
        size: int,
        digest: str,
        limit: asyncio.Timeout,
    ) -> None:
        self._sftp = sftp
        self._host = settings.host
        self._folder = settings.export_folder
        self._name = name
        self._final = posixpath.join(settings.export_folder, name)
        self._hidden = posixpath.join(settings.export_folder, f".{name}.{digest[:16]}.part")
        self._size = size
        self._digest = digest
        self._limit = limit

    async def send(self, path: Path, begin: Callable[[], Awaitable[None]]) -> Delivered:
        if not await self._sftp.isdir(self._folder):
            raise BadSettings(*said("sftp.no_folder", folder=self._folder, host=self._host))
        if await self._is_there():
            return "already_there"
        await self._remove_stale()
        try:
            await self._write(path)
        except Exception:
            await self._forget(self._hidden)
            raise
        await begin()
        await self._rename()
        return "written"

    async def resume(self) -> Delivered:
        """Nobody knows whether the rename went through: the hidden file says so."""
        if await self._sftp.exists(self._hidden):
            await self._rename()
            return "written"
        return "already_there" if await self._is_there() else "taken"

    async def _write(self, path: Path) -> None:
        file = await self._sftp.open(self._hidden, "wb")
        with path.open("rb") as content:
            while block := await asyncio.to_thread(content.read, BLOCK):
                await file.write(block)
                self._goes_on()
        with contextlib.suppress(asyncssh.SFTPOpUnsupported):  # such a server keeps its files safe in its own way
            await file.fsync()
        await file.close()
        if (await self._sftp.stat(self._hidden)).size != self._size:
            raise Unavailable(*said("sftp.incomplete", host=self._host))

    async def _rename(self) -> None:
        try:
            await self._sftp.posix_rename(self._hidden, self._final)
        except asyncssh.SFTPOpUnsupported:
            if await self._sftp.exists(self._final):
                await self._forget(self._hidden)
                raise BadSettings(*said("sftp.cannot_replace", folder=self._folder, host=self._host)) from None
            await self._sftp.rename(self._hidden, self._final)
        except asyncssh.SFTPPermissionDenied:
            await self._forget(self._hidden)
            raise

    async def _is_there(self) -> bool:
        """Whether the very same file is there already: an answer that was lost on the way has no second effect."""
        try:
            if (await self._sftp.stat(self._final)).size != self._size:
                return False
            file = await self._sftp.open(self._final, "rb", encoding=None)
        except _ABSENT:
            return False
        found = hashlib.sha256()
        while block := await file.read(BLOCK):
            found.update(cast(bytes, block))
            self._goes_on()
        await file.close()
        return found.hexdigest() == self._digest

    async def _remove_stale(self) -> None:
        """What an earlier attempt of ours left behind when it was cut off, a day ago or longer."""
        ours = re.compile(rf"\.{re.escape(self._name)}\.[0-9a-f]{{16}}\.part")
        entries = [entry async for entry in self._sftp.scandir(self._folder)]
        newest = max((entry.attrs.mtime or 0 for entry in entries), default=0)
        for entry in entries:
            if ours.fullmatch(str(entry.filename)) and newest - (entry.attrs.mtime or 0) > STALE_SECONDS:
                await self._forget(posixpath.join(self._folder, str(entry.filename)))

    async def _forget(self, path: str) -> None:
        """What is out of reach now is removed by a later delivery."""
        with contextlib.suppress(asyncssh.Error, OSError):
            await self._sftp.remove(path)

    def _goes_on(self) -> None:
        self._limit.reschedule(asyncio.get_running_loop().time() + STALL_SECONDS)


def _facts(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return path.stat().st_size, digest
