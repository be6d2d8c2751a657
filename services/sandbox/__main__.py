import asyncio

from services.sandbox.main import main
from shared.settings import Settings

if __name__ == "__main__":
    asyncio.run(main(Settings()))
