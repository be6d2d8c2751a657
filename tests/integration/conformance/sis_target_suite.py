"""What writing to a SIS does, whichever it is. `test_sis_targets.py` runs it for each, behind the link ledger."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from services.sandbox.faults import FaultRule
from services.sandbox.world import World
from shared.engine.classify import Candidate
from shared.engine.deciding import decide, objections
from shared.engine.linking import LinkedTarget
from shared.model.catalog import Catalog
from shared.model.errors import Permanent, Throttled, Unavailable
from shared.model.export_rules import ExportRules
from shared.model.ports import Target
from shared.model.record import Action, Applied, Change, ChangeBatch, Found, Sought, Values
from shared.store.database import Store
from shared.store.links import ConnectionLinks

MARA = {"student_id": "55001", "state_id": "9900055001", "first": "Mara", "last": "Torres", "born": "2015-03-09"}
IVO = {"student_id": "55002", "state_id": "9900055002", "first": "Ivo", "last": "Marsh", "born": "2016-11-02"}
JUN = {"student_id": "55003", "state_id": "9900055003", "first": "Jun", "last": "Ito", "born": "2017-01-30"}
ROSA = {"contact_first": "Rosa", "contact_last": "Torres", "contact_phone": "4805550147"}


class SisSite(ABC):
    """The simulated SIS of one adapter.

    `fields` are its names for what the suite speaks of; `student_path` is where a student is created, `contact_path`
    where a contact is, and `contacts_path` where those of a student are read, as regular expressions; `droppable` is
    one of the names in `fields`.
    """

    fields: ClassVar[dict[str, str]]
    fixed: ClassVar[Values]
    student_path: str
    contact_path: str
    contacts_path: str
    droppable: str

    def __init__(self, world: World, url: str, store: Store) -> None:
        self.world = world
        self.url = url
        self.store = store
        self.more: Values = {}
        """Values that every student has besides."""
        self.settings: dict[str, Any] = {}
        """Settings of the connection besides its address."""
        self.runs = 0
        """Each export is a run of its own."""

    @property
    @abstractmethod
    def about(self) -> Catalog: ...

    @abstractmethod
    async def make(self, *, drops: bool = False) -> None:
        """An empty SIS; with `drops` it ignores `droppable`."""

    @abstractmethod
    def inner(self, rules: ExportRules) -> Target: ...

    @abstractmethod
    async def people(self) -> list[dict[str, Any]]:
        """Every student: `first`, `last` and the list of `contacts` by first name."""

    @abstractmethod
    async def give_ids(self, answer: Applied, person: dict[str, str]) -> None:
        """For a SIS that gives ids itself: the student gets those of `person`, as if they had been there before."""

    @property
    def links(self) -> ConnectionLinks:
        return self.store.org("o-1").links.of("con_1", f"run_{self.runs}")

    def target(self, **rules: Any) -> LinkedTarget:
        fixed = frozenset(name for name, field in self.about.fields.items() if field.create_only)
        return LinkedTarget(self.inner(ExportRules(**rules)), self.links, self.about, fixed)

    def values(self, student: str, person: dict[str, str]) -> Values:
        own = {self.fields[name]: value for name, value in person.items() if name in self.fields}
        return {
            **self.fixed,
            **self.more,
            "registrations.id": f"7{student}",
            "registrations.student_id": student,
            **own,
        }

    def fault(self, path: str, **rule: Any) -> None:
        self.world.faults.replace([FaultRule(path=path, **rule)])

    async def export(self, *people: tuple[str, dict[str, str]], **rules: Any) -> list[Applied]:
        """What a run does with these: look up, decide, apply. Answers for each, `unchanged` where nothing is sent."""
        self.runs += 1
        return await self.again(*people, **rules)

    async def again(self, *people: tuple[str, dict[str, str]], **rules: Any) -> list[Applied]:
        """The same by the run that was the last, which was cut off."""
        target = self.target(**rules)
        try:
            sought = [Sought(f"7{student}", self.values(student, person)) for student, person in people]
            held = await target.look_up(sought, sorted({name for one in sought for name in one.values}))
            changes = [self._decided(one, held.get(one.key)) for one in sought]
            sent = [one for one in changes if isinstance(one, Change) and one.action is not Action.ADOPT]
            answers = {one.key: one for one in await target.apply(ChangeBatch("b", sent))}
            refused = {one.key: one for one in changes if isinstance(one, Applied)}
            same = {one.key: Applied(one.key, True, "unchanged") for one in sought}
            return [(same | refused | answers)[one.key] for one in sought]
        finally:
            await target.aclose()

    def _decided(self, one: Sought, found: Found | None) -> Change | Applied:
        fixed = frozenset(name for name, field in self.about.fields.items() if field.create_only)
        candidate = Candidate(2, one.key, one.values, "d", "m", False, False, None)
        against = objections(candidate, found, self.about)
        if against:
            return Applied(one.key, False, "failed", None, against)
        return decide(candidate, found, self.about, fixed)


class SisTargetConformance:
    @pytest.fixture
    def site(self) -> SisSite:
        raise NotImplementedError("each adapter says where it writes")

    async def test_students_are_created_with_their_contacts_and_answered_in_order(self, site: SisSite) -> None:
        answers = await site.export(("1", MARA | ROSA), ("2", IVO))
        assert [(one.key, one.ok, one.partial, one.status) for one in answers] == [
            ("71", True, False, "created"),
            ("72", True, False, "created"),
        ], answers
        held = {one["first"]: one for one in await site.people()}
        assert {name: one["contacts"] for name, one in held.items()} == {"Mara": ["Rosa"], "Ivo": []}

    async def test_the_same_again_sends_nothing(self, site: SisSite) -> None:
        await site.export(("1", MARA | ROSA))
        assert [one.status for one in await site.export(("1", MARA | ROSA))] == ["unchanged"]
        assert len(await site.people()) == 1

    async def test_only_what_differs_is_changed(self, site: SisSite) -> None:
        await site.export(("1", MARA | ROSA))
        (answer,) = await site.export(("1", MARA | ROSA | {"last": "Torres-Reed", "contact_phone": "4805550190"}))
        assert (answer.ok, answer.partial, answer.status) == (True, False, "updated"), answer
        assert [(one["last"], one["contacts"]) for one in await site.people()] == [("Torres-Reed", ["Rosa", "Rosa"])]
        (answer,) = await site.export(("1", MARA | ROSA | {"last": "Torres-Reed", "contact_email": "r@example.org"}))
        assert [one["contacts"] for one in await site.people()] == [["Rosa", "Rosa"]]

    @pytest.mark.parametrize(
        ("rule", "person"),
        [
            ("student_id", {"state_id": "", "born": "2015-03-09"}),
            ("state_id", {"student_id": ""}),
            ("name_and_birth_date", {"student_id": "", "state_id": ""}),
        ],
    )
    async def test_who_is_there_already_is_found_by_each_match_rule(
        self, site: SisSite, rule: str, person: dict[str, str]
    ) -> None:
        (made,) = await site.export(("1", MARA))
        sought = {name: value for name, value in (MARA | person).items() if value}
        await site.give_ids(made, MARA)
        await site.links.forget(["1"])
        await site.export(("1", sought | {"last": "Torres"}), match=[rule])
        await site.export(("1", sought | {"first": "Maren"} if rule != "name_and_birth_date" else sought), match=[rule])
        assert len(await site.people()) == 1
        assert made.target_id

    async def test_somebody_else_with_the_same_id_is_refused(self, site: SisSite) -> None:
        (made,) = await site.export(("1", MARA))
        await site.give_ids(made, MARA)
        stranger = MARA | {"first": "Otto", "last": "Engel", "born": "2011-07-07"}
        (answer,) = await site.export(("2", stranger))
        assert (answer.ok, len(await site.people())) == (False, 1)

    async def test_one_student_of_the_sis_never_belongs_to_two_of_enroll(self, site: SisSite) -> None:
        await site.export(("1", MARA))
        (answer,) = await site.export(("2", MARA))
        assert [one.code for one in answer.problems] == ["student.linked"]
        assert len(await site.people()) == 1

    @pytest.mark.parametrize("person", [MARA | ROSA, {**MARA, "student_id": "", "state_id": ""}])
    async def test_a_creation_whose_answer_was_lost_is_looked_up_before_it_is_tried_again(
        self, site: SisSite, person: dict[str, str]
    ) -> None:
        sought = {name: value for name, value in person.items() if value}
        site.fault(site.student_path, close=True, after=True, times=1)
        with pytest.raises(Unavailable):
            await site.export(("1", sought), ("2", IVO), match=["state_id"])
        answers = await site.export(("1", sought), ("2", IVO), match=["state_id"])
        assert all(one.ok and not one.partial for one in answers), answers
        assert sorted(one["first"] for one in await site.people()) == ["Ivo", "Mara"]

    async def test_a_run_that_is_cut_off_after_a_creation_finds_it_and_tells_of_it_as_its_own(
        self, site: SisSite
    ) -> None:
        person = {name: value for name, value in (MARA | ROSA).items() if name not in ("student_id", "state_id")}
        (made,) = await site.export(("1", person))
        (again,) = await site.again(("1", person))
        assert (again.ok, again.partial, again.status, again.target_id) == (True, False, "created", made.target_id)
        (later,) = await site.export(("1", person))
        assert later.status == "unchanged"
        ((one),) = await site.people()
        assert one["contacts"] == ["Rosa"]

    async def test_a_run_that_is_cut_off_before_the_contact_adds_it_and_has_created_the_student(
        self, site: SisSite
    ) -> None:
        (made,) = await site.export(("1", MARA))
        (again,) = await site.again(("1", MARA | ROSA))
        assert (again.ok, again.partial, again.status, again.target_id) == (True, False, "created", made.target_id)
        (one,) = await site.people()
        assert one["contacts"] == ["Rosa"]

    async def test_a_creation_that_went_through_is_linked_to_its_own_student(self, site: SisSite) -> None:
        """By whoever takes it up: several of them, and nothing is left to send."""
        people = [("1", MARA), ("2", IVO), ("3", JUN)]
        await site.export(*people)
        await site.links.forget(["1", "2", "3"])
        await site.links.begin(["1", "2", "3"])
        target = site.target()
        changes = [
            Change(f"7{student}", Action.CREATE, 2, site.values(student, person), {}, None, "d", "m")
            for student, person in people
        ]
        answers = await target.apply(ChangeBatch("b", changes))
        await target.aclose()
        assert [(one.ok, one.partial, one.status) for one in answers] == [(True, False, "created")] * 3
        assert {one: link.sis for one, link in (await site.links.known(["1", "2", "3"])).items()} == {
            one.key[1:]: one.target_id for one in answers
        }
        assert len(await site.people()) == 3

    async def test_somebody_else_who_came_meanwhile_by_the_same_id_is_not_taken_for_who_was_to_be_created(
        self, site: SisSite
    ) -> None:
        site.fault(site.student_path, close=True, times=1)
        with pytest.raises(Unavailable):
            await site.export(("1", MARA))
        stranger = {**IVO, "student_id": MARA["student_id"]}
        (made,) = await site.export(("2", stranger))
        await site.give_ids(made, stranger)
        target = site.target()
        change = Change("71", Action.CREATE, 2, site.values("1", MARA), {}, None, "d", "m")
        (answer,) = await target.apply(ChangeBatch("b", [change]))
        await target.aclose()
        assert (answer.ok, len(answer.problems)) == (False, 1)
        assert [one["first"] for one in await site.people()] == ["Ivo"]

    async def test_a_creation_that_never_arrived_is_made_the_second_time(self, site: SisSite) -> None:
        site.fault(site.student_path, close=True, times=1)
        with pytest.raises(Unavailable):
            await site.export(("1", MARA))
        (answer,) = await site.export(("1", MARA))
        assert (answer.ok, len(await site.people())) == (True, 1)

    async def test_a_contact_whose_answer_was_lost_is_not_made_twice(self, site: SisSite) -> None:
        site.fault(site.contact_path, close=True, after=True, times=1)
        with pytest.raises(Unavailable):
            await site.export(("1", MARA | ROSA))
        (answer,) = await site.export(("1", MARA | ROSA))
        assert answer.ok
        assert [one["contacts"] for one in await site.people()] == [["Rosa"]]

    async def test_a_contact_without_a_last_name_is_told_and_the_student_saved(self, site: SisSite) -> None:
        nameless = {name: value for name, value in ROSA.items() if name != "contact_last"}
        (answer,) = await site.export(("1", MARA | nameless))
        assert (answer.ok, answer.partial, [one.code for one in answer.problems]) == (
            True,
            True,
            ["contact.no_last_name"],
        )
        assert [one["contacts"] for one in await site.people()] == [[]]

    async def test_a_call_that_is_refused_once_a_student_is_saved_is_told_of_this_student(self, site: SisSite) -> None:
        """And the student counts as created by the run that has done it."""
        site.fault(site.contacts_path, status=400, times=1)
        answers = await site.export(("1", MARA | ROSA), ("2", IVO | ROSA))
        assert [(one.ok, one.partial, one.status) for one in answers] == [
            (True, True, "created"),
            (True, False, "created"),
        ]
        assert [one.code for one in answers[0].problems] == ["sis.refused"]
        assert sorted(one["first"] for one in await site.people()) == ["Ivo", "Mara"]
        (again,) = await site.export(("1", MARA | ROSA))
        assert (again.ok, again.partial, again.status) == (True, False, "updated")
        assert {one["first"]: one["contacts"] for one in await site.people()} == {"Mara": ["Rosa"], "Ivo": ["Rosa"]}

    async def test_a_sis_that_refuses_from_the_start_is_an_error_of_the_whole_call(self, site: SisSite) -> None:
        site.fault(site.student_path, status=403)
        with pytest.raises(Permanent):
            await site.export(("1", MARA), ("2", IVO))
        assert await site.people() == []

    async def test_a_bad_record_hurts_only_itself(self, site: SisSite) -> None:
        long = {**IVO, "last": "x" * 300}
        answers = await site.export(("1", MARA), ("2", long), ("3", JUN))
        assert [one.ok for one in answers] == [True, False, True]
        assert answers[1].problems
        assert len(await site.people()) == 2

    async def test_a_field_dropped_in_silence_is_found_by_reading_back(self, site: SisSite) -> None:
        await site.make(drops=True)
        (answer,) = await site.export(("1", MARA))
        assert (answer.ok, answer.partial) == (True, True), answer
        assert [(one.code, one.field) for one in answer.problems] == [
            ("sis.field_dropped", site.fields[site.droppable])
        ]

    async def test_throttled_is_waited_out(self, site: SisSite) -> None:
        site.fault(site.student_path, status=429, retry_after=1, times=1)
        (answer,) = await site.export(("1", MARA))
        assert (answer.ok, len(await site.people())) == (True, 1)

    async def test_a_sis_that_is_away_is_told_and_nothing_is_lost(self, site: SisSite) -> None:
        site.fault(site.student_path, status=503)
        with pytest.raises((Unavailable, Throttled)):
            await site.export(("1", MARA))
        site.world.faults.replace([])
        (answer,) = await site.export(("1", MARA))
        assert (answer.ok, len(await site.people())) == (True, 1)

    async def test_many_at_once_are_each_made_once(self, site: SisSite) -> None:
        people = [
            (str(number), {**MARA, "student_id": f"6{number:04}", "first": f"Mara{number}"}) for number in range(60)
        ]
        for _, person in people:
            del person["state_id"]
        parts: list[Sequence[tuple[str, dict[str, str]]]] = [people[at : at + 20] for at in range(0, 60, 20)]
        answers = await asyncio.gather(*(site.export(*part) for part in parts))
        assert all(one.ok for part in answers for one in part)
        assert len({one["first"] for one in await site.people()}) == len(await site.people()) == 60
