"""The helper that starts RabbitMQ and MongoDB: what it starts works, keeps its data, and leaves nothing behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from pathlib import Path
from typing import Any

import aio_pika
import psutil
import pytest
from pymongo import MongoClient, WriteConcern

from devtools import apt
from devtools.parts import (
    QUEUE_SETTLE_SECONDS,
    LocalParts,
    NotOurs,
    PartError,
    ProgramMissing,
    RabbitPart,
    SecantusPart,
)
from devtools.parts.child import alive
from devtools.parts.part import ProcessPart
from devtools.parts.ports import free_port
from devtools.parts.probe import amqp_answers, mongo_answers
from devtools.parts.workdir import sweep

ROOT = Path(__file__).resolve().parents[2]
HOLD_PARTS = """
import json, time
from devtools.parts import LocalParts
with LocalParts(env={"SYNC_TEST_DOCKER": "0"}) as parts:
    dirs = [str(part.directory.path) for part in (parts.broker, parts.database)]
    print(json.dumps([parts.broker.pids() + parts.database.pids(), dirs]), flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def rabbit() -> Iterator[RabbitPart]:
    part = RabbitPart()
    part.start()
    yield part
    part.stop()


@pytest.fixture(scope="module")
def secantus() -> Iterator[SecantusPart]:
    part = SecantusPart()
    part.start()
    yield part
    part.stop()


def gone(pids: Iterable[int], seconds: float = 15) -> bool:
    """Whether all of them end in time."""
    deadline = time.monotonic() + seconds
    while running := [pid for pid in pids if psutil.pid_exists(pid) and alive(psutil.Process(pid))]:
        if time.monotonic() > deadline:
            print("still there:", [psutil.Process(pid).cmdline() for pid in running])
            return False
        time.sleep(0.05)
    return True


def test_the_shared_parts_answer(amqp_url: str, mongo_url: str) -> None:
    amqp_answers(amqp_url)
    mongo_answers(mongo_url)


async def test_confirmed_messages_in_a_quorum_queue_outlive_kill_9(rabbit: RabbitPart, unique: str) -> None:
    address = rabbit.address
    connection = await aio_pika.connect(address)
    channel = await connection.channel(publisher_confirms=True)
    await channel.declare_queue(unique, durable=True, arguments={"x-queue-type": "quorum"})
    await asyncio.sleep(QUEUE_SETTLE_SECONDS)
    for number in range(100):
        message = aio_pika.Message(str(number).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, unique)
    processes = rabbit.pids()
    await asyncio.to_thread(rabbit.kill)
    server = [pid for pid in processes if pid not in rabbit.pids()]
    assert gone(server, seconds=1)
    assert len(server) >= len(processes) - 1  # epmd may stay
    await asyncio.to_thread(rabbit.restart)

    assert rabbit.address == address
    async with await aio_pika.connect(rabbit.address) as again:
        channel = await again.channel()
        queue = await channel.get_queue(unique)
        kept = [(await queue.get(no_ack=True, timeout=20)).body for _ in range(100)]
        assert kept == [str(number).encode() for number in range(100)]


def test_documents_written_with_majority_outlive_kill_9(secantus: SecantusPart, unique: str) -> None:
    address = secantus.address
    for round_ in range(3):
        client: MongoClient[dict[str, Any]] = MongoClient(address)
        collection = client[unique].get_collection("kept", write_concern=WriteConcern(w="majority"))
        for number in range(200):
            collection.insert_one({"_id": f"{round_}-{number}"})
        client.close()
        secantus.kill()
        assert secantus.pids() == []
        secantus.restart()

        assert secantus.address == address
        with MongoClient(address) as client:
            assert client[unique]["kept"].count_documents({}) == 200 * (round_ + 1)


@pytest.mark.parametrize("make", [RabbitPart, SecantusPart])
def test_restart_in_good_order_keeps_the_address_and_stop_leaves_nothing(make: type[ProcessPart]) -> None:
    part = make()
    part.start()
    try:
        before, address, directory = part.pids(), part.address, part.directory.path
        part.restart()
        after = part.pids()
        assert part.address == address
        assert before[-1] not in after
    finally:
        part.stop()
    assert gone({*before, *after}, seconds=1)
    assert not directory.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_a_parent_killed_with_9_leaves_no_process_and_no_directory() -> None:
    parent = subprocess.Popen([sys.executable, "-c", HOLD_PARTS], cwd=ROOT, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pids, directories = json.loads(parent.stdout.readline())
    assert len(pids) >= 3  # epmd, the node and its helpers, the database
    parent.kill()
    parent.wait()
    parent.stdout.close()

    assert gone(pids)
    sweep()
    assert not [path for path in directories if Path(path).exists()]


def test_a_port_taken_meanwhile_is_given_up_for_another(rabbit: RabbitPart, secantus: SecantusPart) -> None:
    def after(taken: list[int]) -> Iterator[int]:
        yield from taken
        while True:
            yield free_port()

    offered = after(rabbit._ports()), after(secantus._ports())
    second = RabbitPart(choose_port=lambda: next(offered[0])), SecantusPart(choose_port=lambda: next(offered[1]))
    try:
        with ThreadPoolExecutor(2) as pool:  # both at once, beside the first two
            list(pool.map(lambda part: part.start(), second))
        addresses = {part.address for part in (rabbit, secantus, *second)}
        assert len(addresses) == 4
        for broker in (rabbit, second[0]):
            amqp_answers(broker.address)
        for database in (secantus, second[1]):
            mongo_answers(database.address)
    finally:
        for part in second:
            part.stop()


def test_starting_what_runs_changes_nothing(secantus: SecantusPart) -> None:
    pids, address = secantus.pids(), secantus.address
    secantus.start()
    assert (secantus.pids(), secantus.address) == (pids, address)


def test_a_server_that_crashes_while_starting_is_reported_with_its_log(tmp_path: Path) -> None:
    program = tmp_path / "rabbitmq-server"
    program.write_text("#!/bin/sh\necho the disk is on fire\nexit 3\n")
    program.chmod(0o755)
    part = RabbitPart(search=[tmp_path])
    with pytest.raises(PartError, match=r"ended with 3[^\0]*the disk is on fire"):
        part.start()
    assert part.pids() == []
    part.stop()


def test_a_broker_that_another_is_installing_is_waited_for(tmp_path: Path) -> None:
    program = tmp_path / "rabbitmq-server"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    part = RabbitPart(search=[tmp_path])
    with ThreadPoolExecutor(1) as pool:
        with apt.one_at_a_time():
            asked = pool.submit(part.start)
            with pytest.raises(NotYet):
                asked.result(0.5)
        with pytest.raises(PartError, match="ended with 3"):
            asked.result(60)
    part.stop()


def test_a_missing_rabbitmq_that_we_may_not_install_says_what_to_type() -> None:
    with (
        pytest.raises(ProgramMissing, match="sudo apt-get install rabbitmq-server"),
        LocalParts(env={"SYNC_TEST_DOCKER": "0"}, rabbitmq_search=(), install=False),
    ):
        pass


def test_parts_given_in_the_environment_are_used_and_never_ended(parts: LocalParts) -> None:
    given = {
        "SYNC_TEST_AMQP_URL": parts.addresses.amqp_url,
        "SYNC_TEST_MONGO_URL": parts.addresses.mongo_url,
    }
    with LocalParts(env=given) as ours:
        assert ours.addresses == parts.addresses
        with pytest.raises(NotOurs):
            ours.broker.kill()
        with pytest.raises(NotOurs):
            ours.database.restart()
    amqp_answers(parts.addresses.amqp_url)
    mongo_answers(parts.addresses.mongo_url)


async def test_parts_work_from_asyncio(amqp_url: str) -> None:
    async with LocalParts(env={"SYNC_TEST_AMQP_URL": amqp_url}, database=SecantusPart()) as ours:
        assert ours.addresses.amqp_url == amqp_url
        await asyncio.to_thread(mongo_answers, ours.addresses.mongo_url)
        pids = ours.database.pids()
    assert pids
    assert gone(pids, seconds=1)
    await asyncio.to_thread(amqp_answers, amqp_url)


def run_with(parts: LocalParts, *command: str) -> "subprocess.Popen[str]":
    env = {
        **os.environ,
        "SYNC_TEST_AMQP_URL": parts.addresses.amqp_url,
        "SYNC_TEST_MONGO_URL": parts.addresses.mongo_url,
    }
    program = [sys.executable, "-m", "devtools.run", "--", *command]
    return subprocess.Popen(program, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)


def test_run_hands_the_addresses_down_and_the_exit_status_up(parts: LocalParts) -> None:
    code = "import os; print(os.environ['SYNC_TEST_AMQP_URL'], os.environ['SYNC_TEST_MONGO_URL']); exit(7)"
    with run_with(parts, "python", "-c", code) as process:
        output, _ = process.communicate(timeout=60)
    assert output.split() == [parts.addresses.amqp_url, parts.addresses.mongo_url]
    assert process.returncode == 7


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_run_forwards_signals(parts: LocalParts, number: signal.Signals, status: int) -> None:
    code = "import os, time, signal; signal.signal(2, signal.SIG_DFL); print(os.getpid(), flush=True); time.sleep(60)"
    with run_with(parts, "python", "-c", code) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.send_signal(number)
        assert process.wait(20) == status
    assert gone([child], seconds=1)
