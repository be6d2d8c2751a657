"""Sign-in tokens checked against the key set that the simulated Enroll serves."""

import pytest

from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import World
from shared.adapters.enroll import EnrollDirectory, enroll_client
from shared.model.errors import Refused
from shared.model.permission import Identity
from shared.security.tokens import TokenReader


async def test_a_token_of_this_enroll_and_of_another() -> None:
    world, other = World("token"), World("token")
    async with (
        serving(create_app(world), bind("127.0.0.1", 0)) as address,
        enroll_client(address, "token") as http,
    ):
        reader = TokenReader(address, EnrollDirectory(http).signing_keys)
        assert await reader.identify(world.tokens.sign(address, "o-1", "u-1")) == Identity("o-1", "u-1")
        world.tokens.rotate()
        assert await reader.identify(world.tokens.sign(address, "o-2", "u-2")) == Identity("o-2", "u-2")
        with pytest.raises(Refused):
            await reader.identify(other.tokens.sign(address, "o-1", "u-1"))
