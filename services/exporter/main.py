"""The exporter: a worker that moves approved registrations into a SIS, or into files. Shares the engine."""

from services.runtime import run_worker
from shared.settings import Settings


async def main(settings: Settings) -> None:
    await run_worker("exporter", "export", settings)
