"""The target suite, run for every Target there is."""

from collections.abc import AsyncIterator

import pytest

from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import OrganizationSpec, World
from shared.adapters.enroll import EnrollTarget, enroll_client
from tests.integration.conformance.target_suite import Site, TargetConformance
from tests.integration.enroll_runs import KEY, make_run


class TestEnrollTarget(TargetConformance):
    @pytest.fixture
    async def site(self) -> AsyncIterator[Site]:
        world = World("token", organizations={"o-1": OrganizationSpec()})
        async with (
            serving(create_app(world), bind("127.0.0.1", 0)) as address,
            enroll_client(address, "token") as http,
        ):
            yield Site(EnrollTarget(http, make_run(), KEY), lambda: len(world.organization("o-1").students))
