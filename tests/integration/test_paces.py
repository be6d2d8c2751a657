"""How fast a SIS may be called: one pace for all workers, and a pause that all of them keep."""

import asyncio
import time

import pytest

from shared.model.errors import Throttled
from shared.store import paces
from shared.store.database import Store
from tests.integration.store_site import store

__all__ = ["store"]


async def test_workers_share_one_pace(store: Store) -> None:
    """Twenty calls by two workers at 50 a second need at least 19/50 s between the first and the last."""
    moments: list[float] = []

    async def work() -> None:
        pace = store.org("o-1").paces.of("con_1", 50)
        for _ in range(10):
            await pace.slot(60)
            moments.append(time.monotonic())

    await asyncio.gather(work(), work())
    assert max(moments) - min(moments) >= 19 / 50 * 0.95
    await store.org("o-1").paces.of("con_1", 50).pause(0.5)
    began = time.monotonic()
    await store.org("o-1").paces.of("con_1", 0).slot(60)
    assert time.monotonic() - began >= 0.4
    other = time.monotonic()
    await store.org("o-2").paces.of("con_2", 50).slot(60)
    assert time.monotonic() - other < 0.4


async def test_without_a_limit_the_store_is_not_asked_for_every_call(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paces, "GLANCE_SECONDS", 3600)
    pace, other = store.org("o-1").paces.of("con_1", 0), store.org("o-1").paces.of("con_1", 0)
    await pace.slot(0)
    await other.pause(60)
    await pace.slot(0)  # looked a moment ago
    with pytest.raises(Throttled):
        await other.slot(0)  # whoever was told to wait knows it at once


async def test_a_pause_that_another_worker_was_asked_for_is_seen_soon(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paces, "GLANCE_SECONDS", 0)
    pace = store.org("o-1").paces.of("con_1", 0)
    await pace.slot(0)
    await store.org("o-1").paces.of("con_1", 0).pause(60)
    with pytest.raises(Throttled) as caught:
        await pace.slot(5)
    assert 55 < caught.value.retry_after <= 60


async def test_a_glance_ahead_sees_a_pause_and_never_takes_a_turn(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paces, "GLANCE_SECONDS", 3600)
    paced, free = store.org("o-1").paces.of("con_1", 0.1), store.org("o-1").paces.of("con_2", 0)
    await paced.glance()
    await paced.slot(0)  # the first turn is still there
    await paced.glance()
    with pytest.raises(Throttled):
        await paced.slot(0)
    await free.glance()
    await store.org("o-1").paces.of("con_2", 0).pause(60)
    await free.slot(0)  # looked a moment ago
    seen = store.org("o-1").paces.of("con_2", 0)
    await seen.glance()
    with pytest.raises(Throttled):
        await seen.slot(0)
