"""The exporter: a worker that moves data from Enroll into a SIS. Shares the engine; its ends come with step 3."""

from services.runtime import run_worker
from shared.settings import Settings


async def main(settings: Settings) -> None:
    await run_worker("exporter", "export", settings)
