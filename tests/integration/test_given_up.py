"""A run that has stopped, once its failed message was discarded: where its text had sent people to an operator, it does
so no more."""

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.engine.given_up import as_it_stands
from shared.engine.handlers import KILLED, _told
from shared.model.error_texts import every_text, said
from shared.model.errors import NotFound, SyncError, Unavailable
from shared.model.run import RunState
from shared.store.database import Store
from shared.store.failed import DeadLetter
from shared.telemetry.logs import describe
from tests.integration.enroll_runs import NOW, make_run
from tests.integration.store_site import store

__all__ = ["store"]

AWAY = Unavailable(*said("enroll.unavailable", why="answered 503"))
GONE = NotFound(*said("connection.not_found"))
INSTEAD = every_text()["run.discarded_letter"].fix
LETTER = DeadLetter(
    *("run_1/apply/0", "t.v1", "k", "x", "{}", "out of attempts", "", "", "d", "f"),
    *(6, NOW, NOW + timedelta(hours=1), "o-1", "run_1"),
)


async def told(store: Store, error: dict[str, str], letter: SyncError) -> tuple[str, bool]:
    """What to do, and whether the run is given up, once the letter is discarded."""
    about = describe(letter)
    await store.failed.archive(replace(LETTER, error=about["error"], code=about["code"]))
    await store.failed.discard(LETTER.id, by="o-9", why="Enroll is away for the weekend")
    run = await as_it_stands(store, make_run(id="run_1", state=RunState.FAILED, error=error))
    assert run.error is not None
    assert run.error["code"] == error["code"]
    return run.error["fix"], run.given_up is not None


@pytest.mark.parametrize("error", [AWAY, KILLED, ValueError("x")], ids=["away", "killed", "internal"])
async def test_what_sent_people_to_an_operator_does_so_no_more(store: Store, error: Exception) -> None:
    assert await told(store, _told(error), AWAY) == (INSTEAD, True)


async def test_nor_does_what_was_stored_before_errors_kept_the_code_of_their_text(store: Store) -> None:
    before = {name: value for name, value in _told(AWAY).items() if name != "text"}
    assert await told(store, before, AWAY) == (INSTEAD, True)


async def test_what_asks_for_something_else_still_asks_for_it(store: Store) -> None:
    """Of such an error an operator's message is no part."""
    assert await told(store, _told(GONE), AWAY) == (GONE.fix, False)


async def test_nor_is_it_taken_for_one_that_passes_by_itself(store: Store) -> None:
    assert await told(store, _told(GONE), GONE) == (GONE.fix, False)
