"""Enable Export of a SIS sends registrations as soon as they are approved: that is said before, and while it is on."""

import re

from devtools.district import EXPORTER, District, ok
from devtools.sis_districts import PowerSchoolDistrict
from devtools.stack import Stack
from tests.e2e.pages.visitor import Visitor, words

CARDS = (
    "Enable Export of a connection to a SIS: from then on each registration is exported at once when it is approved "
    "in Enroll."
)


async def test_it_is_said_beside_the_switch_and_on_the_card(stack: Stack, org: str) -> None:
    async with District(stack, org, permissions=EXPORTER) as district, Visitor(district) as visitor:
        sis = PowerSchoolDistrict(district)
        await sis.make()
        connection = await sis.connect()
        place = f"/connections/{connection}"

        before = await words(visitor, place)
        assert "Export By hand" in before
        assert (
            "Once this is on, each registration that is approved in Enroll, for the schools of this connection,"
            in before
        )
        assert CARDS in await words(visitor, "/")

        switched = await visitor.led(f"{place}/switch", direction="export", on="1", back="1")
        assert "Each registration that is approved in Enroll from now on is exported at once." in switched.text
        after = await words(visitor, place)
        at_once = f"Export At once, whenever a registration is approved in Enroll, under the name of {district.user}"
        assert at_once in after
        assert "Once this is on" not in after
        card = await words(visitor, "/")
        assert ("Next run Export at once, whenever a registration is approved" in card, CARDS in card) == (True, False)

        await visitor.led(f"{place}/schedule/export", **SCHEDULE)
        assert f"{at_once}. Besides, daily at 02:00" in await words(visitor, place)
        assert re.search(r"whenever a registration is approved Export \d+ \w+ \d{4}", await words(visitor, "/"))
        off = await visitor.led(f"{place}/switch", direction="export", on="0", back="1")
        assert "Switched off." in off.text
        assert "Export Daily at 02:00, America/Denver. It waits for Enable Export" in await words(visitor, place)


async def test_it_stays_off_where_nothing_is_mapped_for_each_approval_would_be_lost(stack: Stack, org: str) -> None:
    async with District(stack, org, permissions=EXPORTER) as district, Visitor(district) as visitor:
        sis = PowerSchoolDistrict(district)
        await sis.make()
        about = {"kind": "powerschool", "powerschool": {"base_url": sis.url}, "secrets": sis.login}
        connection = ok(await district.api.post("/connections", json={"name": "SIS", **about})).json()["id"]
        place = f"/connections/{connection}"

        answer = await visitor.post(f"{place}/switch", direction="export", on="1", back="1")

        assert (answer.status_code, "Enable Export stays off: no export is mapped yet" in answer.text) == (422, True)
        refused = await district.api.patch(place, json={"enable_export": True})
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "export.not_mapped")
        assert not ok(await district.api.get(place)).json()["enable_export"]
        await sis.map(connection, sis.mapping)
        assert ok(await district.api.patch(place, json={"enable_export": True})).json()["enable_export"]


async def test_where_an_approval_starts_nothing_nothing_is_said_of_it(visitor: Visitor, district: District) -> None:
    place = f"/connections/{await district.sftp()}"
    assert "at once" not in await words(visitor, place)
    assert "at once" not in await words(visitor, "/")
    assert "Switched on." in (await visitor.led(f"{place}/switch", direction="export", on="1", back="1")).text
    assert "Export By hand" in await words(visitor, place)


async def test_help_says_it_too(visitor: Visitor) -> None:
    assert "each registration that is approved in Enroll for the schools of the connection" in (
        await words(visitor, "/help")
    )


SCHEDULE = {"data_type": "students", "school_year": "2026", "time": "02:00", "zone": "America/Denver"}
