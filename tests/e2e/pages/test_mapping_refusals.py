"""What the forms of mappings cannot use: each says what to do, keeps what was typed, and saves nothing."""

from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import pytest

from devtools.district import District, ok
from shared.model.error_texts import every_text
from tests.e2e.pages.visitor import Visitor
from tests.sent import Sent


def words(code: str) -> str:
    return every_text()[code].message.partition("{")[0].strip()


async def taken_up(visitor: Visitor, address: str, content: bytes) -> httpx.Response:
    files = {"file": ("mapping.json", content, "application/json")}
    headers = visitor._headers()
    return await visitor.http.post(address, data={"csrf": await visitor.csrf()}, files=files, headers=headers)


async def test_a_row_that_is_gone_is_told_of(visitor: Visitor, district: District) -> None:
    home = f"/connections/{await district.ad_hoc()}/mappings"
    for place in (f"{home}/import/students/row?place=students.gone", f"{home}/export/students/row?place=7.1"):
        page = await visitor.get(place)
        assert (page.status_code, words("draft.no_row") in page.text) == (409, True), place


@pytest.mark.parametrize("year", ["1999", "2101", "", "two thousand"])
async def test_a_school_year_that_is_none(visitor: Visitor, district: District, year: str) -> None:
    connection = await district.ad_hoc()
    address = f"/connections/{connection}/mappings/import/students/configure"

    page = await visitor.post(address, school_year=year)

    assert (page.status_code, words("draft.no_year") in page.text) == (422, True)
    held = ok(await district.api.get(f"/connections/{connection}/drafts/import/students")).json()
    assert held["examples"]["school_year"] == 2026


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ({"name": "", "lines": "5\tW"}, "code_table.no_name"),
        ({"name": "   ", "lines": "5\tW"}, "code_table.no_name"),
        ({"name": "Race", "lines": "5\tW\n" + "k" * 201 + "\tA"}, "code_table.incomplete"),
    ],
)
async def test_a_table_of_codes_that_cannot_be_kept(
    visitor: Visitor, district: District, typed: Mapping[str, str], code: str
) -> None:
    connection = await district.ad_hoc()

    page = await visitor.post(f"/connections/{connection}/mappings/codes/edit", do="save", **typed)

    assert (page.status_code, words(code) in page.text) == (422, True)
    form = Sent(page.text).form
    assert (form["p/0/sis"], form["p/0/enroll"]) == ("5", "W"), "what was typed stays"
    assert ok(await district.api.get(f"/connections/{connection}/code-tables")).json() == []


@pytest.mark.parametrize("place", ["x", "²", "-1", "9" * 5000, ""])
async def test_a_row_of_codes_by_a_number_that_is_none_is_no_row(
    visitor: Visitor, district: District, place: str
) -> None:
    connection = await district.ad_hoc()
    pairs = {"p/0/sis": "5", "p/0/enroll": "W", f"p/{place}/sis": "9", f"p/{place}/enroll": "A"}

    page = await visitor.post(f"/connections/{connection}/mappings/codes/edit", do="save", name="Race", **pairs)

    assert page.status_code == 303
    (table,) = ok(await district.api.get(f"/connections/{connection}/code-tables")).json()
    assert table["pairs"] == [{"sis": "5", "enroll": "W"}]


async def test_a_file_that_is_no_mapping_of_this_kind_leaves_the_draft_alone(
    visitor: Visitor, district: District
) -> None:
    connection = await district.ad_hoc()
    (saved,) = ok(await district.api.get(f"/connections/{connection}/mappings/students")).json()
    own = ok(await district.api.get(f"/connections/{connection}/mappings/students/{saved['id']}/export")).json()
    address = f"/connections/{connection}/mappings/import/students/versions/import"
    drafts = f"/connections/{connection}/drafts/import/students"
    before = ok(await district.api.get(drafts)).json()

    other = {**own, "mapping": {**own["mapping"], "fields": own["mapping"]["fields"][:-1]}}
    wrong: tuple[Any, ...] = ({**own, "data_type": "programs"}, {"fields": []}, [], {**own, "mapping": {"files": []}})
    for content in (*map(orjson.dumps, wrong), b"no JSON", b"\xff\xfe", b""):
        page = await taken_up(visitor, address, content)
        assert page.status_code == 422, content[:80]
        assert words("draft.no_file") in page.text or words("upload.no_file") in page.text
        assert ok(await district.api.get(drafts)).json() == before

    fine = await taken_up(visitor, address, orjson.dumps(other))
    assert fine.status_code == 303
    assert ok(await district.api.get(drafts)).json()["kept"] is True


async def test_a_part_that_a_connection_does_not_have(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    for part in ("credentials", "export-rules"):
        for answer in (
            await visitor.get(f"/connections/{connection}/{part}"),
            await visitor.post(f"/connections/{connection}/{part}", exports="x"),
        ):
            assert (answer.status_code, words("connection.no_part") in answer.text) == (404, True), part
