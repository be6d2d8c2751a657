"""kept: a lease is renewed while work goes on; losing it ends the work."""

import asyncio

import pytest

from shared.engine.lease import kept
from shared.model.errors import Unavailable


async def test_the_lease_is_renewed_while_the_work_lasts_and_no_longer() -> None:
    renewed = 0
    often = asyncio.Event()

    async def renew() -> bool:
        nonlocal renewed
        renewed += 1
        if renewed == 3:
            often.set()
        return True

    async with kept(renew, 0.03):
        await asyncio.wait_for(often.wait(), 10)
    before = renewed
    await asyncio.sleep(0.05)
    assert renewed == before


async def test_a_lost_lease_ends_the_work() -> None:
    async def renew() -> bool:
        return False

    ended = asyncio.Event()

    async def work() -> None:
        async with kept(renew, 0.03):
            try:
                await asyncio.sleep(10)
            finally:
                ended.set()

    with pytest.raises(Unavailable) as caught:
        await work()
    assert ended.is_set()
    assert caught.value.code == "lease.lost"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_a_database_that_is_away_for_a_moment_loses_nothing() -> None:
    async def renew() -> bool:
        raise Unavailable("store.unreachable", "no")

    async with kept(renew, 0.03):
        await asyncio.sleep(0.05)


async def test_a_cancellation_from_outside_stays_one() -> None:
    inside = asyncio.Event()

    async def renew() -> bool:
        return True

    async def work() -> None:
        async with kept(renew, 1):
            inside.set()
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()


async def test_both_at_once_is_a_cancellation() -> None:
    lost = asyncio.Event()

    async def renew() -> bool:
        lost.set()
        task.cancel()
        return False

    async def work() -> None:
        async with kept(renew, 0.03):
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await lost.wait()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_work_is_passed_on() -> None:
    async def renew() -> bool:
        return True

    with pytest.raises(LookupError):
        async with kept(renew, 1):
            raise LookupError
