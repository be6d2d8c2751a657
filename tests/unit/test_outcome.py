"""How a run ended, from what it counted."""

import pytest

from shared.engine.progress import outcome_of
from shared.model.run import RunState, add_counts


@pytest.mark.parametrize(
    ("counts", "lost", "state"),
    [
        ({"unchanged": 500}, False, RunState.SUCCEEDED),
        ({"unchanged": 500, "failed": 2}, False, RunState.PARTIAL),
        ({"unchanged": 500, "stopped": 100}, True, RunState.FAILED),
        ({"unchanged": 500, "updated": 1, "stopped": 99}, True, RunState.PARTIAL),
        ({"invalid": 3}, False, RunState.FAILED),
    ],
)
def test_what_needed_no_sending_is_no_success_of_a_run_that_lost_a_part(
    counts: dict[str, int], lost: bool, state: RunState
) -> None:
    assert outcome_of(add_counts([counts]), lost=lost) is state
