"""The Enroll adapter against the simulated Enroll and its faults."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import orjson
import pytest

from services.sandbox.faults import FaultRule
from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import OrganizationPatch, OrganizationSpec, World
from shared.adapters.enroll import EnrollDirectory, EnrollTarget, enroll_client
from shared.model.codes import Code
from shared.model.errors import BadSettings, Conflict, NotFound, Refused, SyncError, Throttled, Unavailable
from shared.model.record import Action, Change, Sought
from tests.integration.conformance.target_suite import NAME, batch, create
from tests.integration.enroll_runs import KEY, make_run

ODD_USERS = ["ann@x.org", "a?b#c d%41é", "..", ".", "a;b&c=d"]


@dataclass
class Site:
    world: World
    http: httpx.AsyncClient
    address: str

    def fault(self, **rule: Any) -> None:
        self.world.faults.replace([FaultRule(**rule)])

    def target(self, **run: Any) -> EnrollTarget:
        return EnrollTarget(self.http, make_run(**run), KEY)

    @property
    def directory(self) -> EnrollDirectory:
        return EnrollDirectory(self.http)

    @property
    def counts(self) -> dict[str, int]:
        return self.world.organization("o-1").stats()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    users = {"u-1": ("Sync Service Full Access",), "permissions": ("wrong",), **{user: (user,) for user in ODD_USERS}}
    spec = OrganizationSpec(users=users)
    world = World("token", organizations={"o-1": spec, "o 2?é%": spec})
    async with (
        serving(create_app(world), bind("127.0.0.1", 0)) as address,
        enroll_client(address, "token") as http,
    ):
        yield Site(world, http, address)


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 408}, {"status": 520}, {"close": True}])
async def test_a_call_that_failed_is_tried_again(site: Site, fault: dict[str, Any]) -> None:
    site.fault(path="batch-upsert", times=2, **fault)
    (answer,) = await site.target().apply(batch(create("1")))
    assert answer.status == "created"
    assert site.counts["created"] == 1


@pytest.mark.parametrize("fault", [{"status": 503}, {"close": True}])
async def test_in_the_end_it_is_given_up(site: Site, fault: dict[str, Any]) -> None:
    site.fault(path="batch-upsert", **fault)
    with pytest.raises(Unavailable) as caught:
        await site.target().apply(batch(create("1")))
    assert caught.value.code == "enroll.unavailable"
    assert site.address not in str(caught.value)
    assert site.counts["students"] == 0


async def test_an_answer_that_was_lost_on_the_way_has_one_effect(site: Site) -> None:
    site.fault(path="batch-upsert", close=True, after=True, times=1)
    (answer,) = await site.target().apply(batch(create("1")))
    assert answer.status == "created"
    assert (site.counts["created"], site.counts["replayed"], site.counts["most_writes"]) == (1, 1, 1)


async def test_nobody_there() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
    async with enroll_client(f"http://127.0.0.1:{port}", "s3cret") as http:
        with pytest.raises(Unavailable) as caught:
            await EnrollDirectory(http).settings("o-1")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(("given", "expected"), [(7, 7), (0.5, 0.5), (None, 1)])
async def test_throttling_says_when_to_come_back(site: Site, given: float | None, expected: float) -> None:
    site.fault(status=429, retry_after=given)
    with pytest.raises(Throttled) as caught:
        await site.target().apply(batch(create("1")))
    assert caught.value.retry_after == expected


async def test_a_wrong_token_is_a_matter_of_settings(site: Site) -> None:
    async with enroll_client(site.address, "wr0ng") as http:
        with pytest.raises(BadSettings) as caught:
            await EnrollDirectory(http).permissions("o-1", "u-1")
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "error", "code", "kind"),
    [
        (409, "in_progress", "enroll.in_progress", Throttled),
        (409, "stale_sequence", "enroll.stale", Conflict),
        (422, "registration_off", "export.registration_off", Refused),
        (403, "forbidden", "enroll.token_refused", BadSettings),
        (404, "unknown", "enroll.not_found", NotFound),
    ],
)
async def test_what_enroll_says_of_the_whole_call_is_told_by_its_own_error(
    site: Site, status: int, error: str, code: str, kind: type[SyncError]
) -> None:
    body = orjson.dumps({"error": {"code": error, "message": "Mara Torres is held"}})
    site.fault(status=status, body=body.decode(), content_type="application/json", retry_after=4)
    with pytest.raises(kind) as caught:
        await site.target().apply(batch(create("1")))
    assert caught.value.code == code
    assert "Mara" not in str(caught.value), "what Enroll says may be about a person"
    if isinstance(caught.value, Throttled):
        assert caught.value.retry_after == 4


async def test_codes_of_fields_have_their_labels(site: Site) -> None:
    codes = await site.directory.field_codes("o-1")
    assert Code(code="0", label="Kindergarten") in codes["grades"]
    assert codes["schools"] == ()
    with pytest.raises(NotFound):
        await site.directory.field_codes("nobody")


async def test_an_overtaken_run_is_refused(site: Site) -> None:
    await site.target(number=2).apply(batch(create("1")))
    with pytest.raises(Conflict):
        await site.target(number=1).apply(batch(create("2")))
    assert site.counts["students"] == 1


async def test_a_year_that_is_switched_off(site: Site) -> None:
    site.world.patch("o-1", OrganizationPatch(sync_import_years=()))
    with pytest.raises(Refused) as caught:
        await site.target().apply(batch(create("1")))
    assert caught.value.code == "import.year_off"


@pytest.mark.parametrize("body", ["<html>We will be back soon.</html>", "", "[]", '{"other": 1}', '{"results": 3}'])
async def test_an_answer_that_is_none_is_no_answer(site: Site, body: str) -> None:
    site.fault(status=200, body=body)
    with pytest.raises(Unavailable):
        await site.target().apply(batch(create("1")))
    with pytest.raises(Unavailable):
        await site.target().look_up([Sought("1")], [])


async def test_answers_about_other_records_are_no_answer(site: Site) -> None:
    site.fault(status=200, body='{"results": []}', content_type="application/json")
    with pytest.raises(Unavailable):
        await site.target().apply(batch(create("1")))


async def test_a_refused_call_fails_its_records_with_the_reason(site: Site) -> None:
    sent = [create(str(number)) for number in range(501)]
    answers = await site.target().apply(batch(*sent))
    assert len(answers) == 501
    assert {one.problems[0].code for one in answers} == {"enroll.too_many"}
    assert not any(one.ok for one in answers)


async def test_records_fail_one_by_one(site: Site) -> None:
    site.fault(reject_fields={"student_annual.city": "Not this city."})
    answers = await site.target().apply(batch(create("1"), create("2", **{"student_annual.city": "Mesa"})))
    assert [one.status for one in answers] == ["created", "failed"]
    (problem,) = answers[1].problems
    assert (problem.field, problem.message) == ("student_annual.city", "Not this city.")


async def test_a_student_that_was_deleted_in_enroll_is_unknown(site: Site) -> None:
    gone = Change("1", Action.MISSING, 0, {"students.sis_missing": 1}, {"students.sis_missing": 0}, "999", "d", "m")
    (answer,) = await site.target().apply(batch(gone))
    assert not answer.ok
    assert [one.code for one in answer.problems] == ["student.unknown"]


async def test_what_is_removed_and_what_is_saved_go_out_in_one_batch_and_are_answered_in_order(site: Site) -> None:
    target = site.target()
    made = (await target.apply(batch(create("1"), create("2"))))[0]
    gone = Change("1", Action.REMOVE, 2, create("1").values, {}, made.target_id, "", "")
    wrong = replace(gone, values={**gone.values, NAME: "Maren"})
    assert [[one.code for one in found] for found in await target.check([create("3"), wrong, gone])] == [
        [],
        ["record.changed"],
        [],
    ]
    both = batch(create("3"), gone)
    first = await target.apply(both)
    assert [(one.key, one.status) for one in first] == [("3", "created"), ("1", "removed")]
    assert await target.apply(both) == first, "the same batch again has no further effect"
    assert site.counts["students"] == 2


async def test_the_directory(site: Site) -> None:
    assert await site.directory.permissions("o-1", "u-1") == {"Sync Service Full Access"}
    assert await site.directory.permissions("o-1", "nobody") == frozenset()
    assert await site.directory.permissions("nowhere", "u-1") == frozenset()
    found = await site.directory.settings("o-1")
    assert (found.current_school_year, found.import_years, found.registration_module) == (2026, frozenset({2026}), True)
    with pytest.raises(NotFound):
        await site.directory.settings("nowhere")


@pytest.mark.parametrize("user", ODD_USERS)
async def test_odd_ids_are_themselves_and_nothing_else(site: Site, user: str) -> None:
    assert await site.directory.permissions("o-1", user) == {user}
    assert await site.directory.permissions("o 2?é%", "u-1") == {"Sync Service Full Access"}


@pytest.mark.parametrize("org", ["", "..", "o-1/users/u-1", "../organizations/o-1", "o-1?x=", "o-1#", "%6f-1"])
async def test_no_id_leads_to_another_organization(site: Site, org: str) -> None:
    with pytest.raises(NotFound):
        await site.directory.settings(org)
