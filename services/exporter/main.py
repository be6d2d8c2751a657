"""The exporter: a worker that moves approved registrations into a SIS, or into files. Shares the engine."""

from typing import Any

from services.runtime import Runtime, run_worker
from shared.engine.approvals import Approvals
from shared.engine.gate import Gate
from shared.engine.handlers import Steps
from shared.messaging.answers import Handling
from shared.settings import Settings


async def main(settings: Settings) -> None:
    await run_worker("exporter", "export", settings, approvals)


def approvals(base: Runtime, steps: Steps) -> tuple[str, Handling[Any]]:
    """Enroll's events about registrations that were just approved."""
    gate = Gate(base.store, base.enroll, base.settings.permission_cache_seconds)
    return base.settings.topology().approvals_queue, Approvals(base.engine, gate, steps).handling()
