"""Real parts for every test: addresses from the environment, unique names, clean-up on a fresh connection."""

import os
import secrets
import warnings
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import HealthCheck, settings

from devtools.parts import LocalParts, drop_broker_objects, drop_database
from devtools.parts.nursery import VARIABLE
from devtools.parts.probe import apart
from shared.contracts.topology import DEFAULT_RETRY_DELAYS
from tests.examples import examples

os.environ.setdefault(VARIABLE, "1")
settings.register_profile(
    "a busy machine", deadline=None, max_examples=examples(), suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("a busy machine")


@pytest.fixture(scope="session")
def parts() -> Iterator[LocalParts]:
    """A broker and a database for all tests. Never kill or restart these: make your own in a fault test."""
    with LocalParts(durable=False) as started:
        yield started


@pytest.fixture
def amqp_url(parts: LocalParts) -> str:
    return parts.addresses.amqp_url


@pytest.fixture
def mongo_url(parts: LocalParts) -> str:
    return parts.addresses.mongo_url


@pytest.fixture
def retry_delays() -> tuple[float, ...]:
    """Override this where a test declares another ladder, so that its queues are cleaned up as well."""
    return DEFAULT_RETRY_DELAYS


@pytest.fixture
def extra_queues() -> list[str]:
    """Append the names of queues outside the topology; they are deleted afterwards."""
    return []


@pytest.fixture
def unique(request: pytest.FixtureRequest, retry_delays: tuple[float, ...], extra_queues: list[str]) -> Iterator[str]:
    """A short name nobody else uses. What stands under it goes where the test has asked for the address: the database
    `unique`, and the broker's objects with the prefix f"{unique}." or `unique` itself."""
    name = f"t{secrets.token_hex(3)}"
    used = [url for url in ("amqp_url", "mongo_url") if url in request.fixturenames]
    addresses = {url: request.getfixturevalue(url) for url in used}
    yield name
    try:
        for prefix in (f"{name}.", name) if "amqp_url" in addresses else ():
            drop = partial(drop_broker_objects, addresses["amqp_url"], prefix)
            apart(partial(drop, retry_delays=retry_delays, extra_queues=extra_queues))
        if "mongo_url" in addresses:
            drop_database(addresses["mongo_url"], name)
    except Exception as error:  # the test's own outcome matters more
        warnings.warn(f"{name} was not cleaned up: {error!r}", stacklevel=1)
