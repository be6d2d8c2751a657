"""Immutable files in GridFS: uploads, staged slices, change sets."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from gridfs.errors import NoFile
from motor.motor_asyncio import AsyncIOMotorDatabase, AsyncIOMotorGridFSBucket

from shared.contracts.envelope import new_id
from shared.model.errors import NotFound
from shared.store.scoped import Document, translated

CHUNK = 1024 * 1024


class Artifacts:
    """Files of one organization. An artifact never changes; a second attempt writes another one."""

    def __init__(self, database: AsyncIOMotorDatabase[Document], org: str) -> None:
        self._bucket = AsyncIOMotorGridFSBucket(database, bucket_name="artifacts", chunk_size_bytes=CHUNK)
        self._org = org

    async def put(self, kind: str, run: str, content: bytes) -> str:
        """Store and return the id."""
        id = f"{self._org}/{new_id(kind)}"
        with translated():
            await self._bucket.upload_from_stream_with_id(id, kind, content, metadata=self._about(kind, run))
        return id

    async def put_stream(self, kind: str, chunks: AsyncIterator[bytes]) -> str:
        """Store a stream. On an error, also of the stream itself, nothing stays behind."""
        id = f"{self._org}/{new_id(kind)}"
        with translated():
            file = self._bucket.open_upload_stream_with_id(id, kind, metadata=self._about(kind, ""))
            try:
                async for chunk in chunks:
                    await file.write(chunk)
                await file.close()
            except BaseException:
                await file.abort()
                raise
        return id

    async def get(self, id: str) -> bytes:
        """Raises NotFound, also for another organization's artifact."""
        return b"".join([chunk async for chunk in self.stream(id)])

    async def stream(self, id: str) -> AsyncIterator[bytes]:
        """The content in pieces of 1 MiB. Raises NotFound."""
        if not id.startswith(f"{self._org}/"):
            raise NotFound("artifact.not_found", "The stored file is not there.")
        try:
            with translated():
                file = await self._bucket.open_download_stream(id)
                while chunk := await file.readchunk():
                    yield chunk
        except NoFile:
            raise NotFound("artifact.not_found", "The stored file is not there any more.") from None

    def _about(self, kind: str, run: str) -> dict[str, Any]:
        return {"org": self._org, "kind": kind, "run": run, "at": datetime.now(UTC)}
