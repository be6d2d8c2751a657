"""Daily schedules meet every trick of the clocks."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.model.occurrences import Occurrence, last_due, next_due, upcoming

TRICKY = (
    "America/Denver",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Havana",
    "America/Caracas",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Pyongyang",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Europe/Dublin",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "Pacific/Kiritimati",
)
clock_times = st.times().map(lambda at: at.strftime("%H:%M:%S")) | st.sampled_from(["00:00", "02:30", "23:59:59"])
zones = st.sampled_from(TRICKY) | st.sampled_from(sorted(available_timezones()))
instants = st.floats(min_value=-6e7, max_value=2.8e9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on(zone: str, at: str, day: str) -> Occurrence | None:
    """The occurrence for one local date, if it has one."""
    around = upcoming(at, zone, utc(day) - timedelta(days=3), 7)
    return next((due for due in around if due.local_date == date.fromisoformat(day)), None)


@pytest.mark.parametrize(
    ("zone", "at", "day", "expected"),
    [
        ("America/Denver", "02:30", "2026-03-07", "2026-03-07T09:30"),
        ("America/Denver", "02:30", "2026-03-08", "2026-03-08T09:00"),
        ("America/Denver", "02:00", "2026-03-08", "2026-03-08T09:00"),
        ("America/Denver", "03:00", "2026-03-08", "2026-03-08T09:00"),
        ("America/Denver", "01:30", "2026-11-01", "2026-11-01T07:30"),
        ("America/Phoenix", "02:30:15", "2026-03-08", "2026-03-08T09:30:15"),
        ("Australia/Lord_Howe", "02:15", "2025-10-05", "2025-10-04T15:30"),
        ("Australia/Lord_Howe", "01:45", "2026-04-05", "2026-04-04T14:45"),
        ("America/St_Johns", "00:30", "2010-03-14", "2010-03-14T03:31"),
        ("America/St_Johns", "23:30", "2010-11-06", "2010-11-07T02:00"),
        ("America/St_Johns", "00:00:30", "2010-11-07", "2010-11-07T02:30:30"),
        ("America/Sao_Paulo", "00:00", "2018-11-04", "2018-11-04T03:00"),
        ("Africa/Casablanca", "02:30", "2025-02-23", "2025-02-23T01:30"),
        ("Africa/Casablanca", "02:30", "2025-04-06", "2025-04-06T02:00"),
        ("America/Toronto", "23:45", "1919-03-30", "1919-03-31T04:30"),
    ],
)
def test_the_instant_of_one_date(zone: str, at: str, day: str, expected: str) -> None:
    assert on(zone, at, day) == Occurrence(date.fromisoformat(day), utc(expected))


def test_a_date_that_samoa_skipped_has_no_occurrence() -> None:
    assert on("Pacific/Apia", "08:00", "2011-12-30") is None
    assert [due.local_date.day for due in upcoming("00:00", "Pacific/Apia", utc("2011-12-28T00:00"))] == [28, 29, 31]


def test_last_and_next_meet_at_the_instant_itself() -> None:
    due = Occurrence(date(2026, 8, 3), utc("2026-08-03T08:00"))
    assert last_due("02:00", "America/Denver", due.at_utc) == due
    assert next_due("02:00", "America/Denver", due.at_utc).local_date == date(2026, 8, 4)
    just_before = due.at_utc - timedelta(microseconds=1)
    assert last_due("02:00", "America/Denver", just_before).local_date == date(2026, 8, 2)
    assert next_due("02:00", "America/Denver", just_before) == due


def test_now_may_be_in_any_zone_but_not_in_none() -> None:
    tokyo = datetime(2026, 8, 3, 17, 0, tzinfo=ZoneInfo("Asia/Tokyo"))
    assert last_due("02:00", "America/Denver", tokyo).at_utc == tokyo
    with pytest.raises(ValueError, match="time zone"):
        last_due("02:00", "America/Denver", datetime(2026, 8, 3))  # noqa: DTZ001


@pytest.mark.parametrize("zone", TRICKY)
@pytest.mark.parametrize("at", ["00:00:30", "02:30", "23:45"])
def test_sixty_years_give_each_date_one_occurrence_in_order(zone: str, at: str) -> None:
    dues = upcoming(at, zone, utc("1968-01-01T00:00"), 60 * 365)
    skipped = 0
    for before, after in pairwise(dues):
        assert before.at_utc < after.at_utc
        step = (after.local_date - before.local_date).days
        assert step in (1, 2)
        skipped += step - 1
    assert skipped == (zone in ("Pacific/Apia", "Pacific/Kwajalein", "Pacific/Kiritimati"))


@settings(deadline=None)
@given(zones, clock_times, instants)
def test_neighbours_agree_and_never_share_a_date(zone: str, at: str, now: datetime) -> None:
    last, following = last_due(at, zone, now), upcoming(at, zone, now)
    assert last.at_utc <= now < following[0].at_utc
    assert following[0] == next_due(at, zone, now)
    chain = [last, *following]
    for before, after in pairwise(chain):
        assert before.local_date < after.local_date
        assert before.at_utc < after.at_utc
        assert next_due(at, zone, before.at_utc) == after
        assert last_due(at, zone, after.at_utc - timedelta(microseconds=1)) == before
        assert last_due(at, zone, after.at_utc) == after


@settings(deadline=None)
@given(zones, clock_times, instants)
def test_an_occurrence_is_at_its_time_or_right_after_a_jump_over_it(zone: str, at: str, now: datetime) -> None:
    due, tz = next_due(at, zone, now), ZoneInfo(zone)
    wanted = datetime.combine(due.local_date, time.fromisoformat(at))
    there = due.at_utc.astimezone(tz).replace(tzinfo=None)
    just_before = (due.at_utc - timedelta(seconds=1)).astimezone(tz).replace(tzinfo=None)
    assert there == wanted or just_before < wanted < there
