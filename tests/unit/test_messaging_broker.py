"""Which brokers are good enough, and whose cancellation counts."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, TypeAlias, cast

import aio_pika
import pytest

from shared.messaging.broker import CutShort, connect, own_cancellation_only
from shared.model.errors import BadSettings, SyncError, Unavailable


class FakeConnection:
    """In the place of aio-pika's: connects to a broker of `version`, or raises it."""

    def __init__(self, version: str | Exception | None) -> None:
        self.version = version
        self.transport: Any = None
        self.closed = False

    async def connect(self, timeout: float) -> None:
        if isinstance(self.version, Exception):
            raise self.version
        properties = {} if self.version is None else {"version": self.version}
        self.transport = SimpleNamespace(connection=SimpleNamespace(server_properties=properties))

    async def close(self) -> None:
        self.closed = True


Answering: TypeAlias = Callable[[str | Exception | None], FakeConnection]


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    def answer(version: str | Exception | None) -> FakeConnection:
        connection = FakeConnection(version)
        monkeypatch.setattr(aio_pika, "Connection", lambda *_, **__: connection)
        return connection

    return answer


@pytest.mark.parametrize("version", ["3.10.0", "3.10.8+dfsg", "3.13.7", "4.0.5", "4.1.0-rc.1", "10.0"])
async def test_a_broker_new_enough_is_taken(answering: Answering, version: str) -> None:
    connection = answering(version)
    assert await connect("amqp://u:sesame@h/", "test") is cast(Any, connection)
    assert not connection.closed


@pytest.mark.parametrize("version", ["3.9.29", "2.11", "3.8", "", None])
async def test_a_broker_too_old_is_refused_and_left(answering: Answering, version: str | None) -> None:
    connection = answering(version)
    with pytest.raises(BadSettings) as refused:
        await connect("amqp://u:sesame@h/", "test")
    assert refused.value.code == "broker.too_old"
    assert connection.closed


@pytest.mark.parametrize(
    ("raised", "kind", "code"),
    [
        (OSError("amqp://u:sesame@h/"), Unavailable, "broker.unreachable"),
        (TimeoutError("sesame"), Unavailable, "broker.unreachable"),
        (aio_pika.exceptions.ProbableAuthenticationError("sesame"), BadSettings, "broker.login_refused"),
    ],
)
async def test_no_error_tells_the_password(
    answering: Answering, raised: Exception, kind: type[SyncError], code: str
) -> None:
    connection = answering(raised)
    with pytest.raises(kind) as failed:
        await connect("amqp://u:sesame@h/", "test")
    assert failed.value.code == code
    assert "sesame" not in str(failed.value) + str(failed.value.as_dict())
    assert failed.value.__suppress_context__
    assert connection.closed


async def test_a_stray_cancellation_is_an_error_like_others() -> None:
    with pytest.raises(CutShort), own_cancellation_only():
        raise asyncio.CancelledError


async def test_our_own_cancellation_stays_one() -> None:
    async def wait() -> None:
        with own_cancellation_only():
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_stays_one() -> None:
    async def wait() -> None:
        async with asyncio.timeout(0.01):
            with own_cancellation_only():
                await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await wait()
