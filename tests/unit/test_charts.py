"""The charts of the last days: what they count, and a scale that holds all of it."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.pages.charts import DAYS, HEIGHT, WIDTH, charts_of, days_of, nice
from shared.model.run import Run, RunState
from tests.integration.enroll_runs import make_run

TODAY = date(2026, 11, 25)


def run(state: RunState, back: int, seconds: float = 10, **counts: int) -> Run:
    at = datetime(2026, 11, 25, 12, tzinfo=UTC) - timedelta(days=back)
    end = at + timedelta(seconds=seconds)
    return make_run(state=state, created_at=at, started_at=at, ended_at=end, counts=counts)


def test_runs_are_counted_on_their_day_once_they_have_ended() -> None:
    runs = [
        run(RunState.SUCCEEDED, 0, created=3, updated=4),
        run(RunState.SUCCEEDED, 0, seconds=90),
        run(RunState.FAILED, 1),
        run(RunState.APPLYING, 1),
        run(RunState.SUCCEEDED, DAYS),
    ]
    days = days_of(runs, TODAY)
    assert (len(days), days[-1].date) == (DAYS, TODAY)
    assert (days[-1].ended[RunState.SUCCEEDED], days[-1].changed, days[-1].longest) == (2, 7, 90)
    assert days[-2].ended == {**dict.fromkeys(days[-2].ended, 0), RunState.FAILED: 1}
    assert sum(sum(day.ended.values()) for day in days) == 3


def test_nothing_is_a_chart_too() -> None:
    for chart in charts_of(days_of([], TODAY)):
        assert chart.bars == []
        assert len(chart.marks) == 5


@given(st.lists(st.tuples(st.sampled_from(list(RunState)), st.integers(0, DAYS), st.floats(0, 1e6)), max_size=40))
def test_every_bar_stands_within_the_picture(given_runs: list[tuple[RunState, int, float]]) -> None:
    for chart in charts_of(days_of([run(*one) for one in given_runs], TODAY)):
        for bar in chart.bars:
            assert 0 <= bar.x <= bar.x + bar.width <= WIDTH
            assert 0 <= bar.y <= bar.y + bar.height <= HEIGHT


def test_where_there_is_no_room_half_of_the_days_are_named_the_last_among_them() -> None:
    for chart in charts_of(days_of([], TODAY)):
        assert [(words, always) for _, words, always in chart.days[-2:]] == [("20 Nov", False), ("25 Nov", True)]
        assert [round(x) for x, _, always in chart.days if always] == [33, 67, 100]


def test_a_scale_is_written_in_digits_that_people_read() -> None:
    found = charts_of(days_of([run(RunState.SUCCEEDED, 0, seconds=5.5, created=390_000)], TODAY))
    assert [[words for _, words in chart.marks] for chart in found] == [
        ["0", "1", "2", "3", "4"],
        ["0", "100,000", "200,000", "300,000", "400,000"],
        ["0", "1.5", "3", "4.5", "6"],
    ]


@given(st.floats(0, 1e9))
def test_the_top_of_a_scale_is_round_and_not_far_above(value: float) -> None:
    assert value <= nice(value) <= max(4, 2.5 * value)


def test_one_is_one_and_two_are_two() -> None:
    found = [run(RunState.SUCCEEDED, 0, seconds=90, created=1), run(RunState.FAILED, 1), run(RunState.FAILED, 1)]
    said = [bar.words for chart in charts_of(days_of(found, TODAY)) for bar in chart.bars]
    assert said == ["24 Nov: 2 runs", "25 Nov: 1 run", "25 Nov: 1 record", "24 Nov: 10 s", "25 Nov: 1 min 30 s"]


def test_a_day_is_that_of_the_zone() -> None:
    late = run(RunState.SUCCEEDED, 0).model_copy(update={"created_at": datetime(2026, 11, 25, 3, tzinfo=UTC)})
    for zone, day in (("UTC", 25), ("America/Denver", 24), ("Pacific/Kiritimati", 25)):
        found = days_of([late], TODAY, ZoneInfo(zone))
        assert [one.date.day for one in found if any(one.ended.values())] == [day]


def test_the_wait_for_a_person_is_not_work() -> None:
    at = datetime(2026, 11, 25, 12, tzinfo=UTC)
    approved = run(RunState.SUCCEEDED, 0, seconds=3 * 3600).model_copy(
        update={"stopped_at": at + timedelta(seconds=20), "decided_at": at + timedelta(hours=2, seconds=20)}
    )
    assert (approved.waited, approved.worked) == (timedelta(hours=2), timedelta(hours=1))
    assert days_of([approved], TODAY)[-1].longest == 3600
    superseded = approved.model_copy(update={"decided_at": None, "state": RunState.CANCELLED})
    assert superseded.worked == timedelta(seconds=20)
    waiting = superseded.model_copy(update={"ended_at": None, "state": RunState.NEEDS_APPROVAL})
    assert (waiting.waited, waiting.worked) == (timedelta(), None)
