"""The audit log as a page: read by who may manage connections, and by nobody else."""

import re

from devtools.district import EXPORTER, District, ok
from devtools.stack import Stack
from services.gateway.pages.auditing import DEEDS
from shared.model.permission import Deed
from tests.e2e.enroll import turn
from tests.e2e.pages.visitor import Visitor

LINK = 'href="/audit"'


def shown(text: str) -> list[str]:
    """The entries, each as its cells in words."""
    body = text.partition('aria-label="Entries"')[2].partition("<tbody")[2]
    rows = body.partition("</table>")[0].split("</tr>")[:-1]
    return [" | ".join(re.sub(r"<[^>]+>|\s+", " ", one).split()) for one in rows]


def test_every_deed_has_words() -> None:
    assert {*Deed} <= DEEDS.keys()


async def test_it_is_found_from_sync_logs_and_says_who_asked_for_what(visitor: Visitor, district: District) -> None:
    id = await district.ad_hoc("Ours")
    await turn(district, users={district.user: list(EXPORTER), "u-2": ["Sync Service Limited Access"]})
    async with Visitor(district, "u-2") as limited:
        assert (await limited.get(f"/connections/{id}/settings")).status_code == 403
        for path in ("/runs", "/help"):
            assert LINK not in (await limited.get(path)).text
        assert (await limited.get("/audit")).status_code == 403
    for path in ("/runs", "/help"):
        assert LINK in (await visitor.get(path)).text

    refused = shown((await visitor.get("/audit", params={"allowed": "false"})).text)
    assert len(refused) == 2
    assert all("u-2 | Manage | a | connection" in one and "Refused" in one for one in refused)
    assert "audit" in refused[0]
    assert "Sync | Service | Full | Access" in refused[0]
    assert id in refused[1].replace(" | ", "")
    by_them = shown((await visitor.get("/audit", params={"actor": " u-2 ", "deed": "view"})).text)
    assert by_them
    assert all("u-2 | Look |" in one and "Allowed" in one for one in by_them)
    assert shown((await visitor.get("/audit", params={"actor": "u-2", "deed": "export"})).text) == []
    assert "No entry fits." in (await visitor.get("/audit", params={"actor": "nobody"})).text


async def test_times_are_those_of_the_connections_as_on_other_pages(visitor: Visitor, district: District) -> None:
    def times(text: str) -> set[str]:
        return set(re.findall(r"\d\d:\d\d ([A-Z]+)", text.partition('aria-label="Entries"')[2]))

    for name in ("Ours", "Ours as well"):
        await district.ad_hoc(name, time_zone="America/Phoenix")
    page = (await visitor.get("/audit")).text
    assert (times(page), "Times are those of America/Phoenix." in page) == ({"MST"}, True)
    await district.ad_hoc("Farther", time_zone="Asia/Tokyo")
    page = (await visitor.get("/audit")).text
    assert (times(page), "Times are those of UTC." in page) == ({"UTC"}, True)


async def test_it_goes_on_behind_a_full_page_and_keeps_its_filter(visitor: Visitor, district: District) -> None:
    for _ in range(55):
        ok(await district.api.get("/switches"))
    first = (await visitor.get("/audit", params={"deed": "view", "allowed": "true"})).text
    assert len(shown(first)) == 50
    link = re.search(r'href="(/audit\?[^"]+)">Older entries', first)
    assert link
    second = shown((await visitor.get(link[1].replace("&amp;", "&"))).text)
    assert len(second) >= 5
    assert all("| Look |" in one for one in second)


async def test_nobody_reads_what_was_asked_for_in_another_organization(
    visitor: Visitor, district: District, stack: Stack
) -> None:
    async with District(stack, f"{district.org}-2") as other:
        theirs = await other.ad_hoc("Theirs")
        (entry, *_) = ok(await other.api.get("/audit")).json()
        assert theirs in ok(await other.api.get("/audit")).text
        for query in ({}, {"actor": other.user}, {"before": "aud_z"}, {"before": entry["id"]}):
            page = await visitor.get("/audit", params=query)
            assert (page.status_code, theirs in page.text) == (200, False)
