"""Keeping a lease alive while the work under it goes on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from shared.model.error_texts import said
from shared.model.errors import Transient, Unavailable


class LeaseLost(Unavailable):
    """Somebody else has the lease now: nothing went wrong, and nothing is left to do here."""


@contextlib.asynccontextmanager
async def kept(renew: Callable[[], Awaitable[bool]], seconds: float) -> AsyncIterator[None]:
    """Renew every third of the lease. When it was lost, the work inside is cancelled.

    Raises:
        LeaseLost: whoever has it now does the work.
    """
    worker = asyncio.current_task()
    lost = False

    async def renewing() -> None:
        nonlocal lost
        while True:
            await asyncio.sleep(seconds / 3)
            with contextlib.suppress(Transient):
                if not await renew():
                    lost = True
                    if worker is not None:
                        worker.cancel()
                    return

    keeper = asyncio.create_task(renewing())
    try:
        yield
    except asyncio.CancelledError:
        if not lost or worker is None or worker.uncancel() > 0:
            raise
        raise LeaseLost(*said("lease.lost")) from None
    finally:
        keeper.cancel()
