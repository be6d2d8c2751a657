"""The source suite, run for every Source there is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.adapters.file_sources import UploadSource
from shared.adapters.sftp import SftpSource
from shared.model.ports import Source
from tests.integration.conformance.sftp_server import sftp_site
from tests.integration.conformance.source_suite import Place, SourceConformance


class TestUploadSource(SourceConformance):
    @pytest.fixture
    def place(self, tmp_path: Path) -> Place:
        async def source(data: bytes) -> Source:
            async def stream() -> AsyncIterator[bytes]:
                yield data

            return UploadSource("roster.csv", stream, tmp_path / "spool")

        return Place(source, tmp_path / "spool")


class TestSftpSource(SourceConformance):
    @pytest.fixture
    async def place(self, tmp_path: Path) -> AsyncIterator[Place]:
        async with sftp_site(tmp_path / "site") as site:

            async def source(data: bytes) -> Source:
                (site.incoming / "roster.csv").write_bytes(data)
                spool_dir = tmp_path / "spool"
                return SftpSource(site.settings(), site.secrets, allow_private_addresses=True, spool_dir=spool_dir)

            yield Place(source, tmp_path / "spool")
