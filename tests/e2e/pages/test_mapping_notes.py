"""What the mapping screens say before anything is wrong: of an export without files, of columns nobody can check."""

from collections.abc import AsyncIterator

from devtools.district import EXPORTER, District, ok
from devtools.stack import Stack
from tests.e2e.pages.conftest import in_session
from tests.e2e.pages.visitor import Visitor
from tests.sent import Sent


@in_session
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    async with District(stack, org, permissions=EXPORTER) as one:
        yield one


async def test_an_export_without_a_file_says_what_is_missing(visitor: Visitor, district: District) -> None:
    address = f"/connections/{await district.ad_hoc()}/mappings/export/students/fields"
    page = await visitor.get(address)
    for _ in range(2):
        assert "This export has no file yet. Choose New File, and add at least one field to it." in page.text
        page = await visitor.post(address, **Sent(page.text).form, do="save")
        assert page.status_code == 422
        assert "Tuple" not in page.text


async def test_a_column_that_cannot_be_checked_is_told_of(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    address = f"/connections/{connection}/mappings/import/students/fields"
    page = await visitor.get(address)
    configure = address.replace("fields", "configure")
    assert "No examples are chosen, so it could not be checked whether your file has the" in page.text
    assert f'<a href="{configure}">Choose examples under Configure.</a>' in page.text
    assert "not checked</span>" in page.text
    row = await visitor.get(address.replace("fields", "row") + "?place=students.fname")
    assert "to check against whether your file has the columns" in row.text

    drafts = f"/connections/{connection}/drafts/import/students"
    fields = ok(await district.api.get(drafts)).json()["draft"]["fields"]
    read = ok(await district.api.post(drafts + "/look", json={"fields": fields})).json()["unchecked"]
    assert "First Name" in read
    examples = {"school_year": 2026, "columns": read[1:], "rows": [["x"] * len(read[1:])]}
    ok(await district.api.put(drafts + "/examples", json=examples))
    page = await visitor.get(address)
    assert "could not be checked" not in page.text
    assert "not checked</span>" not in page.text
    assert "1 thing to look at: your examples have no such column" in page.text
