"""Sessions of the dashboard: how long they last, and that the database signs nobody in."""

from datetime import UTC, datetime, timedelta

from shared.model.permission import Identity
from shared.store.database import Store
from shared.store.sessions import MOST_SEARCHES
from tests.integration.store_site import store

__all__ = ["store"]

WHO = Identity("o-1", "u-1")
DAY = timedelta(days=1)
MARK = "a-mark"


async def test_a_session_is_found_by_its_cookie_until_it_is_closed(store: Store) -> None:
    sessions = store.sessions(DAY, DAY)
    cookie = await sessions.open(WHO, "Mara Torres", "Cedar Ridge", MARK)
    found = await sessions.find(cookie)
    assert found is not None
    assert (found.who, found.name, found.org_name, found.csrf) == (WHO, "Mara Torres", "Cedar Ridge", MARK)
    assert await sessions.find(found.id) is None, "what stands in the database is no cookie"
    assert await sessions.find("") is None
    await sessions.close(found.id)
    assert await sessions.find(cookie) is None


async def test_one_that_is_idle_or_old_is_gone(store: Store) -> None:
    cookie = await store.sessions(DAY, DAY).open(WHO, "Mara", "Cedar", MARK)
    assert await store.sessions(timedelta(0), DAY).find(cookie) is None
    old = await store.sessions(DAY, timedelta(0)).open(WHO, "Mara", "Cedar", MARK)
    assert await store.sessions(DAY, DAY).find(old) is None
    assert await store.sessions(DAY, DAY).find(cookie) is not None


async def test_using_it_keeps_it(store: Store) -> None:
    """With a limit of a moment each use counts from the one before."""
    idle = timedelta(seconds=3)
    sessions = store.sessions(idle, DAY)
    cookie = await sessions.open(WHO, "Mara", "Cedar", MARK)
    began = datetime.now(UTC)
    while datetime.now(UTC) - began < idle * 1.5:
        assert await sessions.find(cookie) is not None


async def test_asking_whether_it_is_open_does_not_keep_it(store: Store) -> None:
    idle = timedelta(seconds=2)
    sessions = store.sessions(idle, DAY)
    cookie = await sessions.open(WHO, "Mara", "Cedar", MARK)
    found = await sessions.find(cookie)
    assert found is not None
    began, told = datetime.now(UTC), []
    while datetime.now(UTC) - began < idle * 1.5:
        told.append(await sessions.is_open(found.id))
    assert (told[0], told[-1]) == (True, False)
    assert not await sessions.is_open("unknown")


async def test_a_token_is_redeemed_once(store: Store) -> None:
    sessions = store.sessions(DAY, DAY)
    until = datetime.now(UTC) + DAY
    assert [await sessions.redeem("t-1", until) for _ in range(3)] == [True, False, False]
    assert await sessions.redeem("t-2", until)


async def test_a_search_is_known_to_its_session_alone_and_ends_with_it(store: Store) -> None:
    sessions = store.sessions(DAY, DAY)
    cookie, other = [await sessions.open(WHO, "Mara Torres", "Cedar Ridge", MARK) for _ in range(2)]
    found = await sessions.find(cookie)
    assert found is not None
    tokens = [await sessions.keep_search(found.id, f"quarry {number}") for number in range(MOST_SEARCHES + 2)]
    assert len(set(tokens)) == len(tokens)
    assert not any("quarry" in token for token in tokens)
    kept, theirs = await sessions.find(cookie), await sessions.find(other)
    assert kept is not None
    assert theirs is not None
    assert list(kept.searches) == tokens[2:]
    assert kept.searches[tokens[2]] == "quarry 2"
    assert not theirs.searches
    await sessions.close(found.id)
    await sessions.keep_search(found.id, "too late")
    assert await sessions.find(cookie) is None
