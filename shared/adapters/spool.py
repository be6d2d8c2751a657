"""A spooled file: bytes of any size, written once to disk, with what is known about them as text."""

import asyncio
import codecs
import hashlib
import io
import tempfile
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from shared.model.error_texts import said
from shared.model.errors import BadInput, Unavailable

HEAD = 64 * 1024
BLOCK = 1024 * 1024
_UNDEFINED_1252 = (b"\x81", b"\x8d", b"\x8f", b"\x90", b"\x9d")


class Spooled:
    """A temporary file without a name: gone when closed, whatever happens to the process.

    `size` in bytes, `sha256` in hex, `head` the first 64 KiB. The encoding is decided over the whole file: UTF-16 and
    UTF-8 by their byte order mark, else UTF-8 where it is valid, else Windows-1252. A file that holds UTF-8 characters
    and then bytes that are not stays UTF-8, so that one damaged row does not garble the names in all others. What
    cannot be decoded is read as U+FFFD; `marks` are the characters to look for in every row then.
    """

    def __init__(self, directory: Path | None) -> None:
        self.size = 0
        self.sha256 = ""
        self.head = b""
        self.encoding = "utf-8"
        self.marks = ""
        self.cut = False
        self._scan = _Scan()
        self._lock = threading.Lock()
        self._text: io.TextIOWrapper | None = None
        try:
            if directory is not None:
                directory.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115
        except OSError as error:
            raise _no_room() from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def file(self) -> IO[bytes]:
        """The bytes themselves, for whoever reads them otherwise than as text. Closed together with this object."""
        return self._file

    @property
    def lock(self) -> threading.Lock:
        """Held by whoever reads in a thread, so that the file is not closed under it."""
        return self._lock

    def write(self, block: bytes) -> None:
        with self._lock:
            try:
                self._file.write(block)
            except OSError as error:
                raise _no_room() from error
            self.size += len(block)
            if len(self.head) < HEAD:
                self.head += block[: HEAD - len(self.head)]
            self._scan.take(block)

    def finish(self) -> None:
        with self._lock:
            self.sha256 = self._scan.sha.hexdigest()
            self.encoding, self.marks, self.cut = self._scan.verdict(self.head, self.size)
            try:
                self._file.seek(0)
            except OSError as error:
                raise _no_room() from error

    def text(self) -> io.TextIOWrapper:
        """The decoded text from the beginning, line ends as they are. Closed together with this object."""
        if self._text is None:
            self._text = io.TextIOWrapper(self._file, self.encoding, errors="replace", newline="")
        return self._text

    def close(self) -> None:
        with self._lock:
            (self._text or self._file).close()


class _Scan:
    def __init__(self) -> None:
        self.sha = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._valid = True
        self._characters = False
        self._nul = False
        self._undefined = False

    def take(self, block: bytes) -> None:
        self.sha.update(block)
        self._nul = self._nul or b"\0" in block
        if block.isascii() and not self._decoder.getstate()[0]:
            return
        self._undefined = self._undefined or any(byte in block for byte in _UNDEFINED_1252)
        if not self._valid:
            return
        try:
            text = self._decoder.decode(block)
        except UnicodeDecodeError as error:
            self._valid = False
            self._characters = self._characters or not error.object[: error.start].isascii()
        else:
            self._characters = self._characters or not text.isascii()

    def verdict(self, head: bytes, size: int) -> tuple[str, str, bool]:
        nul = "\0" if self._nul else ""
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16", "\0\ufffd", size % 2 == 1
        pending = self._valid and bool(self._decoder.getstate()[0])
        damaged = "" if self._valid and not pending else "\ufffd"
        if head.startswith(codecs.BOM_UTF8):
            return "utf-8-sig", nul + damaged, pending
        if self._characters or not damaged:
            return "utf-8", nul + damaged, pending
        return "windows-1252", nul + ("\ufffd" if self._undefined else ""), False


async def spool(
    chunks: AsyncIterator[bytes], directory: Path | None = None, *, max_bytes: int | None = None
) -> Spooled:
    """Write all of `chunks` to a temporary file in `directory`; close what is returned.

    Raises:
        BadInput: there are more than `max_bytes` bytes.
        Unavailable: the disk does not take them.
    """
    spooled = await asyncio.to_thread(Spooled, directory)
    try:
        async with aclosing(_blocks(chunks)) as blocks:
            async for block in blocks:
                if max_bytes is not None and spooled.size + len(block) > max_bytes:
                    raise too_large(max_bytes)
                await asyncio.to_thread(spooled.write, block)
        await asyncio.to_thread(spooled.finish)
    except BaseException:
        spooled.close()
        raise
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
    return spooled


def too_large(max_bytes: int) -> BadInput:
    return BadInput(*said("file.too_large", what=max_bytes / 2**20))


async def _blocks(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    held: list[bytes] = []
    size = 0
    async for chunk in chunks:
        for start in range(0, len(chunk), BLOCK):
            part = chunk[start : start + BLOCK]
            held.append(part)
            size += len(part)
            if size >= BLOCK:
                yield b"".join(held)
                held.clear()
                size = 0
    if held:
        yield b"".join(held)


def _no_room() -> Unavailable:
    return Unavailable(*said("spool.failed"))
