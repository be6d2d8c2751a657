"""together: all results in order, or the first error and nothing left running."""

import asyncio

import pytest

from shared.together import together


async def test_results_keep_their_order() -> None:
    async def work(number: int) -> int:
        await asyncio.sleep((3 - number) / 1000)
        return number

    assert await together(work(number) for number in range(4)) == [0, 1, 2, 3]
    assert await together([]) == []


async def test_the_first_error_ends_the_others_before_it_is_raised() -> None:
    left: list[str] = []

    async def patient() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            left.append("tidied")

    async def failing() -> None:
        await asyncio.sleep(0.01)
        raise LookupError

    with pytest.raises(LookupError):
        await together([patient(), failing(), patient()])
    assert left == ["tidied", "tidied"]


async def test_cancelling_reaches_all_of_them() -> None:
    started, ended = asyncio.Event(), []

    async def patient() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(1)

    task = asyncio.create_task(together([patient(), patient()]))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [1, 1]
