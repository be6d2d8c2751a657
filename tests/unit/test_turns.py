"""Turns: a few at once, fewer of one owner, and nobody is passed over."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import organization_in
from shared.messaging.turns import Turns


class Hall:
    """Tasks that each want a turn, hold it until they are let go, and note when they got it."""

    def __init__(self, hands: int, each: int) -> None:
        self.turns = Turns(hands, each)
        self.holding: dict[str, asyncio.Event] = {}
        self.served: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        """`a1`, `a2` belong to the owner `a`."""
        for name in names:
            self.tasks[name] = asyncio.create_task(self._hold(name))
        await settled()

    async def _hold(self, name: str) -> None:
        async with self.turns.of(name[0]):
            self.served.append(name)
            let_go = self.holding[name] = asyncio.Event()
            await let_go.wait()
            del self.holding[name]

    async def let_go(self, *names: str) -> None:
        for name in names:
            self.holding[name].set()
        await settled()

    async def cancel(self, *names: str) -> None:
        for name in names:
            self.tasks[name].cancel()
        await settled()
        for name in names:
            self.holding.pop(name, None)

    async def empty(self) -> None:
        while self.holding:
            await self.let_go(*self.holding)
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_owner_has_a_part_of_the_hands_and_the_next_comes_past() -> None:
    hall = Hall(3, 2)
    await hall.come("a1", "a2", "a3", "a4", "b1", "b2")
    assert list(hall.holding) == ["a1", "a2", "b1"]
    await hall.let_go("b1")
    assert list(hall.holding) == ["a1", "a2", "b2"]
    await hall.let_go("a1")
    assert list(hall.holding) == ["a2", "b2", "a3"]
    await hall.empty()
    assert hall.served == ["a1", "a2", "b1", "b2", "a3", "a4"]


async def test_those_who_wait_are_served_in_turn_and_each_in_its_own_order() -> None:
    hall = Hall(1, 1)
    await hall.come("a1", "a2", "a3", "b1", "b2", "c1")
    await hall.empty()
    assert hall.served == ["a1", "a2", "b1", "c1", "a3", "b2"]


async def test_who_is_cancelled_while_waiting_takes_no_hand_along() -> None:
    hall = Hall(1, 1)
    await hall.come("a1", "a2", "a3")
    await hall.cancel("a2")
    await hall.let_go("a1")
    assert list(hall.holding) == ["a3"]
    await hall.empty()
    await hall.come("b1")
    assert list(hall.holding) == ["b1"]
    await hall.empty()


async def test_who_is_cancelled_in_the_moment_of_getting_a_hand_gives_it_back() -> None:
    hall = Hall(1, 1)
    await hall.come("a1", "a2", "a3")
    hall.holding["a1"].set()
    await asyncio.sleep(0)  # a1 goes on, and gives its hand to a2, which has not gone on yet
    hall.tasks["a2"].cancel()
    await settled()
    assert hall.served == ["a1", "a3"]
    await hall.empty()


async def test_once_closed_nobody_gets_a_hand_and_those_who_have_one_keep_it() -> None:
    hall = Hall(1, 1)
    await hall.come("a1", "a2", "b1")
    hall.turns.close()
    await hall.come("c1")
    assert [name for name, task in hall.tasks.items() if task.cancelled()] == ["a2", "b1", "c1"]
    assert list(hall.holding) == ["a1"]
    await hall.let_go("a1")
    await hall.come("a3")
    assert hall.tasks["a3"].cancelled()


async def test_an_error_inside_gives_the_hand_back() -> None:
    turns = Turns(1, 1)
    with pytest.raises(ValueError, match="x"):
        async with turns.of("a"):
            raise ValueError("x")
    async with asyncio.timeout(1), turns.of("a"):
        pass


@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.sampled_from("abc"), max_size=20), st.data())
def test_no_hand_is_lost_nor_idle(hands: int, each: int, owners: list[str], data: st.DataObject) -> None:
    """Whatever comes, goes and is cancelled: never more than allowed, and nobody waits who may go."""

    async def act() -> None:
        hall = Hall(hands, each)
        await hall.come(*[f"{owner}{number}" for number, owner in enumerate(owners)])
        left = {name for name, task in hall.tasks.items() if not task.done()}
        while left:
            held = Counter(name[0] for name in hall.holding)
            assert held.total() <= hands
            assert all(count <= each for count in held.values())
            waiting = {name[0] for name in left - hall.holding.keys()}
            assert held.total() == hands or all(held[owner] == each for owner in waiting)
            name = data.draw(st.sampled_from(sorted(left)))
            if name in hall.holding and data.draw(st.booleans()):
                await hall.let_go(name)
            else:
                await hall.cancel(name)
            left.discard(name)
        assert hall.holding == {}

    asyncio.run(act())


@pytest.mark.parametrize(
    ("body", "owner"),
    [
        (b'{"data": {"organization": "o-1"}}', "o-1"),
        (b'{"data": {}}', ""),
        (b'{"data": []}', ""),
        (b'{"data": 1}', ""),
        (b"[]", ""),
        (b"\xff", ""),
        (b"", ""),
    ],
)
def test_whose_a_message_is(body: bytes, owner: str) -> None:
    assert organization_in(body) == owner
