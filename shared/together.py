"""Running work side by side, all or nothing."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """All results in order. At the first error the rest is cancelled and waited for, then that error is raised."""
    tasks = [asyncio.create_task(one) for one in work]
    await all_of(*tasks)
    return [task.result() for task in tasks]


async def all_of(*tasks: "asyncio.Task[Any]") -> None:
    """The same for tasks that are under way, where their results are of different types."""
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
