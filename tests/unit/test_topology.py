"""The names of the broker objects, and what every queue must have."""

import pytest

from shared.contracts.messages import RegistrationApproved
from shared.contracts.topology import (
    APPROVALS_LANE,
    DELIVERY_LIMIT,
    NEVER,
    RETRY_RUNG_HEADER,
    Binding,
    Topology,
    work_key,
)


def test_every_name_starts_with_the_prefix() -> None:
    topology = Topology("acme.", (0.5, 5.0))
    names = [exchange.name for exchange in topology.exchanges()] + [queue.name for queue in topology.queues()]
    assert all(name.startswith("acme.") for name in names)
    assert len(set(names)) == len(names)


def test_the_names_without_a_prefix_are_those_of_the_design() -> None:
    topology = Topology()
    assert {one.name: one.kind for one in topology.exchanges()} == {
        "enroll.events": "topic",
        "sync.work": "topic",
        "sync.retry": "headers",
        "sync.dead": "fanout",
        "sync.events": "topic",
    }
    rungs = {f"sync.retry.{label}ms" for label in (5000, 30000, 120000, 600000, 3600000)}
    assert {one.name for one in topology.queues()} == rungs | {
        "importer.interactive",
        "importer.bulk",
        "exporter.interactive",
        "exporter.bulk",
        "exporter.approvals",
        "gateway.enroll-events",
        "gateway.dead",
    }


@pytest.mark.parametrize("prefix", ["", "acme."])
def test_a_work_key_matches_the_binding_of_its_lane_alone(prefix: str) -> None:
    topology = Topology(prefix)
    for direction in ("import", "export"):
        for pace in ("interactive", "bulk"):
            key = work_key(direction, pace, "sync.slice.apply.v1")
            takers = [
                queue.name
                for queue in topology.queues()
                for binding in queue.bindings
                if binding.exchange == topology.work and key.startswith(binding.routing_key.removesuffix("#"))
            ]
            assert takers == [topology.lane(direction, pace)]


@pytest.mark.parametrize(
    ("delay", "rung"), [(0, 1.0), (1.0, 1.0), (1.1, 10.0), (10.0, 10.0), (59, 60.0), (61, 60.0), (9e9, 60.0)]
)
def test_the_rung_covers_the_delay_where_one_does(delay: float, rung: float) -> None:
    assert Topology("", (1.0, 10.0, 60.0)).rung_for(delay) == rung


def test_every_queue_is_a_quorum_queue_with_a_delivery_limit_and_a_way_out() -> None:
    topology = Topology("acme.")
    for queue in topology.queues():
        arguments = queue.arguments
        assert arguments["x-queue-type"] == "quorum"
        if queue.name == topology.dead_queue:
            assert arguments["x-delivery-limit"] == NEVER
            assert "x-dead-letter-exchange" not in arguments
            assert "x-message-ttl" not in arguments
            continue
        assert arguments["x-delivery-limit"] == DELIVERY_LIMIT
        assert arguments["x-dead-letter-strategy"] == "at-least-once"
        assert arguments["x-overflow"] == "reject-publish"  # at-least-once dead lettering needs it
        rung = queue.name.startswith(topology.retry)
        assert arguments["x-dead-letter-exchange"] == (topology.work if rung else topology.dead)


def test_each_rung_is_a_queue_with_its_own_delay_found_by_header() -> None:
    topology = Topology("", (0.1, 5.0))
    rungs = [queue for queue in topology.queues() if queue.name.startswith("sync.retry.")]
    assert [queue.name for queue in rungs] == [topology.retry_queue(rung) for rung in topology.retry_delays]
    assert [queue.arguments["x-message-ttl"] for queue in rungs] == [100, 5000]
    headers = [queue.bindings[0].headers or {} for queue in rungs]
    assert [one[RETRY_RUNG_HEADER] for one in headers] == ["100ms", "5000ms"]
    assert all(one["x-match"] == "all" for one in headers)
    assert not RETRY_RUNG_HEADER.startswith("x-")  # a headers exchange would ignore it


@pytest.mark.parametrize("prefix", ["", "acme."])
def test_an_approval_goes_to_the_exporter_alone_whoever_sent_it(prefix: str) -> None:
    """Enroll, our own retry by the same key, and a gateway that passes on what an older release brought it."""
    topology = Topology(prefix)
    kind = RegistrationApproved.TYPE
    ways = [(topology.enroll_events, kind), (topology.work, kind), (topology.work, f"{APPROVALS_LANE}.{kind}")]
    for exchange, key in ways:
        takers = [queue.name for queue in topology.queues() if _takes(queue.bindings, exchange, key)]
        assert takers == [topology.approvals_queue]
    (gateway,) = [queue for queue in topology.queues() if queue.name == topology.enroll_queue]
    assert [_takes(gateway.unbound, exchange, key) for exchange, key in ways] == [True, True, False]


def _takes(bindings: tuple[Binding, ...], exchange: str, key: str) -> bool:
    return any(one.exchange == exchange and key.startswith(one.routing_key.removesuffix("#")) for one in bindings)
