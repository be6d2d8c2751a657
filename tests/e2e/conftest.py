"""One running stack for all end-to-end tests of a process; each test has an organization of its own in it."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from devtools.district import District
from devtools.parts import LocalParts
from devtools.stack import REHEARSAL, Stack
from tests.e2e.broker import Tap
from tests.e2e.enroll import Faults, switched

SERVICES = ("sandbox", "sandbox-2", "gateway", "importer", "importer-2", "exporter", "scheduler", "scheduler-2")
SETTINGS = {
    "SYNC_RETRY_DELAYS": "[0.2, 0.4, 0.8]",
    "SYNC_LEASE_SECONDS": "3",
    "SYNC_SWEEP_SECONDS": "4",
    "SYNC_SCHEDULE_POLL_SECONDS": "1",
    "SYNC_PERMISSION_CACHE_SECONDS": "0",
    "SYNC_SLICE_ROWS": "100",
    "SYNC_WINDOW": "2",
    "SYNC_MAX_UPLOAD_MB": "16",
}


@pytest.fixture(scope="session")
def stack(parts: LocalParts) -> Iterator[Stack]:
    """Every process, started once. A test that stops one starts it again."""
    with Stack(parts.addresses, services=SERVICES, env=SETTINGS).shared() as started:
        yield started


@pytest.fixture
def org() -> str:
    return f"o-{secrets.token_hex(5)}"


@pytest.fixture
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    """An organization nobody else uses, and its data manager, who holds Full Access."""
    async with District(stack, org) as one:
        yield one


@pytest.fixture
async def rehearsal(stack: Stack, district: District) -> AsyncIterator[District]:
    """The same organization as Enroll's sandbox has it."""
    async with District(stack, district.org, enroll=REHEARSAL) as one:
        one.api.headers = district.api.headers
        yield one


@pytest.fixture
async def faults(stack: Stack) -> AsyncIterator[Faults]:
    """`await faults({...}, ...)` switches faults of the simulated Enroll on, until the test ends."""
    async with switched(stack.url("sandbox")) as switch:
        yield switch


@pytest.fixture
async def tap(stack: Stack) -> AsyncIterator[Tap]:
    """Hears everything that is published to the work, event, retry and dead letter exchanges."""
    async with Tap(stack) as one:
        yield one
