"""The page of a run is light, and leads on to every record."""

import html
import re
from pathlib import Path

from devtools.district import District
from tests.e2e.files import read, roster, write
from tests.e2e.pages.visitor import Visitor

MOST_BYTES = 100_000
ROWS = 120
ROW = re.compile(r'<td class="num"[^>]*>(\d+)</td>\s*<th scope="row"[^>]*>.*\s*<a href="/explain')


async def test_a_first_load_of_many_fields(visitor: Visitor, district: District, tmp_path: Path) -> None:
    rows = read(roster(tmp_path / "plain.csv", ROWS))
    for row in rows:
        row |= dict.fromkeys(("First Name", "Last Name", "Middle Name"), "Mara & Zoë <Söhne> O'Brien-Nguyễn")
    run = (await district.upload(await district.ad_hoc(), write(tmp_path / "wide.csv", rows), preview=True))["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))
    planned = await district.records(run, outcome="Pending", limit=1)
    assert len(planned[0]["changes"]) > 25
    seen, path = [], f"/runs/{run}"
    while path:
        page = await visitor.get(path)
        assert len(page.content) < MOST_BYTES
        seen += [int(one) for one in ROW.findall(page.text)]
        following = re.search(r'href="([^"]+)">Next records', page.text)
        path = html.unescape(following[1]) if following else ""
    assert sorted(seen) == list(range(2, ROWS + 2))
