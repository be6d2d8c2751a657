"""The worker loop on a real broker: what becomes of a message, by what its handler does."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from prometheus_client import REGISTRY

from shared.contracts.envelope import Envelope
from shared.contracts.messages import EnrollSyncRequested, RegistrationApproved, RunRequested
from shared.contracts.topology import Topology
from shared.messaging import worker as worker_module
from shared.messaging.answers import Answer, Delivery, Done, Handling, Later
from shared.messaging.broker import declare
from shared.messaging.dead import read_dead
from shared.messaging.publisher import ATTEMPT_HEADER
from shared.messaging.retry import attempt_of
from shared.messaging.worker import Lane
from shared.model.errors import BadInput, NotFound, Throttled, Unavailable
from tests.integration.messaging_rig import DEADLINE, Rig, Seen, rigged, until

RUNGS = (0.1, 0.3, 0.6)


@pytest.fixture
def retry_delays() -> tuple[float, ...]:
    return RUNGS


@pytest.fixture
async def rig(amqp_url: str, unique: str, retry_delays: tuple[float, ...]) -> AsyncIterator[Rig]:
    async with rigged(amqp_url, Topology(f"{unique}.", retry_delays)) as made:
        yield made


def handled(outcome: str, kind: str = RunRequested.TYPE, queue: str = "importer.interactive") -> float:
    labels = {"queue": queue, "type": kind, "outcome": outcome}
    return REGISTRY.get_sample_value("sync_messages_total", labels) or 0.0


async def test_a_handler_gets_the_typed_message_and_done_ends_it(rig: Rig) -> None:
    seen = Seen()
    before = handled("done")
    async with rig.working(Handling(RunRequested, seen)):
        sent = await rig.send("r7")
        await until(lambda: handled("done") == before + 1)
    body, delivery = seen.got[0]
    assert body == RunRequested(organization="o1", run="r7")
    assert delivery == Delivery(sent.envelope.id, rig.lane(), sent.envelope.time, 1, last=False)
    assert len(seen.got) == 1
    await rig.nothing_left()


async def test_a_failure_climbs_the_ladder_with_its_own_routing_key(rig: Rig) -> None:
    seen = Seen([ValueError("x"), Unavailable("a.b", "c"), KeyError("x")])
    keys: list[str | None] = []

    def noting(message: AbstractIncomingMessage) -> int:
        keys.append(message.routing_key)
        return attempt_of(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("shared.messaging.worker.attempt_of", noting)
        async with rig.working(Handling(RunRequested, seen)):
            sent = await rig.send()
            await until(lambda: len(seen.got) == 4)
    assert seen.attempts == [1, 2, 3, 4]
    assert [delivery.last for _, delivery in seen.got] == [False, False, False, True]
    assert {delivery.message_id for _, delivery in seen.got} == {sent.envelope.id}
    assert {delivery.sent_at for _, delivery in seen.got} == {sent.envelope.time}
    assert keys == [sent.routing_key] * 4
    waits = [after - before for before, after in zip(seen.at, seen.at[1:], strict=False)]
    assert all(wait >= rung * 0.95 for wait, rung in zip(waits, RUNGS, strict=True))
    await rig.nothing_left()


async def test_round_the_same_rung_many_times_it_is_never_dropped_nor_an_attempt(rig: Rig) -> None:
    """RabbitMQ drops a message that goes round without a fresh publish in between."""
    seen = Seen([Later(0.05, "busy")] * 8)
    async with rig.working(Handling(RunRequested, seen)):
        await rig.send()
        await until(lambda: len(seen.got) == 9)
    assert seen.attempts == [1] * 9
    await rig.nothing_left()


async def test_later_waits_as_long_as_asked(rig: Rig) -> None:
    seen = Seen([ValueError(), Later(0.5, "busy")])
    async with rig.working(Handling(RunRequested, seen)):
        await rig.send()
        await until(lambda: len(seen.got) == 3)
    assert seen.attempts == [1, 2, 2]
    assert seen.at[2] - seen.at[1] >= 0.55


@pytest.mark.parametrize(("retry_after", "at_least"), [(0.0, 0.1), (0.25, 0.3), (0.4, 0.6), (99.0, 0.6)])
async def test_throttled_waits_on_the_rung_that_covers_it(rig: Rig, retry_after: float, at_least: float) -> None:
    seen = Seen([Throttled("a.b", "c", retry_after=retry_after)])
    async with rig.working(Handling(RunRequested, seen)):
        await rig.send()
        await until(lambda: len(seen.got) == 2)
    assert seen.at[1] - seen.at[0] >= at_least * 0.95
    assert seen.attempts == [1, 2]


async def test_out_of_attempts_it_is_given_up_and_buried_without_the_text(rig: Rig) -> None:
    seen = Seen(always=ValueError("Jane Doe, born 2012-03-04"))
    given_up: list[tuple[Any, BaseException]] = []

    async def gave_up(body: RunRequested, error: BaseException) -> None:
        given_up.append((body, error))

    async with rig.working(Handling(RunRequested, seen, gave_up)):
        sent = await rig.send()
        message = await rig.dead()
    assert seen.attempts == [1, 2, 3, 4]
    assert given_up == [(RunRequested(organization="o1", run="r1"), seen.always)]
    assert "Jane" not in str(message.headers) + message.body.decode()
    assert "x-death" not in message.headers
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    found = read_dead(message)
    assert found["id"] == sent.envelope.id
    assert found["type"] == RunRequested.TYPE
    assert found["reason"] == "out of attempts"
    assert found["error"] == "ValueError"
    assert "__call__" in found["frames"]
    assert found["attempts"] == 4
    assert (found["exchange"], found["routing_key"]) == (rig.topology.work, sent.routing_key)
    assert (found["org"], found["run"]) == ("o1", "r1")
    assert Envelope.model_validate_json(found["body"]) == sent.envelope
    assert 0.9 <= (found["last_failed"] - found["first_failed"]).total_seconds() < DEADLINE
    await rig.nothing_left()


async def test_our_own_error_is_buried_with_its_code(rig: Rig) -> None:
    async with rig.working(Handling(RunRequested, Seen(always=BadInput("file.empty", "The file is empty.")))):
        await rig.send()
        found = read_dead(await rig.dead())
    assert (found["code"], found["detail"]) == ("file.empty", "The file is empty.")


async def test_giving_up_that_fails_is_not_the_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "REQUEUE_SECONDS", 0.05)
    failures: list[BaseException] = []

    async def gave_up(_: RunRequested, error: BaseException) -> None:
        failures.append(error)
        if len(failures) < 3:
            raise Unavailable("mongo.down", "away")

    async with rig.working(Handling(RunRequested, Seen(always=ValueError()), gave_up)):
        await rig.send()
        assert read_dead(await rig.dead())["reason"] == "out of attempts"
    assert len(failures) == 3
    await rig.nothing_left()


async def test_giving_up_that_fails_for_good_hides_nothing(rig: Rig) -> None:
    async def gave_up(_: RunRequested, error: BaseException) -> None:
        raise NotFound("run.unknown", "There is no such run.")

    async with rig.working(Handling(RunRequested, Seen(always=BadInput("file.empty", "Empty.")), gave_up)):
        await rig.send()
        assert read_dead(await rig.dead())["code"] == "file.empty"
    await rig.nothing_left()


async def test_a_retry_that_cannot_be_published_is_not_lost(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "REQUEUE_SECONDS", 0.05)
    seen = Seen([ValueError(), ValueError()])
    sending, failures = rig.publisher.send, [Unavailable("broker.lost", "away")]

    async def failing_once(exchange: str, *args: Any, **kwargs: Any) -> None:
        if failures and exchange == rig.topology.retry:
            raise failures.pop()
        await sending(exchange, *args, **kwargs)

    monkeypatch.setattr(rig.publisher, "send", failing_once)
    async with rig.working(Handling(RunRequested, seen)):
        await rig.send()
        await until(lambda: len(seen.got) == 3)
    assert seen.attempts == [1, 1, 2]
    await rig.nothing_left()


async def test_a_handler_ended_by_a_stray_cancellation_is_tried_again(rig: Rig) -> None:
    """What it waited for was cancelled by somebody, such as a library; the message must not hang unanswered."""
    seen = Seen([asyncio.CancelledError()])
    async with rig.working(Handling(RunRequested, seen)):
        await rig.send()
        await until(lambda: len(seen.got) == 2)
    assert seen.attempts == [1, 2]
    await rig.nothing_left()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff\xfe not json", "undecodable"),
        (b"[]", "undecodable"),
        (b'{"specversion": "1.0", "type": "sync.import.requested.v1"}', "undecodable"),
        (b'{"specversion": "1.0", "type": "sync.import.requested.v1", "data": {"run": 5}}', "undecodable"),
        (b'{"specversion": "1.0", "type": "sync.import.requested.v2", "data": {}}', "unknown type or version"),
    ],
)
async def test_what_cannot_be_read_is_buried_as_it_is(rig: Rig, body: bytes, reason: str) -> None:
    seen = Seen()
    async with rig.working(Handling(RunRequested, seen)):
        await rig.send_raw(body)
        message = await rig.dead()
    found = read_dead(message)
    assert message.body == body
    assert (found["id"], found["reason"], found["attempts"]) == ("odd", reason, 1)
    assert found["exchange"] == rig.topology.work
    assert not seen.got
    await rig.nothing_left()


@pytest.mark.parametrize(
    ("told", "property", "type"),
    [
        ("enroll.sync.requested.v99", None, "enroll.sync.requested.v99"),
        ("enroll.sync.requested.v99", "x.y.v1", "x.y.v1"),
        ("x" * 200, None, "x" * 200),
        ("x" * 201, None, ""),
        ("Mara Torres", None, ""),
        ("a\x1b[31m", "Mara\nTorres", ""),
        (7, None, ""),
        ({"type": "a.v1"}, None, ""),
    ],
)
async def test_what_a_dead_letter_says_it_is_is_read_from_itself_as_well(
    rig: Rig, told: object, property: str | None, type: str
) -> None:
    body = {"specversion": "1.0", "type": told, "data": {"organization": "o1" * 500, "run": "r1"}}
    async with rig.working(Handling(RunRequested, Seen())):
        await rig.send_raw(json.dumps(body).encode(), type=property)
        found = read_dead(await rig.dead())
    assert (found["type"], found["org"], found["run"]) == (type, ("o1" * 500)[:200], "r1")


@pytest.mark.parametrize(
    ("told", "id"), [("event-1", "event-1"), ("", "odd"), (7, "odd"), ("e" * 201, "odd"), ("a\n", "odd"), (None, "odd")]
)
async def test_a_dead_letter_has_the_id_under_which_it_is_sent_again(rig: Rig, told: object, id: str) -> None:
    body = {"specversion": "1.0", "type": "a.v1", "data": {}} | ({} if told is None else {"id": told})
    async with rig.working(Handling(RunRequested, Seen())):
        await rig.send_raw(json.dumps(body).encode())
        assert read_dead(await rig.dead())["id"] == id


@pytest.mark.parametrize("data", [b"[" * 50_000, b'{"organization": "\\ud800"}'])
async def test_what_nobody_can_read_or_store_is_a_letter_all_the_same(rig: Rig, data: bytes) -> None:
    async with rig.working(Handling(RunRequested, Seen())):
        await rig.send_raw(b'{"specversion": "1.0", "type": "a.v1", "data": ' + data + b"}")
        found = read_dead(await rig.dead())
    assert (found["reason"], found["type"], found["org"]) == ("undecodable", "", "")


async def test_an_unknown_field_is_ignored(rig: Rig) -> None:
    seen = Seen()
    body = RunRequested(organization="o1", run="r1").envelope().model_dump(mode="json")
    body["data"]["hue"] = body["traceparent"] = "new"
    async with rig.working(Handling(RunRequested, seen)):
        await rig.send_raw(Envelope.model_validate(body).to_json())
        await until(lambda: len(seen.got) == 1)


async def test_what_enroll_sent_comes_back_to_its_own_queue(rig: Rig) -> None:
    seen = Seen([ValueError()])
    event = EnrollSyncRequested(organization="o1", user="u1", connection="c1").envelope()
    async with rig.working(Handling(EnrollSyncRequested, seen), lanes=[Lane(rig.topology.enroll_queue, 5)]):
        message = aio_pika.Message(event.to_json(), message_id=event.id)
        await rig.publisher.send(rig.topology.enroll_events, event.type, message)
        await until(lambda: len(seen.got) == 2)
    assert seen.attempts == [1, 2]


async def test_what_an_older_release_has_bound_brings_nothing_any_more(rig: Rig) -> None:
    """And nothing is lost in between: who hears it now has a queue before."""
    (gateway,) = [queue for queue in rig.topology.queues() if queue.name == rig.topology.enroll_queue]
    await declare(rig.outside, rig.topology)
    bound = await rig.outside.get_queue(gateway.name, ensure=False)
    for one in gateway.unbound:
        await bound.bind(one.exchange, one.routing_key)
    event = RegistrationApproved(organization="o1", registration="7", school_year=2026).envelope()
    gateways, exporters = Seen(), Seen()
    enroll = await rig.outside.get_exchange(rig.topology.enroll_events, ensure=False)

    async def says() -> None:
        await enroll.publish(aio_pika.Message(event.to_json(), message_id=event.id), event.type)

    await says()
    lanes = [Lane(rig.topology.enroll_queue, 5), Lane(rig.topology.approvals_queue, 5)]
    async with rig.working(Handling(RegistrationApproved, gateways), lanes=lanes[:1]):
        await until(lambda: len(gateways.got) == 1)
        await says()
        async with rig.working(Handling(RegistrationApproved, exporters), lanes=lanes[1:]):
            await until(lambda: len(exporters.got) == 2)
    assert len(gateways.got) == 1


@pytest.mark.parametrize("found", ["two", -1, 0, None])
async def test_an_odd_attempt_header_counts_as_the_first(rig: Rig, found: Any) -> None:
    seen = Seen()
    body = RunRequested(organization="o1", run="r1").envelope().to_json()
    async with rig.working(Handling(RunRequested, seen)):
        await rig.send_raw(body, headers={ATTEMPT_HEADER: found})
        await until(lambda: len(seen.got) == 1)
    assert seen.attempts == [1]


async def test_a_full_bulk_lane_never_holds_up_the_interactive_one(rig: Rig) -> None:
    """And no lane works on more than it has hands."""
    release = asyncio.Event()
    in_hand: dict[str, int] = {}
    most: dict[str, int] = {}
    done: list[str] = []

    async def handle(body: RunRequested, delivery: Delivery) -> Answer:
        queue = delivery.queue
        in_hand[queue] = in_hand.get(queue, 0) + 1
        most[queue] = max(most.get(queue, 0), in_hand[queue])
        if queue == rig.lane("bulk"):
            await release.wait()
        in_hand[queue] -= 1
        done.append(body.run)
        return Done()

    lanes = [Lane(rig.lane(), 2), Lane(rig.lane("bulk"), 3)]
    async with rig.working(Handling(RunRequested, handle), lanes=lanes):
        for number in range(10):
            await rig.send(f"b{number}", "bulk")
        await until(lambda: in_hand.get(rig.lane("bulk")) == 3)
        for number in range(10):
            await rig.send(f"i{number}")
        await until(lambda: len(done) == 10)
        assert all(run.startswith("i") for run in done)
        release.set()
        await until(lambda: len(done) == 20)
    assert most[rig.lane("bulk")] == 3
    assert most[rig.lane()] <= 2
    await rig.nothing_left()


async def test_one_organization_never_holds_up_another(rig: Rig) -> None:
    """Its messages came first, wait for something outside, and are more than the lane has hands."""
    release = asyncio.Event()
    slow, most, done = 0, 0, list[str]()

    async def handle(body: RunRequested, _: Delivery) -> Answer:
        nonlocal slow, most
        if body.organization == "o1":
            slow += 1
            most = max(most, slow)
            await release.wait()
            slow -= 1
        done.append(body.run)
        return Done()

    async with rig.working(Handling(RunRequested, handle), lanes=[Lane(rig.lane(), 3, each=2, prefetch=30)]):
        for number in range(10):
            await rig.send(f"s{number}")
        await until(lambda: slow == 2)
        for number in range(10):
            await rig.send(f"w{number}", org="o2")
        await until(lambda: len(done) == 10)
        assert done == [f"w{number}" for number in range(10)]
        release.set()
        await until(lambda: len(done) == 20)
    assert most == 2
    await rig.nothing_left()


async def test_what_waits_for_a_hand_when_told_to_stop_is_somebody_elses_at_once(rig: Rig) -> None:
    release, begun = asyncio.Event(), list[str]()

    async def handle(body: RunRequested, _: Delivery) -> Answer:
        begun.append(body.run)
        await release.wait()
        return Done()

    lane = Lane(rig.lane(), 1, prefetch=5)
    before = handled("cut off", "unknown")
    async with rig.working(Handling(RunRequested, handle), lanes=[lane]) as running:
        for number in range(3):
            await rig.send(f"r{number}")
        await until(lambda: len(begun) == 1 and len(running.worker._in_hand) == 3)
        ending = asyncio.create_task(running.end())
        await until(lambda: handled("cut off", "unknown") == before + 2)
        release.set()
        await ending
    assert begun == ["r0"]
    seen = Seen()
    async with rig.working(Handling(RunRequested, seen)):
        await until(lambda: len(seen.got) == 2)
    assert {body.run for body, _ in seen.got} == {"r1", "r2"}
    await rig.nothing_left()


async def test_a_dead_lettering_by_the_broker_is_read_like_our_own(rig: Rig) -> None:
    """Too many rejections: the delivery limit. The message has waited on a rung before, which is not why it died."""
    letters: list[dict[str, Any]] = []

    async def archive(message: AbstractIncomingMessage) -> None:
        letters.append(read_dead(message))

    before = handled("retry")
    async with rig.working(Handling(RunRequested, Seen([ValueError()]))) as running:
        sent = await rig.send()
        await until(lambda: handled("retry") == before + 1)
        await running.end()
    async with asyncio.timeout(DEADLINE):
        queue = await rig.outside.get_queue(rig.lane(), ensure=False)
        dead = await rig.outside.get_queue(rig.topology.dead_queue, ensure=False)
        while (await dead.declare()).message_count == 0:  # passive
            if message := await queue.get(fail=False):
                await message.reject(requeue=True)
    async with rig.working(lanes=[Lane(rig.topology.dead_queue, 2, raw=archive)]):
        await rig.send_raw(b"\xff")
        await until(lambda: len(letters) == 1)
    assert letters[0]["id"] == sent.envelope.id
    assert letters[0]["reason"] == "delivery_limit"
    assert letters[0]["attempts"] == 2
    assert (letters[0]["exchange"], letters[0]["routing_key"]) == (rig.topology.work, sent.routing_key)
    assert (letters[0]["org"], letters[0]["run"]) == ("o1", "r1")
    assert letters[0]["first_failed"] <= letters[0]["last_failed"]


async def test_killing_whoever_takes_it_ends_among_the_dead(rig: Rig) -> None:
    """A worker that dies with the message in hand, again and again."""
    sent = await rig.send()
    dead = await rig.outside.declare_queue(rig.topology.dead_queue, passive=True)
    async with asyncio.timeout(DEADLINE), await aio_pika.connect(rig.url) as connection:
        while (await dead.declare()).message_count == 0:
            channel = await connection.channel()
            queue = await channel.get_queue(rig.lane(), ensure=False)
            await queue.get(fail=False)
            await channel.close()
    found = read_dead(await rig.dead())
    assert (found["id"], found["reason"], found["attempts"]) == (sent.envelope.id, "delivery_limit", 1)
    assert found["exchange"] == rig.topology.work
    assert found["first_failed"] == found["last_failed"]


async def test_a_dead_letter_that_cannot_be_archived_comes_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "REQUEUE_SECONDS", 0.02)
    tries: list[dict[str, Any]] = []

    async def archive(message: AbstractIncomingMessage) -> None:
        tries.append(read_dead(message))
        if len(tries) <= 25:  # more often than the delivery limit of other queues
            raise RuntimeError("database away") if len(tries) % 2 else asyncio.CancelledError

    lanes = [Lane(rig.lane(), 5), Lane(rig.topology.dead_queue, 5, raw=archive)]
    before = handled("done", "raw", "gateway.dead")
    async with rig.working(lanes=lanes):
        await rig.send_raw(b"\xff")
        await until(lambda: handled("done", "raw", "gateway.dead") == before + 1)
    assert len(tries) == 26
    assert all(one == tries[0] for one in tries)  # the same facts each time, so archiving twice is harmless
    await rig.nothing_left()
