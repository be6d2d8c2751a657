"""What every Source does, whatever it reads from. `test_sources.py` runs it for each adapter."""

import asyncio
import hashlib
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.model.errors import BadInput, SyncError
from shared.model.ports import Source

ROSTER = b'id,first name,note\r\n1,Ada,"two\r\nlines"\r\n\r\n2,Bo\r\n3,Cy,\r\n'


@dataclass(frozen=True)
class Place:
    """Where the adapter under test finds its file. `source` puts the bytes there and makes a fresh source for them."""

    source: Callable[[bytes], Awaitable[Source]]
    spool_dir: Path

    def spooled(self) -> int:
        """Files in the spool directory that this process has open, or left behind."""
        left = sum(1 for _ in self.spool_dir.iterdir()) if self.spool_dir.exists() else 0
        fds = Path("/proc/self/fd")
        links = [os.readlink(fd) for fd in fds.iterdir() if fd.is_symlink()]
        return left + sum(link.startswith(str(self.spool_dir)) for link in links)


class SourceConformance:
    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError("each adapter says where its file is")

    async def test_entering_tells_what_was_pulled(self, place: Place) -> None:
        async with await place.source(ROSTER) as source:
            info = source.info
        assert info.columns == ("id", "first name", "note")
        assert info.size == len(ROSTER)
        assert info.sha256 == hashlib.sha256(ROSTER).hexdigest()
        assert info.name.endswith(".csv")
        assert json.loads(json.dumps(dict(info.receipt))) == info.receipt
        assert all(isinstance(value, str) for value in info.details.values())

    async def test_rows_come_numbered_and_complete(self, place: Place) -> None:
        async with await place.source(ROSTER) as source:
            batches = [batch async for batch in source.batches()]
            assert not source.warnings
        rows = [row for batch in batches for row in batch.rows]
        bad = [row for batch in batches for row in batch.bad]
        assert rows == [(2, ["1", "Ada", "two\r\nlines"]), (5, ["3", "Cy", ""])]
        assert [number for number, _ in bad] == [4]

    async def test_many_rows_come_in_batches(self, place: Place) -> None:
        data = b"id,name\n" + b"".join(b"%d,Ada\n" % number for number in range(12_345))
        async with await place.source(data) as source:
            batches = [batch.rows async for batch in source.batches()]
        assert len(batches) > 1
        assert [number for batch in batches for number, _ in batch] == list(range(2, 12_347))

    async def test_signs_of_a_cut_file_are_complete_after_the_last_batch(self, place: Place) -> None:
        async with await place.source(b"id,name\n1,Ada\n2") as source:
            async for _ in source.batches():
                pass
            assert source.warnings == ["file.cut_short"]

    async def test_leaving_early_keeps_nothing(self, place: Place) -> None:
        async with await place.source(b"id\n" + b"1\n" * 10_000) as source:
            await anext(source.batches())
            assert place.spooled() == 1
        assert place.spooled() == 0

    async def test_leaving_on_an_error_keeps_nothing(self, place: Place) -> None:
        with pytest.raises(LookupError):
            async with await place.source(ROSTER):
                raise LookupError
        assert place.spooled() == 0

    async def test_cancelling_keeps_nothing(self, place: Place) -> None:
        entered = asyncio.Event()

        async def work() -> None:
            async with await place.source(ROSTER):
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(work())
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert place.spooled() == 0

    @pytest.mark.parametrize("data", [b"", b"id,id\n", b"PK\x03\x04rest", b"\n\n"])
    async def test_what_cannot_be_read_is_an_error_people_may_see(self, place: Place, data: bytes) -> None:
        with pytest.raises(BadInput) as caught:
            async with await place.source(data):
                pass
        assert isinstance(caught.value, SyncError)
        assert caught.value.fix
        assert place.spooled() == 0

    async def test_settling_twice_is_harmless(self, place: Place) -> None:
        async with await place.source(ROSTER) as source:
            receipt = json.loads(json.dumps(dict(source.info.receipt)))
        await source.settle(receipt)
        await source.settle(receipt)
