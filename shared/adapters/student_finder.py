"""Finds the student of a SIS that a registration is about, so that nobody is created twice."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from shared.adapters.disk_index import DiskIndex
from shared.model.error_texts import said
from shared.model.export_rules import MatchBy
from shared.model.record import Problem
from shared.together import together

SEARCHES: Final = 100
"""As many searches cost about as much as reading the roster of a district of middle size."""


@dataclass(frozen=True, slots=True)
class Person:
    """What tells a student apart; `id` is the SIS's own, and blank for who is sought."""

    id: str = ""
    student_id: str = ""
    state_id: str = ""
    first_name: str = ""
    last_name: str = ""
    birth_date: str = ""

    def key(self, by: MatchBy) -> str:
        """What two records of one student have in common; blank where nothing can be said."""
        if by == "name_and_birth_date":
            parts = [self.first_name.strip(), self.last_name.strip(), self.birth_date.strip()]
            return "\n".join(parts).casefold() if all(parts) else ""
        text = (self.student_id if by == "student_id" else self.state_id).strip()
        return text.lstrip("0") or text if text.isascii() and text.isdigit() else text.casefold()


Search: TypeAlias = Callable[[MatchBy, Person], Awaitable[Iterable[Person]]]
Everybody: TypeAlias = Callable[[], AsyncIterator[Sequence[Person]]]


class StudentFinder:
    """Asks the SIS while few are sought; from then on it reads the roster once and asks nothing.

    Without `search` (a SIS that cannot search) it reads the roster at once.
    """

    def __init__(
        self, match: Sequence[MatchBy], search: Search | None, everybody: Everybody, spool_dir: Path | None
    ) -> None:
        self._match = tuple(match)
        self._search = search
        self._everybody = everybody
        self._spool_dir = spool_dir
        self._left = SEARCHES if search else 0
        self._lock = asyncio.Lock()
        self._open = AsyncExitStack()
        self._roster: DiskIndex | None = None

    async def aclose(self) -> None:
        await self._open.aclose()

    async def find(
        self, wanted: Person, known: str | None = None, *, thoroughly: bool = False, side_by_side: bool = False
    ) -> tuple[str, Sequence[Problem]]:
        """The id of the student, `known` or found; blank where there is none, problems where several could be meant.

        `thoroughly`: by name and birth date as well, whatever the rules say. `side_by_side`: all questions go out at
        once, which is quicker about somebody new, and more than is needed about whom the first one finds.
        """
        if known:
            return known, ()
        rules = self._match
        if thoroughly and "name_and_birth_date" not in rules:
            rules = (*rules, "name_and_birth_date")
        async for by, ids in self._found(wanted, rules, side_by_side=side_by_side):
            if len(ids) > 1:
                return "", [Problem(*said("student.several", count=len(ids), by=by.replace("_", " ")))]
            if ids:
                return ids[0], ()
        return "", ()

    async def _found(
        self, wanted: Person, rules: Sequence[MatchBy], *, side_by_side: bool
    ) -> AsyncIterator[tuple[MatchBy, list[str]]]:
        """The ids that each rule finds, in the order of the rules."""
        keys = {by: key for by in rules if (key := wanted.key(by))}
        if side_by_side:
            found = await together(self._ids(by, wanted, key) for by, key in keys.items())
            for by, ids in zip(keys, found, strict=True):
                yield by, ids
            return
        for by, key in keys.items():
            yield by, await self._ids(by, wanted, key)

    async def _ids(self, by: MatchBy, wanted: Person, key: str) -> list[str]:
        if self._search and self._left > 0 and self._roster is None:
            self._left -= 1
            found = await self._search(by, wanted)
            return list(dict.fromkeys(one.id for one in found if one.key(by) == key))
        async with self._lock:
            roster = self._roster or await self._read()
            return await asyncio.to_thread(roster.get, by, key) or []

    async def _read(self) -> DiskIndex:
        async with AsyncExitStack() as stack:
            roster = DiskIndex(self._spool_dir)
            stack.callback(roster.close)
            async for people in self._everybody():
                await asyncio.to_thread(_note, roster, people, self._match)
            self._open = stack.pop_all()
        self._roster = roster
        return roster


def _note(roster: DiskIndex, people: Sequence[Person], match: Sequence[MatchBy]) -> None:
    for one in people:
        for by in {*match, "name_and_birth_date"}:
            if key := one.key(by):
                ids = roster.get(by, key) or []
                if one.id not in ids:
                    roster.put(by, key, [*ids, one.id])
