"""A page whose address asks for what there is not leads to the page without it, and says so."""

from pathlib import Path
from typing import Final

from devtools.district import District
from services.gateway.pages.words import LED_BACK, MESSAGES
from tests.e2e.pages.visitor import Visitor
from tests.faults.helpers import students

ASTRAY: Final = {
    "/runs?before=nonsense": "/runs?",
    "/runs?state=Failed": "/runs?",
    "/runs?name=a%00": "/runs?",
    "/charts?name=" + "k" * 101: "/charts?",
    "/runs/{run}?outcome=nonsense": "/runs/{run}?",
    "/runs/{run}?outcome=Failed&action=nonsense&after=0000000007": "/runs/{run}?outcome=Failed&",
    "/runs/{run}?after=nonsense": "/runs/{run}?",
    "/runs/{run}?code=" + "k" * 301: "/runs/{run}?",
    "/runs/{run}?key=S-1&outcome=Failed": "/runs/{run}?outcome=Failed&",
    "/explain?key=S-1&data_type=nonsense": "/explain?key=S-1&",
    "/explain?direction=sideways": "/explain?",
    "/failed-messages?state=nonsense": "/failed-messages?",
    "/charts?days=5&said=saved": "/charts?",
    "/connections/new?kind=nonsense&name=A": "/connections/new?name=A&",
    "/connections/{connection}/mappings/import/students/fields?x=1&mapping=mine": (
        "/connections/{connection}/mappings/import/students/fields?mapping=mine&"
    ),
}
FINE: Final = (
    "/runs?connection=&said=nonsense",
    "/runs/{run}?outcome=&action=&code=",
    "/runs/{run}?outcome=Pending&action=create&after=0000000007",
    "/runs/{run}/records.csv?outcome=",
    "/explain?key=S-1&data_type=students&direction=import",
    "/connections/new?kind=sftp&name=A&instance=production",
    "/connections/new/sftp?name=A&instance=production&agree=1",
    "/connections/{connection}/mappings/import/students/fields?q=name&mapping=mine",
)


async def test_what_there_is_not_is_left_out_and_told(visitor: Visitor, district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc()
    run = (await district.upload(connection, students(tmp_path, 5), preview=True))["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))
    names = {"connection": connection, "run": run}
    for asked, left in ASTRAY.items():
        answer = await visitor.get(asked.format(**names))
        assert (answer.status_code, answer.headers.get("location")) == (
            303,
            left.format(**names) + f"said={LED_BACK}",
        ), asked
    there = await visitor.get(f"/runs/{run}?said={LED_BACK}")
    assert (there.status_code, MESSAGES[LED_BACK] in there.text) == (200, True)
    for asked in FINE:
        assert (await visitor.get(asked.format(**names))).status_code == 200, asked
    file = await visitor.get(f"/runs/{run}/records.csv?outcome=nonsense")
    assert (file.status_code, "outcome: Input should be" in file.text) == (422, True)


async def test_a_form_that_is_sent_to_such_an_address_is_refused(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    answer = await visitor.post(f"/connections/{connection}/delete?sure=1", sure="1")
    assert (answer.status_code, "no parameter of this name: sure." in answer.text) == (422, True)
    assert (await district.api.get(f"/connections/{connection}")).status_code == 200
