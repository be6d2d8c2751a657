"""Runs, connections and messages for tests that need one and do not care which."""

from datetime import UTC, datetime
from typing import Any

from shared.contracts.envelope import Envelope, Outgoing, new_id
from shared.model.connection import Connection, Schedule
from shared.model.kind import Kind
from shared.model.mapping import MappingDraft
from shared.model.run import Run, SourceSpec, Trigger

KEY = "students.student_district_id"
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
DRAFT = MappingDraft.model_validate(
    {"fields": [{"type": "direct", "target": KEY, "source": "ID"}, {"type": "do_not_map", "target": "students.fname"}]}
)
DAILY = Schedule(school_year=2026, time="02:00", zone="America/Denver")


def make_run(**more: Any) -> Run:
    given: dict[str, Any] = {
        "id": new_id("run"),
        "org": "o-1",
        "connection": "con_1",
        "data_type": "students",
        "school_year": 2026,
        "mapping": "map_1",
        "number": 1,
        "lane": "interactive",
        "trigger": Trigger(kind="person", by="u-1"),
        "source": SourceSpec(kind="upload", upload="x", name="a.csv", sha256="0" * 64),
        "created_at": NOW,
    }
    return Run(**(given | more))


def make_connection(**more: Any) -> Connection:
    given: dict[str, Any] = {"org": "o-1", "name": "Uploads", "kind": Kind.AD_HOC, "created_by": "u-1"}
    return Connection(**({"id": new_id("con"), "created_at": NOW} | given | more))


def message(id: str | None = None, **data: Any) -> Outgoing:
    envelope = Envelope(id=id or new_id("msg"), type="test.v1", data=data)
    return Outgoing(exchange="x", routing_key="k", envelope=envelope)
