"""A page whose address asks for what there is not leads to the page without it, and says so."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from devtools.district import COLLEAGUES, District
from devtools.stack import Stack
from services.gateway.pages.words import LED_BACK, MESSAGES
from tests.e2e.pages.conftest import in_session
from tests.e2e.pages.visitor import Visitor
from tests.faults.helpers import students

TOLD: Final = {
    "/runs?before=nonsense": ["the place in the list"],
    "/runs?state=Failed": ["“State”"],
    "/runs?direction=x&since=yesterday&until=x&data_type=x": ["“What”", "“Data type”", "“From”", "“To”"],
    "/runs?name=a%00": ["“Connection”"],
    "/charts?name=" + "k" * 101: ["“Connection”"],
    "/runs/{run}?outcome=nonsense&key=S-1": ["“Outcome”"],
    "/runs/{run}?outcome=Failed&action=nonsense&after=0000000007": ["“What”"],
    "/runs/{run}?after=nonsense": ["the place in the list"],
    "/runs/{run}?code=" + "k" * 301: ["“Cause”"],
    "/runs/{run}?field=" + "k" * 301: ["“Field”"],
    "/explain?key=S-1&data_type=nonsense": ["“Data type”"],
    "/explain?direction=sideways": ["“Which way”"],
    "/failed-messages?state=nonsense&reason=" + "k" * 301: ["“Reason”", "“State”"],
    "/connections/new?kind=nonsense&name=A": ["“Kind of connection”"],
    "/?search=" + "k" * 101: ["“Name”"],
    "/connections/{connection}/mappings/import/students/fields?mapping=" + "k" * 101: ["the name of the mapping"],
}
"""What is said to have been left out, each as the page calls it."""
LATER: Final = {"“Cause”", "“Field”", "“Name”"}
"""What stands on the page only where there is something to filter by."""
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
    "/audit?before=nonsense&actor=u-1": "/audit?actor=u-1&",
    "/audit?allowed=perhaps": "/audit?",
    "/connections/new?kind=nonsense&name=A": "/connections/new?name=A&",
    "/connections/{connection}/mappings/import/students/fields?x=1&mapping=mine": (
        "/connections/{connection}/mappings/import/students/fields?mapping=mine&"
    ),
}
FINE: Final = (
    "/runs?connection=&said=nonsense",
    "/audit?actor=&deed=&allowed=",
    "/audit?actor=u-1&deed=view&allowed=true",
    "/runs/{run}?outcome=&action=&code=",
    "/runs/{run}?outcome=Pending&action=create&after=0000000007",
    "/runs/{run}/records.csv?outcome=",
    "/explain?key=S-1&data_type=students&direction=import",
    "/connections/new?kind=sftp&name=A&instance=production",
    "/connections/new/sftp?name=A&instance=production&agree=1",
    "/connections/{connection}/mappings/import/students/fields?q=name&mapping=mine",
)


@in_session
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    """Somebody who sees every page."""
    async with District(stack, org, permissions=COLLEAGUES["u-operator"]) as one:
        yield one


async def test_what_there_is_not_is_left_out_and_told(visitor: Visitor, district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc()
    run = (await district.upload(connection, students(tmp_path, 5), preview=True))["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))
    names = {"connection": connection, "run": run}
    for asked, left in ASTRAY.items():
        answer = await visitor.get(asked.format(**names))
        address, _, message = answer.headers.get("location", "").rpartition("said=")
        assert (answer.status_code, address) == (303, left.format(**names)), asked
        assert message.partition(".")[0] == LED_BACK
    for asked, parts in TOLD.items():
        answer = await visitor.get(asked.format(**names))
        while answer.is_redirect:
            answer = await visitor.get(answer.headers["location"])
        page = answer.text
        assert f"was left out: {', '.join(parts)}. Nothing is lost." in page, asked
        assert 'class="note ask"' in page
        for label in {part.strip("“”") for part in {*parts} - LATER if "“" in part}:
            assert re.search(rf"<(label|legend)[^>]*>{label}<", page), (asked, label)
    there = await visitor.get(f"/runs/{run}?said={LED_BACK}")
    assert (there.status_code, MESSAGES[LED_BACK] in there.text) == (200, True)
    page = (await visitor.get(f"/runs?said={LED_BACK}.outcome.%3Cb%3EMara.1")).text
    assert (MESSAGES[LED_BACK] in page, "Mara" in page) == (True, False), "nothing is repeated that the page has not"
    for asked in FINE:
        assert (await visitor.get(asked.format(**names))).status_code == 200, asked
    file = await visitor.get(f"/runs/{run}/records.csv?outcome=nonsense")
    assert (file.status_code, "outcome: Input should be" in file.text) == (422, True)


async def test_a_form_that_is_sent_to_such_an_address_is_refused(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    answer = await visitor.post(f"/connections/{connection}/delete?sure=1", sure="1")
    assert (answer.status_code, "no parameter of this name: sure." in answer.text) == (422, True)
    assert (await district.api.get(f"/connections/{connection}")).status_code == 200
