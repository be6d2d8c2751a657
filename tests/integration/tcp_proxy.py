"""A TCP proxy that can cut what passes through it, refuse what comes, or go silent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from yarl import URL


class TcpProxy:
    """Between a client and `target`. Everything is let through until told otherwise."""

    def __init__(self, target: str) -> None:
        self._target = URL(target)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.refusing = False
        self.accepted = 0
        self.port = 0

    @property
    def url(self) -> str:
        return str(self._target.with_host("127.0.0.1").with_port(self.port))

    def cut(self) -> None:
        """Every connection is reset at once, on both sides."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Connections stay, new ones are accepted, and nothing passes any more."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["TcpProxy"]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self.refusing:
            writer.transport.abort()
            return
        self._writers.add(writer)
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far = None
        try:
            far_reader, far = await asyncio.open_connection(self._target.host, self._target.port)
            self._writers.add(far)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, far))
                group.create_task(self._copy(far_reader, writer))
        except* OSError:
            pass
        finally:
            for one in (writer, far):
                if one is not None:
                    one.transport.abort()
                    self._writers.discard(one)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionError
