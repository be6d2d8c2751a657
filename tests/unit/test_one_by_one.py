"""Students whom a SIS takes one at a time, where it refuses a call in between."""

from collections.abc import Sequence

import pytest

from shared.adapters.sis_target import one_by_one, rest_of_saved
from shared.model.errors import Permanent, Refused, Unavailable
from shared.model.record import Action, Applied, Change, Problem


def change(key: str) -> Change:
    return Change(key, Action.CREATE, 2, {}, {}, None, "d", "m")


class Sis:
    """Says of each student what it is told to."""

    def __init__(self, *says: str | Exception) -> None:
        self._says = list(says)
        self.asked: list[str] = []

    async def apply(self, one: Change) -> Applied:
        self.asked.append(one.key)
        said = self._says.pop(0)
        if isinstance(said, Exception):
            raise said
        return Applied(one.key, said != "failed", said, "9" if said != "failed" else None)


async def told(sis: Sis) -> Sequence[tuple[str, str, list[str]]]:
    answers = await one_by_one([change(key) for key in "abc"], sis.apply)
    return [(one.key, one.status, [problem.code for problem in one.problems]) for one in answers]


async def test_whoever_was_saved_before_a_refusal_is_told_and_nobody_behind_is_sent() -> None:
    sis = Sis("created", Refused("sis.forbidden", "No right."))
    assert await told(sis) == [
        ("a", "created", []),
        ("b", "failed", ["sis.forbidden"]),
        ("c", "failed", ["sis.forbidden"]),
    ]
    assert sis.asked == ["a", "b"]


@pytest.mark.parametrize("before", [[], ["failed"]])
async def test_a_refusal_before_anybody_was_saved_is_of_the_whole_call(before: list[str]) -> None:
    with pytest.raises(Refused):
        await told(Sis(*before, Refused("sis.forbidden", "No right.")))


async def test_what_may_pass_is_for_the_whole_call_to_be_tried_again() -> None:
    with pytest.raises(Unavailable):
        await told(Sis("created", Unavailable("host.cut", "Cut.")))


async def test_the_rest_of_a_saved_student_is_refused_as_a_problem_of_theirs() -> None:
    async def refused() -> list[Problem]:
        raise Permanent("sis.refused", "Refused.", "Look.")

    async def away() -> list[Problem]:
        raise Unavailable("host.cut", "Cut.")

    assert await rest_of_saved(refused()) == [Problem("sis.refused", "Refused.", "Look.")]
    with pytest.raises(Unavailable):
        await rest_of_saved(away())
