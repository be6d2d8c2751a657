"""The worker when it is told to stop, when it loses the broker, and when both happen."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.contracts.messages import RunRequested
from shared.contracts.topology import Topology
from shared.messaging import broker
from shared.messaging import worker as worker_module
from shared.messaging.answers import Answer, Delivery, Done, Handling
from shared.messaging.worker import Lane
from shared.telemetry.metrics import CONSUMERS
from tests.integration.messaging_rig import Rig, Seen, rigged, until
from tests.integration.tcp_proxy import TcpProxy


class Held:
    """A handler that waits to be released, and notes how it began and ended."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.begun: list[str] = []
        self.finished: list[str] = []
        self.cancelled: list[str] = []

    async def __call__(self, body: RunRequested, _: Delivery) -> Answer:
        self.begun.append(body.run)
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.append(body.run)
            raise
        self.finished.append(body.run)
        return Done()


@pytest.fixture
def retry_delays() -> tuple[float, ...]:
    return (0.1,)


@pytest.fixture
async def proxy(amqp_url: str) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(amqp_url).running() as running:
        yield running


@pytest.fixture
async def rig(
    amqp_url: str, unique: str, retry_delays: tuple[float, ...], proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rig]:
    monkeypatch.setattr(worker_module, "RECONNECT_SECONDS", (0.02, 0.1))
    async with rigged(amqp_url, Topology(f"{unique}.", retry_delays)) as made:
        yield made
        proxy.thaw()
        proxy.cut()


async def test_told_to_stop_it_takes_no_more_and_finishes_what_is_in_hand(rig: Rig) -> None:
    held = Held()
    async with rig.working(Handling(RunRequested, held), lanes=[Lane(rig.lane(), 1)]) as running:
        for run in ("r1", "r2"):
            await rig.send(run)
        await until(lambda: held.begun == ["r1"])
        running.stop.set()
        async with asyncio.timeout(10):
            while await running.worker.ready():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert not running.task.done()
        held.release.set()
        await running.end()
    assert held.finished == ["r1"]
    assert held.begun == ["r1"]
    assert (await rig.take(rig.lane())).body.count(b'"r2"') == 1
    await rig.nothing_left()


async def test_past_the_grace_it_is_cut_off_and_another_worker_gets_it(rig: Rig) -> None:
    held, seen = Held(), Seen()
    async with rig.working(Handling(RunRequested, held), grace=0.3) as running:
        sent = await rig.send()
        await until(lambda: held.begun == ["r1"])
        async with rig.working(Handling(RunRequested, seen)):
            assert 0.3 <= await running.end() < 3
            assert held.cancelled == ["r1"]
            await until(lambda: len(seen.got) == 1)
    assert seen.got[0][1].message_id == sent.envelope.id
    assert seen.attempts == [1]
    await rig.nothing_left()


async def test_cut_while_it_handles_it_finishes_and_the_message_comes_again(rig: Rig, proxy: TcpProxy) -> None:
    """Five times, of which each keeps its hand; afterwards the broker counts one consumer a lane."""
    held, lanes = Held(), [Lane(rig.lane(), 6), Lane(rig.lane("bulk"), 1)]
    async with rig.working(Handling(RunRequested, held), lanes=lanes, url=proxy.url) as running:
        await rig.send()
        for cuts in range(1, 6):
            await until(lambda cuts=cuts: len(held.begun) == cuts)  # type: ignore[misc]
            proxy.cut()
            await rig.consumers(rig.lane(), 1)
        await until(lambda: len(held.begun) == 6)
        held.release.set()
        await until(lambda: len(held.finished) == 6)
        await rig.ready(running)
        for pace in ("interactive", "bulk"):
            await rig.consumers(rig.topology.lane("import", pace), 1)
        await rig.send("r2")
        await until(lambda: "r2" in held.finished)
    assert held.cancelled == []
    await rig.nothing_left()


async def test_cut_at_any_moment_of_connecting_it_consumes_in_the_end(rig: Rig, proxy: TcpProxy) -> None:
    seen = Seen()
    async with rig.working(Handling(RunRequested, seen), url=proxy.url, wait=False) as running:
        for pause in (0.01, 0.02, 0.03, 0.05, 0.08, 0.12):
            await asyncio.wait([running.task], timeout=pause)
            proxy.cut()
        await rig.ready(running)
        await rig.send()
        await until(lambda: len(seen.got) == 1)
    await rig.nothing_left()


async def test_a_queue_deleted_under_it_is_declared_again_and_consumed(rig: Rig) -> None:
    seen = Seen()
    async with rig.working(Handling(RunRequested, seen)) as running:
        for number in range(3):
            await rig.outside.queue_delete(rig.lane())
            await until(lambda: CONSUMERS._value.get() < 2)
            await rig.ready(running)
            await rig.consumers(rig.lane(), 1)
            await rig.send(f"r{number}")
            await until(lambda number=number: len(seen.got) == number + 1)  # type: ignore[misc]
    await rig.nothing_left()


async def test_ready_and_the_gauge_tell_the_truth(rig: Rig, proxy: TcpProxy) -> None:
    async with rig.working(url=proxy.url) as running:
        assert CONSUMERS._value.get() == 2
        proxy.refusing = True
        proxy.cut()
        await until(lambda: CONSUMERS._value.get() == 0)
        assert not await running.worker.ready()
        proxy.refusing = False
        await rig.ready(running)
        assert CONSUMERS._value.get() == 2
    assert CONSUMERS._value.get() == 0
    assert not await running.worker.ready()


@pytest.mark.parametrize("silent", [True, False])
async def test_told_to_stop_while_it_reconnects_it_leaves_at_once(
    rig: Rig, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    monkeypatch.setattr(worker_module, "RECONNECT_SECONDS", (0.02, 60))
    async with rig.working(url=proxy.url) as running:
        before = proxy.accepted
        proxy.refusing = not silent
        if silent:
            proxy.freeze()
        proxy.cut()
        await until(lambda: proxy.accepted > before)
        assert await running.end() < 1.5


async def test_told_to_stop_while_the_broker_is_silent_it_leaves_within_reason(
    rig: Rig, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "CLOSE_SECONDS", 0.3)
    async with rig.working(url=proxy.url) as running:
        proxy.freeze()
        assert await running.end() < 4


async def test_what_it_has_in_hand_ends_with_it_when_it_is_cancelled(rig: Rig) -> None:
    held = Held()
    async with rig.working(Handling(RunRequested, held)) as running:
        await rig.send()
        await until(lambda: held.begun == ["r1"])
        running.task.cancel()
        await asyncio.wait([running.task])
        assert held.cancelled == ["r1"]
        running.task = asyncio.create_task(asyncio.sleep(0))
    assert b'"r1"' in (await rig.take(rig.lane())).body
