"""The cards of the dashboard: the last run of each, by as many calls of the database for many as for one."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pymongo import monitoring

from services.gateway.pages.cards import cards_of
from shared.model.run import Run, RunState
from shared.store.database import OrgStore, Store
from shared.store.runs import stream_of
from tests.integration.enroll_runs import DAILY, NOW, make_connection, make_run
from tests.integration.store_site import store

__all__ = ["store"]


class Calls(monitoring.CommandListener):
    """What is asked of the database while `on`."""

    def __init__(self) -> None:
        self.on = False
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.on:
            self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


@pytest.fixture
def calls() -> Iterator[Calls]:
    """Of the clients that are made from now on."""
    one = Calls()
    monitoring.register(one)
    yield one
    one.on = False


async def begun(org: OrgStore, run: Run) -> Run:
    await org.runs.add(run, [], fingerprint="f")
    await org.runs.next_number(run)
    return run


async def test_each_shows_the_run_that_began_last(store: Store) -> None:
    org = store.org("o-1")
    held = [make_connection(id=f"con_{at}", name=f"C {at}") for at in range(3)]
    await begun(org, make_run(id="run_1", connection="con_0", number=0))
    await begun(org, make_run(id="run_2", connection="con_1", number=0))
    await begun(org, make_run(id="run_3", connection="con_0", data_type="schools", number=0))
    await begun(org, make_run(id="run_4", connection="con_0", direction="export", number=0))
    await begun(org, make_run(id="run_5", connection="con_1", number=0))
    cards = await cards_of(org, held)
    assert [card.last.id if card.last else None for card in cards] == ["run_4", "run_5", None]
    assert [card.last for card in await cards_of(store.org("o-2"), held)] == [None, None, None]


async def test_an_event_of_long_ago_makes_the_run_that_began_last(store: Store) -> None:
    org = store.org("o-1")
    about = {"connection": "con_0", "number": 0}
    await begun(org, make_run(id="run_2", created_at=NOW, **about))
    await begun(org, make_run(id="run_1", data_type="schools", created_at=NOW + timedelta(minutes=10), **about))
    (card,) = await cards_of(org, [make_connection(id="con_0", name="C")])
    assert card.last is not None
    assert card.last.id == "run_1"


async def test_one_that_waits_for_approval_is_shown_behind_a_newer_one(store: Store) -> None:
    org = store.org("o-1")
    held = [make_connection(id="con_0", name="C")]
    await begun(org, make_run(id="run_1", connection="con_0", number=0, state=RunState.NEEDS_APPROVAL))
    (card,) = await cards_of(org, held)
    assert (card.last and card.last.id, card.waits) == ("run_1", [])
    await begun(org, make_run(id="run_2", connection="con_0", number=0, state=RunState.FAILED))
    (card,) = await cards_of(org, held)
    assert (card.last and card.last.id, [run.id for run in card.waits]) == ("run_2", ["run_1"])
    assert await cards_of(org, []) == []


async def test_a_preview_hides_no_run_that_wrote(store: Store) -> None:
    org = store.org("o-1")
    held = [make_connection(id="con_0", name="C")]
    about = {"connection": "con_0", "number": 0, "preview": True}
    rejected = await begun(org, make_run(id="run_1", data_type="schools", state=RunState.CANCELLED, **about))
    (card,) = await cards_of(org, held)
    assert (card.last and card.last.id, card.waits) == (rejected.id, []), "there is nothing else yet"
    await begun(org, make_run(id="run_2", connection="con_0", number=0, state=RunState.SUCCEEDED))
    await begun(org, make_run(id="run_3", state=RunState.SUCCEEDED, **about))
    waits = await begun(org, make_run(id="run_4", state=RunState.NEEDS_APPROVAL, **about))
    await begun(org, make_run(id="run_5", data_type="schools", state=RunState.CANCELLED, **about))
    (card,) = await cards_of(org, held)
    assert (card.last and card.last.id, [run.id for run in card.waits]) == ("run_2", ["run_4"])

    number = await org.runs.next_number(waits)
    facts = {"number": number, "decided_by": "u-1"}
    assert await org.runs.move(waits.id, [RunState.NEEDS_APPROVAL], RunState.APPLYING, facts=facts)
    await org.runs.approved(waits, number)
    (card,) = await cards_of(org, held)
    assert (card.last and card.last.id, card.waits) == ("run_4", [])


async def test_a_preview_hides_no_run_that_began_before_they_were_told_apart(store: Store) -> None:
    org, before = store.org("o-1"), make_run(id="run_1", connection="con_0", number=1)
    await org.runs.add(before, [], fingerprint="f")
    await store._open("o-1").runs._streams.insert({"_id": stream_of(before), "last_number": 1, "last_run": before.id})
    await begun(org, make_run(id="run_2", connection="con_0", number=0, preview=True))
    (card,) = await cards_of(org, [make_connection(id="con_0", name="C")])
    assert card.last is not None
    assert card.last.id == before.id


async def test_a_schedule_is_shown_while_it_is_switched_off(store: Store) -> None:
    off = make_connection(id="con_0", name="C", schedule=DAILY, export_schedule=DAILY, enable_export=True)
    (card,) = await cards_of(store.org("o-1"), [off])
    found = [(one.what, one.at is not None, one.daily) for one in card.nexts]
    assert found == [("Import", False, "02:00, America/Denver"), ("Export", True, "02:00, America/Denver")]


async def test_many_are_asked_for_like_one(calls: Calls, store: Store) -> None:
    org = store.org("o-1")
    held = [make_connection(id=f"con_{at}", name=f"C {at}") for at in range(24)]
    for one in held:
        await begun(org, make_run(connection=one.id, number=0))
    asked = []
    for some in (held[:1], held):
        calls.names, calls.on = [], True
        assert all(card.last for card in await cards_of(org, some))
        calls.on = False
        asked.append(calls.names)
    assert asked[0] == asked[1] == ["find", "find", "find"]
