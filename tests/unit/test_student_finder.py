"""A student is looked for by each rule in turn; many are looked up in the roster, which is read once."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shared.adapters.student_finder import SEARCHES, Person, StudentFinder
from shared.model.errors import Unavailable
from shared.model.export_rules import MatchBy

ALL: tuple[MatchBy, ...] = ("student_id", "state_id", "name_and_birth_date")
MARA = Person("1", "20231", "9900012345", "Mara", "Torres", "2015-03-09")
TWIN = Person("2", "20232", "9900012346", "Milo", "Torres", "2015-03-09")
NAMESAKE = Person("3", "20233", "", "Mara", "Torres", "2015-03-09")


class Sis:
    def __init__(self, *people: Person) -> None:
        self.people = people
        self.searches = self.rosters = 0

    async def search(self, by: MatchBy, wanted: Person) -> Iterable[Person]:
        self.searches += 1
        return self.people

    async def everybody(self) -> AsyncIterator[Sequence[Person]]:
        self.rosters += 1
        for one in self.people:
            yield [one]


@pytest.mark.parametrize("side_by_side", [True, False])
@pytest.mark.parametrize("searching", [True, False])
@pytest.mark.parametrize(
    ("sought", "match", "id"),
    [
        (Person(student_id="20231"), ALL, "1"),
        (Person(student_id=" 0020231"), ALL, "1"),
        (Person(state_id="9900012346"), ALL, "2"),
        (Person(student_id="9", first_name="MARA", last_name="torres ", birth_date="2015-03-09"), ALL, "1"),
        (Person(first_name="Mara", last_name="Torres", birth_date="2015-03-09"), ("state_id",), ""),
        (Person(first_name="Mara", last_name="Torres"), ALL, ""),
        (Person(), ALL, ""),
    ],
)
async def test_rules_are_tried_in_order(
    side_by_side: bool, searching: bool, sought: Person, match: Sequence[MatchBy], id: str, tmp_path: Path
) -> None:
    sis = Sis(MARA, TWIN)
    finder = StudentFinder(match, sis.search if searching else None, sis.everybody, tmp_path)
    assert await finder.find(sought, side_by_side=side_by_side) == (id, ())
    await finder.aclose()
    assert list(tmp_path.iterdir()) == []


async def test_several_that_fit_are_a_problem_unless_an_id_says_which() -> None:
    sis = Sis(MARA, NAMESAKE)
    finder = StudentFinder(ALL, sis.search, sis.everybody, None)
    id, (problem,) = await finder.find(Person(first_name="Mara", last_name="Torres", birth_date="2015-03-09"))
    assert (id, problem.code) == ("", "student.several")
    assert await finder.find(Person(student_id="20233", first_name="Mara", last_name="Torres")) == ("3", ())


async def test_side_by_side_all_is_asked_at_once_and_an_error_is_told() -> None:
    asked, all_there = [], asyncio.Event()

    async def search(by: MatchBy, wanted: Person) -> Iterable[Person]:
        asked.append(by)
        if len(asked) == len(ALL):
            all_there.set()
        await asyncio.wait_for(all_there.wait(), 10)
        if wanted.student_id == "1":
            raise Unavailable("c", "m", "f")
        return [MARA]

    finder = StudentFinder(ALL, search, Sis().everybody, None)
    assert await finder.find(replace(MARA, id=""), side_by_side=True) == ("1", ())
    asked.clear()
    with pytest.raises(Unavailable):
        await finder.find(replace(MARA, id="", student_id="1"), side_by_side=True)


async def test_thoroughly_is_by_name_as_well_and_a_known_id_needs_no_search() -> None:
    sis = Sis(MARA)
    finder = StudentFinder(("state_id",), sis.search, sis.everybody, None)
    person = Person(first_name="Mara", last_name="Torres", birth_date="2015-03-09")
    assert await finder.find(person, thoroughly=True) == ("1", ())
    assert sis.searches == 1
    assert await finder.find(person, "77") == ("77", ())
    assert (sis.searches, sis.rosters) == (1, 0)


async def test_the_roster_is_read_once_when_many_are_sought(tmp_path: Path) -> None:
    sis = Sis(MARA, TWIN)
    finder = StudentFinder(("student_id",), sis.search, sis.everybody, tmp_path)
    for number in range(SEARCHES + 50):
        assert await finder.find(Person(student_id=str(30_000 + number))) == ("", ())
    assert await finder.find(Person(student_id="20232")) == ("2", ())
    assert (sis.searches, sis.rosters) == (SEARCHES, 1)
    await finder.aclose()
