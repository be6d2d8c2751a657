"""Every process says how it is, leaves when it is told to, and loses nothing by leaving."""

import asyncio
import time
from pathlib import Path

import httpx
import pytest

from devtools.district import District
from devtools.stack import Stack
from shared.security.trust import trusted
from tests.e2e.conftest import SERVICES
from tests.e2e.enroll import Faults, students
from tests.e2e.files import roster

ROWS = 1500


@pytest.mark.parametrize("service", SERVICES)
async def test_health(service: str, stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url(service), trust_env=False, verify=trusted()) as client:
        healthy = await client.get("/healthz")
        ready = await client.get("/readyz")
        metrics = await client.get("/metrics")

    assert healthy.status_code == ready.status_code == metrics.status_code == 200
    assert "python_info" in metrics.text
    if service.startswith("sandbox"):
        return
    assert ready.json()["ready"] is True
    expected = {"mongodb", "rabbitmq"} if service.startswith("scheduler") else {"mongodb", "rabbitmq", "consuming"}
    assert set(ready.json()["checks"]) == expected
    assert "sync_messages_total" in metrics.text


@pytest.mark.parametrize(
    "services",
    [("gateway",), ("importer", "importer-2"), ("exporter",), ("scheduler", "scheduler-2")],
    ids=lambda services: services[0],
)
async def test_sigterm_while_an_import_runs(
    services: tuple[str, ...], stack: Stack, district: District, tmp_path: Path, faults: Faults
) -> None:
    connection = await district.ad_hoc()
    await faults({"org": district.org, "path": "batch-upsert", "delay": 0.2})
    run = await district.upload(connection, roster(tmp_path / "district.csv", ROWS))
    await district.watch(run["id"], states=frozenset({"applying"}))

    started = time.monotonic()
    statuses = await asyncio.gather(*(stack.stop(name) for name in services))
    spent = time.monotonic() - started
    try:
        assert statuses == [0] * len(services)
        assert spent < 10
        if "importer" in services:
            assert (await district.run(run["id"]))["state"] == "applying", "it was stopped in the middle"
    finally:
        await asyncio.gather(*(stack.start(name) for name in services))

    ended = await district.watch(run["id"])
    assert (ended["state"], ended["counts"]["created"], ended["counts"]["failed"]) == ("succeeded", ROWS, 0)
    held = await students(district)
    assert len(held) == ROWS
    assert {one["writes"] for one in held.values()} == {1}, "nobody was written twice"
