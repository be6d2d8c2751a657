"""Explain asks deleted connections with one question, and explains those that have made something of the record."""

import pytest

from shared.engine import explaining
from shared.engine.explaining import Asked, explain_all
from shared.model.record import Action, Outcome
from shared.model.run import RunState
from shared.store.database import OrgStore, Store
from shared.store.records import RecordResult
from tests.integration.enroll_runs import DRAFT, make_connection, make_run
from tests.integration.store_site import store

__all__ = ["store"]


async def deleted(org: OrgStore, number: int, key: str) -> None:
    connection = make_connection(id=f"con_{number}", name=f"C {number}")
    await org.connections.add(connection, None)
    mapping = await org.mappings.add(DRAFT, connection.id, "students", "u-1")
    run = make_run(connection=connection.id, mapping=mapping.id, state=RunState.SUCCEEDED)
    await org.runs.add(run, [], fingerprint="f")
    values = {"students.fname": (None, f"Mara {number}")}
    result = RecordResult(2, key, Action.CREATE, Outcome.SUCCEEDED, f"T-{key}", values, ())
    await org.records.put(run, 1, [result])
    await org.forget(connection, "u-1")


@pytest.mark.parametrize(("key", "target_id"), [("k", ""), ("", "T-k")], ids=["key", "id"])
async def test_those_deleted_last_that_wrote_to_it_are_explained(
    store: Store, monkeypatch: pytest.MonkeyPatch, key: str, target_id: str
) -> None:
    org = store.org("o-1")
    for number, of in enumerate(("k", "k", "other", "k")):
        await deleted(org, number, of)
    asked = Asked("import", "students", key, target_id)

    looked = await explain_all(org, asked)
    assert [one.connection for one in looked.found] == ["con_3", "con_1", "con_0"]
    assert looked.found[0].deleted_at is not None
    assert (looked.left_out, looked.found[0].fields[0].value) == (False, "Mara 3")

    monkeypatch.setattr(explaining, "MOST_GONE", 3)
    looked = await explain_all(org, asked)
    assert [one.connection for one in looked.found] == ["con_3", "con_1"]
    assert looked.left_out
    assert not (await explain_all(store.org("o-2"), asked)).found
