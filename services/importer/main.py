"""The importer: a worker that moves data from a SIS into Enroll."""

from services.runtime import run_worker
from shared.settings import Settings


async def main(settings: Settings) -> None:
    await run_worker("importer", "import", settings)
