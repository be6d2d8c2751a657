"""Who is alone is asked about side by side, unless calls are so rare that they would wait for each other."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import cast

import pytest

from shared.adapters.sis_http import BRISK_SECONDS, Auth, SisHttp
from shared.adapters.sis_target import SisTarget
from shared.adapters.student_finder import Person, StudentFinder
from shared.model.export_rules import MatchBy
from shared.model.record import Applied, ChangeBatch, Sought, Values


class Beat:
    def __init__(self, interval: float) -> None:
        self.interval = interval

    async def slot(self, patience: float) -> None: ...

    async def pause(self, seconds: float) -> None: ...


class Sis(SisTarget):
    batch_size = 20

    def __init__(self, interval: float) -> None:
        self.asked = self.at_once = 0
        http = SisHttp("http://sis.example", cast(Auth, None), Beat(interval))
        super().__init__(http, StudentFinder(("student_id", "state_id"), self._search, self._nobody, None))

    def person(self, values: Values) -> Person:
        return Person(student_id=str(values["id"]), state_id=f"9{values['id']}")

    async def held(self, id: str, mine: Values, fields: Sequence[str]) -> Values | None:
        return None

    async def apply(self, batch: ChangeBatch) -> list[Applied]:
        return []

    async def _search(self, by: MatchBy, wanted: Person) -> Iterable[Person]:
        self.asked += 1
        self.at_once = max(self.at_once, self.asked)
        for _ in range(3):
            await asyncio.sleep(0)
        self.asked -= 1
        return []

    async def _nobody(self) -> AsyncIterator[Sequence[Person]]:
        return
        yield


@pytest.mark.parametrize(
    ("interval", "students", "at_once"),
    [(0.0, 1, 2), (BRISK_SECONDS, 1, 2), (BRISK_SECONDS * 1.01, 1, 1), (0.0, 2, 1)],
)
async def test_questions_go_out_together_about_who_is_alone(interval: float, students: int, at_once: int) -> None:
    sis = Sis(interval)
    sought = [Sought(str(number), {"id": number}) for number in range(students)]
    assert await sis.look_up(sought, []) == {}
    assert sis.at_once == at_once
    await sis.aclose()
