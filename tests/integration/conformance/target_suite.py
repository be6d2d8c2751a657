"""What every Target does, whatever it writes to. `test_targets.py` runs it for each adapter."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from shared.model.ports import Target
from shared.model.record import Action, Change, ChangeBatch, Sought, Values

NAME = "students.fname"
PERSON: Values = {NAME: "Mara", "students.lname": "Torres", "students.dob": "2015-03-09"}


@dataclass(frozen=True)
class Site:
    """Where the adapter under test writes. `records` counts what is there."""

    target: Target
    records: Callable[[], int]


def create(key: str, **values: str) -> Change:
    return Change(key, Action.CREATE, 2, PERSON | values, {}, None, "d", "m")


def sought(*keys: str) -> list[Sought]:
    return [Sought(key) for key in keys]


def batch(*changes: Change, key: str | None = None) -> ChangeBatch:
    return ChangeBatch(key or uuid.uuid4().hex, changes)


class TargetConformance:
    @pytest.fixture
    def site(self) -> Site:
        raise NotImplementedError("each adapter says where it writes")

    async def test_absent_keys_are_left_out(self, site: Site) -> None:
        await site.target.apply(batch(create("1"), create("2")))
        found = await site.target.look_up(sought("2", "nobody", "1", ""), [NAME])
        assert set(found) == {"1", "2"}
        assert found["1"].values == {NAME: "Mara"}
        assert found["1"].target_id != found["2"].target_id

    async def test_answers_come_in_order(self, site: Site) -> None:
        keys = [f"{number:03}" for number in range(200, 0, -1)]
        answers = await site.target.apply(batch(*map(create, keys)))
        assert [one.key for one in answers] == keys
        assert all(one.ok and one.status == "created" and one.target_id for one in answers)

    async def test_the_same_batch_again_has_no_further_effect(self, site: Site) -> None:
        once = batch(create("1"), create("2"))
        first = await site.target.apply(once)
        assert await site.target.apply(once) == first
        assert site.records() == 2

    async def test_another_batch_with_the_same_records_makes_no_second_one(self, site: Site) -> None:
        (first,) = await site.target.apply(batch(create("1")))
        (second,) = await site.target.apply(batch(create("1")))
        assert second.target_id == first.target_id
        assert second.status == "unchanged"
        assert site.records() == 1

    async def test_a_change_by_its_id(self, site: Site) -> None:
        (made,) = await site.target.apply(batch(create("1")))
        change = Change("1", Action.UPDATE, 2, {NAME: "Maren"}, {NAME: "Mara"}, made.target_id, "d", "m")
        (answer,) = await site.target.apply(batch(change))
        assert (answer.ok, answer.status, answer.target_id) == (True, "updated", made.target_id)
        assert (await site.target.look_up(sought("1"), [NAME]))["1"].values == {NAME: "Maren"}

    async def test_a_bad_record_hurts_only_itself(self, site: Site) -> None:
        answers = await site.target.apply(batch(create("1"), create("2", **{NAME: "x" * 200}), create("3")))
        assert [one.ok for one in answers] == [True, False, True]
        (problem,) = answers[1].problems
        assert problem.code
        assert problem.message
        assert problem.field == NAME
        assert site.records() == 2

    async def test_nothing_to_do_is_nothing_done(self, site: Site) -> None:
        assert await site.target.apply(batch()) == []
        assert await site.target.look_up([], [NAME]) == {}

    async def test_odd_keys_come_back_as_they_were(self, site: Site) -> None:
        keys = ["a.b$c", "ü/é", 'q"uote', "日本", " lead", "a" * 50]
        answers = await site.target.apply(batch(*map(create, keys)))
        assert all(one.ok for one in answers), answers
        assert set(await site.target.look_up(sought(*keys), [NAME])) == set(keys)
