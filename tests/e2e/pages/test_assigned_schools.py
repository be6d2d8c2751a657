"""The schools a connection is assigned to, by hand: what Enroll does not know is not taken."""

from devtools.district import District, ok
from tests.e2e.enroll import Faults
from tests.e2e.pages.visitor import Visitor

TYPED = "100\n\n 1O1 \n"
"""The second with a letter in place of the zero."""


async def schools(district: District, connection: str) -> list[str]:
    return list(ok(await district.api.get(f"/connections/{connection}")).json()["schools"])


async def test_a_mistyped_code_is_not_taken_and_the_list_says_what_there_is(
    visitor: Visitor, district: District
) -> None:
    connection = await district.ad_hoc()
    await district.open_schools(_100="Mesa Elementary", _101="Alder High")

    page = await visitor.post(f"/connections/{connection}/schools", which="some", schools=TYPED)

    assert page.status_code == 422
    assert "Enroll knows no school with the code 1O1. Correct the code, or import the school" in page.text
    assert 'value="1O1" checked>1O1 (not in Enroll)' in page.text, "what was typed stays"
    assert 'value="100" checked>Mesa Elementary (100)' in page.text
    assert page.text.index("Alder High (101)") < page.text.index("Mesa Elementary (100)"), "by name"
    assert await schools(district, connection) == []


async def test_a_school_that_enroll_has_no_more_is_marked_and_does_not_stand_in_the_way(
    visitor: Visitor, district: District, faults: Faults
) -> None:
    connection = await district.ad_hoc()
    await district.open_schools(_100="Mesa Elementary")
    address = f"/connections/{connection}"
    await faults({"path": "field-codes", "org": district.org, "status": 500})
    ok(await district.api.patch(address, json={"schools": ["gone"]}))
    await faults()

    assert 'value="gone" checked>gone (not in Enroll)' in (await visitor.get(f"{address}/schools")).text
    page = await visitor.led(f"{address}/schools", which="some", schools=["gone", "100"])

    assert "Saved." in page.text
    assert await schools(district, connection) == ["gone", "100"]


async def test_codes_are_saved_while_enroll_cannot_be_asked_and_it_says_so(
    visitor: Visitor, district: District, faults: Faults
) -> None:
    connection = await district.ad_hoc()
    address = f"/connections/{connection}/schools"
    await faults({"path": "field-codes", "org": district.org, "status": 500})

    page = await visitor.get(address)
    assert "Enroll could not be asked for its schools" in page.text
    assert '<textarea id="f-schools"' in page.text
    too_long = await visitor.post(address, which="some", schools="9" * 21)
    assert (too_long.status_code, "9" * 21 in too_long.text) == (422, True)
    page = await visitor.led(address, which="some", schools=TYPED)

    assert "Saved, but the school codes were not compared with Enroll" in page.text
    assert "Saved." not in page.text
    assert await schools(district, connection) == ["100", "1O1"]


async def test_an_enroll_without_schools_says_what_to_do(visitor: Visitor, district: District) -> None:
    address = f"/connections/{await district.ad_hoc()}/schools"

    assert "Enroll has no school with a code yet." in (await visitor.get(address)).text
    refused = await visitor.post(address, which="some", schools=TYPED)

    assert (refused.status_code, "no school with the code 100, 1O1" in refused.text) == (422, True)


async def test_an_older_enroll_that_tells_no_schools(visitor: Visitor, district: District, faults: Faults) -> None:
    address = f"/connections/{await district.ad_hoc()}/schools"
    told = {"body": '{"codes": {"grades": []}}', "content_type": "application/json"}
    await faults({"path": "field-codes", "org": district.org, **told})

    assert "Enroll does not tell its schools." in (await visitor.get(address)).text
    page = await visitor.led(address, which="some", schools=TYPED)

    assert "were not compared with Enroll" in page.text
