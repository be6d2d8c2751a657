"""Which of the runs that wait in a stream begins."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from shared.adapters.enroll import enroll_client
from shared.adapters.enroll_sites import EnrollSites
from shared.contracts.envelope import new_id
from shared.engine.context import Engine
from shared.engine.ends import RealEnds
from shared.engine.handlers import Steps
from shared.engine.planning import Planner
from shared.engine.relay import Relay
from shared.messaging.publisher import Publisher
from shared.model.run import RunState
from shared.settings import Settings
from shared.store.database import Store
from tests.integration.enroll_runs import NOW, make_run
from tests.integration.store_site import store

__all__ = ["store"]

LONG_AGO, NEXT_YEAR = datetime(1999, 1, 1, tzinfo=UTC), NOW + timedelta(days=365)


@pytest.fixture
async def engine(store: Store, amqp_url: str, unique: str) -> AsyncIterator[Engine]:
    settings = Settings(amqp_url=amqp_url, broker_prefix=f"{unique}.")
    publisher = Publisher(amqp_url, settings.topology(), "begins")
    enroll = EnrollSites(enroll_client(settings.enroll_url, ""), None)
    ends = RealEnds(store, settings, enroll)
    relay = Relay(store.outboxes, publisher)
    yield Engine(store, relay, settings.topology(), ends, Planner(store, enroll.codes), settings)
    await publisher.aclose()
    await ends.aclose()
    await enroll.aclose()


@pytest.mark.parametrize("times", [(NEXT_YEAR, LONG_AGO), (LONG_AGO, NEXT_YEAR)])
async def test_who_was_asked_for_first_whatever_the_time_of_the_event(
    times: tuple[datetime, datetime], engine: Engine
) -> None:
    steps, runs = Steps(engine), engine.store.org("o-1").runs
    first, second = (
        make_run(id=new_id("run", at=at, of="x"), number=0, created_at=NOW + timedelta(minutes=minute))
        for minute, at in enumerate(times)
    )
    for run in (second, first):
        await runs.add(run, [], fingerprint="f")
    assert await steps._activate(second) is None
    assert await steps._activate(first) is not None
    assert (await runs.get(first.id)).state is RunState.STAGING
