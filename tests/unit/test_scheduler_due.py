"""due_at: which occurrence of a schedule is to be fired now."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.scheduler.main import due_at as all_due_at
from shared.model.connection import Connection, Schedule
from shared.model.kind import Kind
from shared.store.triggers import Due

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)  # 05:00 in Denver


def connection(**schedule: Any) -> Connection:
    given = {"school_year": 2026, "time": "02:00", "zone": "America/Denver", **schedule}
    return Connection(
        id="con_1", org="o-1", name="SFTP", kind=Kind.SFTP, created_at=NOW, created_by="u", schedule=Schedule(**given)
    )


def due_at(connection: Connection, now: datetime) -> Due | None:
    """The one occurrence of the one schedule."""
    return next(all_due_at(connection, now), None)


def test_imports_and_exports_come_due_by_themselves() -> None:
    both = connection(time="02:00").model_copy(
        update={"export_schedule": Schedule(school_year=2027, time="03:30", zone="America/Denver")}
    )
    found = {due.direction: (due.at.hour, due.schedule.school_year) for due in all_due_at(both, NOW)}
    assert found == {"import": (9, 2026), "export": (10, 2027)}
    assert len({due.id for due in all_due_at(both, NOW)}) == 2


def test_the_last_occurrence_is_due() -> None:
    due = due_at(connection(), NOW)
    assert due is not None
    assert (due.local_date, due.at, due.schedule.data_type) == (
        "2026-02-01",
        datetime(2026, 2, 1, 9, tzinfo=UTC),
        "students",
    )


def test_before_its_time_yesterday_is_still_the_last() -> None:
    due = due_at(connection(time="06:00"), NOW)
    assert due is not None
    assert due.local_date == "2026-01-31"


def test_what_was_due_before_the_schedule_was_enabled_is_not_made_up_for() -> None:
    enabled = datetime(2026, 2, 1, 9, 0, 1, tzinfo=UTC)
    assert due_at(connection(enabled_at=enabled), NOW) is None
    assert due_at(connection(enabled_at=enabled - timedelta(seconds=1)), NOW) is not None
    assert due_at(connection(enabled_at=enabled), NOW + timedelta(days=1)) is not None


def test_no_schedule_is_never_due() -> None:
    assert due_at(connection().model_copy(update={"schedule": None}), NOW) is None


def test_saving_a_schedule_anew_makes_new_occurrences() -> None:
    ids = set()
    for seconds in range(2):
        due = due_at(connection(enabled_at=NOW - timedelta(days=3, seconds=seconds)), NOW)
        assert due is not None
        ids.add(due.id)
    assert len(ids) == 2
