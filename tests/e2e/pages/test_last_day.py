"""PowerSchool takes no new student without the last day of school: said before, and where an export failed for it."""

from pathlib import Path

from devtools.district import EXPORTER, District, ok
from devtools.sis_districts import PowerSchoolDistrict, enrolled
from devtools.stack import Stack
from tests.e2e.pages.visitor import Visitor, words

STEP = "Give the last day of school, without which PowerSchool takes no new student"
EXIT = {"type": "direct", "target": "school_enrollment.exit_date", "source": {"value": "2100-05-28"}}


async def test_it_is_said_before_and_the_cure_is_the_connection(stack: Stack, org: str, tmp_path: Path) -> None:
    async with District(stack, org, permissions=EXPORTER) as district, Visitor(district) as visitor:
        sis = PowerSchoolDistrict(district)
        await sis.make()
        await district.register(await enrolled(district, tmp_path, 2))
        connection = await sis.connect(exports={"end_date": ""})
        place = f"/connections/{connection}"
        fields = f"{place}/mappings/export/students/fields"

        page = await visitor.get(place)
        assert f'<a href="{place}/export-rules">{STEP}</a>' in page.text
        assert "Last day of school (needed for new students)" in await words(visitor, f"{place}/export-rules")
        mapped = await words(visitor, fields)
        assert "4 of 5 required fields mapped ; not yet: Exit Date" in mapped
        assert "give the last day of school under the connection's Export rules" in mapped

        run = await district.watch((await district.export(connection))["id"])
        assert (run["state"], run["counts"]["invalid"]) == ("failed", 2)
        told = await words(visitor, f"/runs/{run['id']}")
        for one in (told, (await visitor.get(f"/runs/{run['id']}/records.csv")).text):
            assert "The SIS has no such student yet, and none can be created there without Exit Date" in one
            assert "under Export rules, Last day of school; or map Exit Date" in one
            assert "Fill it in the source" not in one

        await sis.map(connection, [*sis.mapping, EXIT])
        assert STEP not in (await visitor.get(place)).text
        assert "5 of 5 required fields mapped" in await words(visitor, fields)
        await sis.map(connection, sis.mapping)
        assert STEP in (await visitor.get(place)).text
        rules = {"start_date": "2099-08-10", "end_date": "2100-05-28"}
        ok(await district.api.patch(place, json={"exports": rules}))
        assert STEP not in (await visitor.get(place)).text
        assert "4 of 4 required fields mapped" in await words(visitor, fields)
        again = await district.watch((await district.export(connection))["id"])
        assert (again["state"], again["counts"]["created"]) == ("succeeded", 2)
