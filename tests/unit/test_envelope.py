"""CloudEvents, and identifiers that sort by time."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from shared.contracts.envelope import Envelope, Outgoing, new_id
from shared.contracts.messages import RunRequested

AT = datetime(2026, 2, 1, 9, tzinfo=UTC)


def test_round_trip_over_the_wire() -> None:
    sent = RunRequested(organization="o-1", run="run_1").envelope(subject="run_1")
    assert Envelope.model_validate_json(sent.to_json()) == sent
    assert sent.type == RunRequested.TYPE
    assert sent.data == {"organization": "o-1", "run": "run_1"}


def test_unknown_attributes_are_ignored_and_other_versions_refused() -> None:
    found = Envelope.model_validate({"type": "a.v1", "data": {}, "traceparent": "x"})
    assert found.specversion == "1.0"
    for bad in ({"type": "a.v1"}, {"type": "", "data": {}}, {"type": "a", "data": {}, "specversion": "2.0"}):
        with pytest.raises(ValidationError):
            Envelope.model_validate(bad)


def test_an_outgoing_message_survives_the_database() -> None:
    waiting = Outgoing(exchange="sync.work", routing_key="k", envelope=Envelope(type="a.v1", data={"a": 1}), attempt=3)
    assert Outgoing.model_validate(waiting.model_dump(mode="json")) == waiting


def test_ids_sort_by_time_and_repeat_only_where_asked() -> None:
    later = AT + timedelta(milliseconds=1)
    assert new_id("run", at=AT) < new_id("run", at=later)
    assert new_id("run", at=AT) != new_id("run", at=AT)
    assert new_id("run", at=AT, of="x") == new_id("run", at=AT, of="x")
    assert new_id("run", at=AT, of="x") != new_id("run", at=AT, of="y")


def test_an_id_of_before_all_time_looks_like_any_other() -> None:
    assert re.fullmatch(r"run_\w{24}", new_id("run", at=datetime(1969, 7, 20, tzinfo=UTC), of="x"))
