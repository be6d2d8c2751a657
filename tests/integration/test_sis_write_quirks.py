"""What is peculiar to writing into each SIS. Every test is named after the quirk (SIS facts, 1.15, 2.11, 3.10)."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest

from shared.adapters.aeries.server import Certificate
from shared.adapters.aeries.target import AeriesTarget
from shared.adapters.powerschool.target import PowerSchoolTarget
from shared.adapters.sis_http import ClientCredentials, SisHttp
from shared.model.catalog import sis_catalog
from shared.model.export_rules import ExportRules
from shared.model.kind_settings import AeriesSettings, PowerSchoolSettings
from shared.model.record import Action, Change, ChangeBatch, Values
from shared.security.trust import trusted
from shared.store.database import Store
from tests.integration.api_site import GOOD, Beat
from tests.integration.conformance.sis_target_suite import IVO, MARA, ROSA, SisSite
from tests.integration.conformance.test_sis_targets import AeriesSite, PowerSchoolSite, SkywardSite, opened
from tests.integration.store_site import store as store


@pytest.fixture
async def powerschool(store: Store) -> AsyncIterator[PowerSchoolSite]:
    async for one in opened(PowerSchoolSite, store):
        assert isinstance(one, PowerSchoolSite)
        yield one


@pytest.fixture
async def aeries(store: Store) -> AsyncIterator[AeriesSite]:
    async for one in opened(AeriesSite, store):
        assert isinstance(one, AeriesSite)
        yield one


@pytest.fixture
async def skyward(store: Store) -> AsyncIterator[SkywardSite]:
    async for one in opened(SkywardSite, store):
        assert isinstance(one, SkywardSite)
        yield one


async def held(site: SisSite, kind: str) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
        found: dict[str, Any] = (await client.get(f"{site.url}/sandbox/{kind}/d")).raise_for_status().json()
        return found


async def put(site: SisSite, kind: str, **spec: Any) -> None:
    async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
        (await client.put(f"{site.url}/sandbox/{kind}/d", json={"students": 0, **spec})).raise_for_status()


def create(site: SisSite, student: str, person: dict[str, str], **more: Any) -> Change:
    values: Values = {**site.values(student, person), **more}
    return Change(f"7{student}", Action.CREATE, 2, values, {}, None, "d", "m")


async def test_powerschool_results_come_in_any_order_and_are_matched_by_client_uid_as_text(
    powerschool: PowerSchoolSite,
) -> None:
    answers = await powerschool.export(("1", MARA), ("2", {**IVO, "last": "x" * 60}))
    assert [(one.key, one.ok) for one in answers] == [("71", True), ("72", False)]
    assert answers[1].problems[0].field == "name.last_name"  # without "student/" before it


async def test_powerschool_record_that_the_answer_leaves_out_is_looked_up_the_next_time(
    powerschool: PowerSchoolSite,
) -> None:
    await put(powerschool, "powerschool", unanswered=["72"])
    answers = await powerschool.export(("1", MARA), ("2", IVO))
    assert [one.ok for one in answers] == [True, False]
    assert [one.code for one in answers[1].problems] == ["sis.no_result"]
    again = await powerschool.export(("1", MARA), ("2", IVO))
    assert all(one.ok for one in again)
    assert len(await powerschool.people()) == 2


async def test_powerschool_school_enrollment_is_never_updated(powerschool: PowerSchoolSite) -> None:
    await powerschool.export(("1", MARA))
    powerschool.more = {"school_enrollment.grade_level": 9}
    (answer,) = await powerschool.export(("1", MARA))
    assert (answer.ok, answer.status) == (True, "unchanged")


async def test_powerschool_address_is_sent_whole_or_not_at_all(powerschool: PowerSchoolSite) -> None:
    place = {"street": "12 Elm St", "city": "Mesa", "state_province": "AZ", "postal_code": "02134"}
    address = {f"addresses.physical.{name}": value for name, value in place.items()}
    target = powerschool.target()
    (made,) = await target.apply(ChangeBatch("b", [create(powerschool, "1", MARA, **address)]))
    assert (made.ok, made.partial) == (True, False), made
    moved = {"addresses.physical.street": "9 Oak St"}
    change = Change("71", Action.UPDATE, 2, {**powerschool.values("1", {}), **moved}, {}, made.target_id, "d", "m")
    (alone,) = await target.apply(ChangeBatch("c", [change]))
    assert not alone.ok  # `decide` sends what goes together, so this does not happen in a run
    await target.aclose()


async def test_powerschool_custom_fields_need_their_table_in_the_address(powerschool: PowerSchoolSite) -> None:
    settings = PowerSchoolSettings(base_url=f"{powerschool.url}/powerschool/d", extension_fields=("u_x.bus",))
    auth = ClientCredentials(f"{settings.base_url}/oauth/access_token", "client", GOOD)
    http = SisHttp(settings.base_url, auth, Beat(), allow_private_addresses=True)
    about = sis_catalog("powerschool", settings.extension_fields)
    target = PowerSchoolTarget(http, settings, ExportRules(), about, None)
    await target.apply(ChangeBatch("b", [create(powerschool, "1", MARA, **{"u_x.bus": "07"})]))
    await target.aclose()
    ((one,),) = [(await held(powerschool, "powerschool"))["students"]]
    (table,) = one["_extension_data"]["_table_extension"]
    assert (table["name"], [(f["name"], f["value"]) for f in table["_field"]]) == ("u_x", [("bus", "07")])


async def test_powerschool_contact_may_be_refused_by_an_answer_of_200(powerschool: PowerSchoolSite) -> None:
    body = '{"status": "ERROR", "error_message": {"error": {"error_description": "no such relationship"}}}'
    powerschool.fault(powerschool.contact_path, body=body, content_type="application/json")
    (answer,) = await powerschool.export(("1", MARA | ROSA))
    assert (answer.ok, answer.partial) == (True, True)
    assert "no such relationship" in answer.problems[0].message


async def test_powerschool_maintenance_page_leaves_nothing_half_told(powerschool: PowerSchoolSite) -> None:
    powerschool.fault(powerschool.student_path, body="<html>PowerSchool page unavailable</html>", times=1)
    with pytest.raises(Exception, match=r"sis\.not_json"):
        await powerschool.export(("1", MARA))
    (answer,) = await powerschool.export(("1", MARA))
    assert (answer.ok, len(await powerschool.people())) == (True, 1)


@pytest.mark.parametrize("kind", ["change", "correction"])
async def test_aeries_addresses_are_a_call_of_their_own_with_kind_and_date(aeries: AeriesSite, kind: str) -> None:
    aeries.more = {"MailingAddress": "12 Elm St"}
    await aeries.export(("1", MARA))
    aeries.more = {"MailingAddress": "9 Oak Ave"}
    aeries.settings = {"address_change": kind}
    (answer,) = await aeries.export(("1", MARA))
    assert (answer.ok, answer.partial) == (True, False), answer
    (one,) = (await held(aeries, "aeries"))["students"]
    assert one["MailingAddress"] == "9 Oak Ave"
    assert one["AddressHistory"] == [{"kind": kind.capitalize(), "from": "2026-08-01"}]


async def test_aeries_read_and_write_names_differ_and_codes_are_padded(aeries: AeriesSite) -> None:
    aeries.more = {"Race1Code": "700", "NextSchool": "101", "HomePhone": "(480) 555-0147"}
    (made,) = await aeries.export(("1", MARA))
    again = await aeries.export(("1", MARA))
    (one,) = (await held(aeries, "aeries"))["students"]
    assert (one["Birthdate"], one["RaceCode1"]) == ("2015-03-09T00:00:00", "700")
    assert (one["NextSchoolCode"], one["HomePhone"]) == (101, "4805550147")
    assert (made.partial, [answer.status for answer in again]) == (False, ["unchanged"])


@pytest.mark.parametrize("verb", ["POST", "PUT"])
async def test_aeries_sites_differ_in_the_verb_that_updates_a_contact(aeries: AeriesSite, verb: str) -> None:
    await put(aeries, "aeries", contact_verb=verb)
    await aeries.export(("1", MARA | ROSA))
    (answer,) = await aeries.export(("1", MARA | ROSA | {"contact_email": "r@example.org"}))
    assert (answer.ok, answer.partial) == (True, False), answer
    (contact,) = (await held(aeries, "aeries"))["contacts"]
    assert (contact["EmailAddress"], contact["CellPhone"]) == ("r@example.org", "4805550147")


async def test_aeries_over_length_values_are_told_with_its_own_words(aeries: AeriesSite) -> None:
    settings = AeriesSettings(base_url=f"{aeries.url}/aeries/d")
    http = SisHttp(settings.base_url, Certificate(GOOD), Beat(), allow_private_addresses=True)
    target = AeriesTarget(http, settings, ExportRules(), sis_catalog("aeries"), date(2026, 8, 1), None)
    (answer,) = await target.apply(ChangeBatch("b", [create(aeries, "1", MARA, Gender="Female")]))
    await target.aclose()
    assert not answer.ok
    assert "Gender is too long" in answer.problems[0].message


@pytest.mark.parametrize(("may", "word", "other"), [("GenderCode", "F", "M"), ("Gender", "Female", "Male")])
async def test_skyward_servers_differ_in_which_field_of_the_gender_may_be_written(
    skyward: SkywardSite, may: str, word: str, other: str
) -> None:
    await put(skyward, "skyward", gender=may)
    for wanted, status in ((word, "created"), (word, "unchanged"), (other, "updated")):
        skyward.more = {"Name.GenderCode": wanted}
        (answer,) = await skyward.export(("1", MARA))
        assert (answer.ok, answer.partial, answer.status) == (True, False, status), answer
        (one,) = (await skyward.held())["students"]
        assert one["Name"][may] == wanted


async def test_skyward_gender_is_sent_as_a_code_where_the_metadata_is_closed(skyward: SkywardSite) -> None:
    skyward.more = {"Name.GenderCode": "F"}
    skyward.fault("/Demographics/Name$", status=403, times=2)  # the second time with a new token
    (answer,) = await skyward.export(("1", MARA))
    assert (answer.ok, answer.partial) == (True, False), answer
