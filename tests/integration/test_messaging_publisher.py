"""The publisher: what it says is sent is in a queue, and what it cannot send it says in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from yarl import URL

from shared.contracts.envelope import CONTENT_TYPE, Outgoing
from shared.contracts.messages import RunRequested
from shared.contracts.topology import Topology, work_key
from shared.messaging import broker, publisher
from shared.messaging.publisher import ATTEMPT_HEADER, Publisher
from shared.model.errors import BadSettings, Unavailable
from tests.integration.tcp_proxy import TcpProxy

DEADLINE = 15.0


@pytest.fixture
def retry_delays() -> tuple[float, ...]:
    return (0.1,)


@pytest.fixture
def topology(unique: str, retry_delays: tuple[float, ...]) -> Topology:
    return Topology(f"{unique}.", retry_delays)


@pytest.fixture
async def proxy(amqp_url: str) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(amqp_url).running() as running:
        yield running


@pytest.fixture
async def sender(proxy: TcpProxy, topology: Topology) -> AsyncIterator[Publisher]:
    made = Publisher(proxy.url, topology, "test")
    yield made
    await made.aclose()
    await only_task_left()


@pytest.fixture
async def channel(amqp_url: str) -> AsyncIterator[AbstractChannel]:
    """Past the proxy."""
    async with await aio_pika.connect(amqp_url) as connection, connection.channel() as opened:
        yield opened


async def only_task_left() -> None:
    """Nothing of ours or of aio-pika's stays behind. (The proxy's tasks and another connection's may.)"""
    deadline = time.monotonic() + DEADLINE
    while left := [task for task in asyncio.all_tasks() if "shared/messaging" in str(task)]:
        assert time.monotonic() < deadline, left
        await asyncio.sleep(0.02)


async def until_sent(attempt: Callable[[], Awaitable[None]]) -> int:
    """Try until it works; only Unavailable may come in between. Returns how often it did."""
    deadline = time.monotonic() + DEADLINE
    failures = 0
    while True:
        try:
            await attempt()
        except Unavailable:
            failures += 1
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        else:
            return failures


def request(topology: Topology, run: str = "r1", *, key: str | None = None, mandatory: bool = True) -> Outgoing:
    return Outgoing(
        exchange=topology.work,
        routing_key=key or work_key("import", "bulk", RunRequested.TYPE),
        envelope=RunRequested(organization="o1", run=run).envelope(id=f"msg_{run}"),
        attempt=2,
        mandatory=mandatory,
    )


async def taken(channel: AbstractChannel, queue: str, count: int) -> list[str]:
    """The ids of the next `count` messages of a queue."""
    found = await channel.get_queue(queue)
    ids: list[str] = []
    async with asyncio.timeout(DEADLINE):
        while len(ids) < count:
            if message := await found.get(no_ack=True, fail=False):
                ids.append(message.message_id or "")
    return ids


async def test_a_published_message_is_in_its_queue(
    sender: Publisher, topology: Topology, channel: AbstractChannel
) -> None:
    outgoing = request(topology)
    await sender.publish([outgoing])
    queue = await channel.get_queue(topology.lane("import", "bulk"))
    message = await queue.get(no_ack=True)
    assert message is not None
    assert message.message_id == outgoing.envelope.id
    assert message.type == RunRequested.TYPE
    assert message.content_type == CONTENT_TYPE
    assert message.delivery_mode == aio_pika.DeliveryMode.PERSISTENT
    assert message.headers[ATTEMPT_HEADER] == 2
    assert message.body == outgoing.envelope.to_json()


async def test_what_no_queue_takes_is_refused_and_the_rest_goes_on(
    sender: Publisher, topology: Topology, channel: AbstractChannel
) -> None:
    with pytest.raises(Unavailable) as refused:
        await sender.publish([request(topology, "r1", key="nowhere"), request(topology, "r2")])
    assert refused.value.code == "broker.unroutable"
    await sender.publish([request(topology, "r3", key="nowhere", mandatory=False)])
    assert await taken(channel, topology.lane("import", "bulk"), 1) == ["msg_r2"]


async def test_many_at_once_share_one_connection(
    sender: Publisher, topology: Topology, channel: AbstractChannel, proxy: TcpProxy
) -> None:
    async def some(start: int) -> None:
        await sender.publish(request(topology, f"r{number}") for number in range(start, start + 75))

    await asyncio.gather(*(some(start) for start in range(0, 300, 75)))
    assert sorted(await taken(channel, topology.lane("import", "bulk"), 300)) == sorted(f"msg_r{n}" for n in range(300))
    assert proxy.accepted == 1


async def test_it_connects_anew_after_each_cut(
    sender: Publisher, topology: Topology, channel: AbstractChannel, proxy: TcpProxy
) -> None:
    for number in range(5):
        await until_sent(lambda number=number: sender.publish([request(topology, f"r{number}")]))  # type: ignore[misc]
        proxy.cut()
    assert set(await taken(channel, topology.lane("import", "bulk"), 5)) == {f"msg_r{n}" for n in range(5)}
    assert proxy.accepted >= 5


async def test_cut_in_the_middle_each_publish_is_confirmed_or_says_so(
    sender: Publisher, topology: Topology, channel: AbstractChannel, proxy: TcpProxy
) -> None:
    await sender.publish([request(topology, "first")])

    async def one(number: int) -> str | None:
        try:
            await sender.publish([request(topology, f"r{number}")])
        except Unavailable:
            return None
        return f"msg_r{number}"

    sending = [asyncio.create_task(one(number)) for number in range(200)]
    await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    proxy.cut()
    async with asyncio.timeout(DEADLINE):
        results = await asyncio.gather(*sending)
    confirmed = {result for result in results if result}
    assert confirmed
    await until_sent(lambda: sender.publish([request(topology, "last")]))
    found: set[str] = set()
    while "msg_last" not in found:
        found.update(await taken(channel, topology.lane("import", "bulk"), 1))
    assert confirmed <= found


async def test_cut_at_any_moment_of_connecting_it_says_so(
    sender: Publisher, topology: Topology, proxy: TcpProxy
) -> None:
    outcomes = []
    for pause in (0, 0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.12):
        sending = asyncio.create_task(sender.publish([request(topology)]))
        await asyncio.wait([sending], timeout=pause)
        proxy.cut()
        async with asyncio.timeout(DEADLINE):
            outcomes.append((await asyncio.gather(sending, return_exceptions=True))[0])
        await sender.aclose()
    assert {type(one) for one in outcomes} <= {Unavailable, type(None)}, outcomes
    assert Unavailable in {type(one) for one in outcomes}
    await until_sent(lambda: sender.publish([request(topology)]))


async def test_a_refusing_broker_is_unavailable_until_it_is_back(
    sender: Publisher, topology: Topology, proxy: TcpProxy
) -> None:
    proxy.refusing = True
    with pytest.raises(Unavailable) as failed:
        await sender.publish([request(topology)])
    assert failed.value.code == "broker.unreachable"
    assert "guest" not in str(failed.value)
    with pytest.raises(Unavailable):
        await sender.ready()
    proxy.refusing = False
    assert await sender.ready()
    await sender.publish([request(topology)])


async def test_a_refused_login_does_not_tell_the_password(proxy: TcpProxy, topology: Topology) -> None:
    sender = Publisher(str(URL(proxy.url).with_password("sesame")), topology, "test")
    with pytest.raises(BadSettings) as failed:
        await sender.publish([request(topology)])
    assert failed.value.code == "broker.login_refused"
    assert "sesame" not in str(failed.value) + str(failed.value.as_dict())
    await sender.aclose()


@pytest.mark.parametrize("connected", [True, False])
async def test_a_silent_broker_is_given_up_in_time(
    sender: Publisher, topology: Topology, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch, connected: bool
) -> None:
    if connected:
        await sender.publish([request(topology)])
    monkeypatch.setattr(publisher, "CONFIRM_SECONDS", 0.3)
    monkeypatch.setattr(publisher, "PUBLISH_SECONDS", 0.6)
    monkeypatch.setattr(broker, "CLOSE_SECONDS", 0.2)
    proxy.freeze()
    async with asyncio.timeout(5):
        results = await asyncio.gather(
            *(sender.publish([request(topology, str(n))]) for n in range(150)), return_exceptions=True
        )
    assert {type(one) for one in results} == {Unavailable}
    monkeypatch.undo()
    proxy.thaw()
    await until_sent(lambda: sender.publish([request(topology)]))


async def test_declaring_has_an_end_where_the_broker_does_not_answer(
    proxy: TcpProxy, topology: Topology, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "DECLARE_SECONDS", 0.2)
    monkeypatch.setattr(broker, "CLOSE_SECONDS", 0.2)
    connection = await broker.connect(proxy.url, "test")
    channel = await connection.channel()
    proxy.freeze()
    async with asyncio.timeout(5):
        with pytest.raises(TimeoutError):
            await broker.declare(channel, topology)
        await broker.close(connection)


async def test_given_up_while_it_connects_it_is_whole_the_next_time(
    sender: Publisher, topology: Topology, proxy: TcpProxy
) -> None:
    """The readiness check gives up after a while, possibly between two declarations."""
    for pause in (0.0, 0.01, 0.03, 0.06):
        asking = asyncio.create_task(sender.ready())
        await asyncio.sleep(pause)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await sender.publish([request(topology)])


async def test_declaring_twice_changes_nothing(channel: AbstractChannel, topology: Topology) -> None:
    await broker.declare(channel, topology)
    await channel.default_exchange.publish(aio_pika.Message(b"kept"), topology.lane("import", "bulk"))
    await broker.declare(channel, topology)
    queue = await channel.get_queue(topology.lane("import", "bulk"))
    message = await queue.get(no_ack=True)
    assert message is not None
    assert message.body == b"kept"


async def test_a_queue_with_other_arguments_is_an_error_not_a_hang(
    sender: Publisher, channel: AbstractChannel, topology: Topology
) -> None:
    await channel.declare_queue(
        topology.lane("import", "bulk"), durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 3}
    )
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(Unavailable) as failed:
            await sender.publish([request(topology)])
    assert failed.value.code == "broker.lost"
    assert "ChannelPreconditionFailed" in failed.value.message


async def test_a_deleted_exchange_is_declared_again(
    sender: Publisher, channel: AbstractChannel, topology: Topology
) -> None:
    await sender.publish([request(topology, "r1")])
    await channel.exchange_delete(topology.work)
    assert await until_sent(lambda: sender.publish([request(topology, "r2")])) == 1
    assert await taken(channel, topology.lane("import", "bulk"), 2) == ["msg_r1", "msg_r2"]
