"""What writing students into a SIS has in common, whichever it is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from shared.adapters.sis_http import SisHttp
from shared.adapters.student_finder import Person, StudentFinder
from shared.model.record import Change, Found, Problem, Sought, Values


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
