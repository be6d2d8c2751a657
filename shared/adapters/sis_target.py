"""What writing students into a SIS has in common, whichever it is."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence

from shared.adapters.sis_http import SisHttp
from shared.adapters.student_finder import Person, StudentFinder
from shared.model.errors import Permanent
from shared.model.record import Applied, Change, Found, Problem, Sought, Values


class SisTarget(ABC):
    """Finds students one after the other (`shared.model.ports.Target`, but for `apply`).

    Whoever is alone was just approved, is most likely new, and a family waits: their questions go out side by side,
    unless the SIS may be called so rarely that they would wait for each other.
    """

    concurrency = 4
    resumes = False

    def __init__(self, http: SisHttp, finder: StudentFinder) -> None:
        self._http = http
        self._finder = finder

    @abstractmethod
    def person(self, values: Values) -> Person:
        """Who is sought, out of the values of a registration."""

    @abstractmethod
    async def held(self, id: str, mine: Values, fields: Sequence[str]) -> Values | None:
        """What the SIS holds of a student, of these fields and of the contacts in `mine`; None where nobody is."""

    async def aclose(self) -> None:
        await self._finder.aclose()
        await self._http.aclose()

    async def look_up(self, sought: Sequence[Sought], fields: Sequence[str]) -> dict[str, Found]:
        found = {}
        side_by_side = len(sought) == 1 and self._http.is_brisk
        for one in sought:
            id, problems = await self._finder.find(
                self.person(one.values), one.target_id, thoroughly=one.interrupted, side_by_side=side_by_side
            )
            values = await self.held(id, one.values, fields) if id else None
            if problems:
                found[one.key] = Found("", {}, problems)
            elif values is not None:
                found[one.key] = Found(id, values)
        return found

    async def check(self, changes: Sequence[Change]) -> list[Sequence[Problem]]:
        return [() for _ in changes]


async def one_by_one(changes: Sequence[Change], apply: Callable[[Change], Awaitable[Applied]]) -> list[Applied]:
    """The answers for students that the SIS takes one at a time.

    Raises what `apply` raises, but for a refusal once somebody was saved: then it is the answer for this student and
    for those behind, so that what was saved is told.
    """
    answers: list[Applied] = []
    for place, one in enumerate(changes):
        try:
            answers.append(await apply(one))
        except Permanent as error:
            if not any(answer.ok for answer in answers):
                raise
            problem = problem_of(error)
            return answers + [Applied(left.key, False, "failed", left.target_id, [problem]) for left in changes[place:]]
    return answers


async def rest_of_saved(work: Awaitable[list[Problem]]) -> list[Problem]:
    """What comes of the rest of a student who is saved already. Where the SIS refuses a call it is a problem of this
    student, and no reason to tell nothing of those who were saved."""
    try:
        return await work
    except Permanent as error:
        return [problem_of(error)]


def problem_of(error: Permanent) -> Problem:
    return Problem(error.code, error.message, error.fix)
