"""HEAD of a page is what GET would say, without the body."""

from pathlib import Path

from devtools.district import District
from services.gateway.pages.visits import COOKIE
from tests.e2e.pages.test_dashboard import waiting_run
from tests.e2e.pages.visitor import Visitor


async def test_head_answers_like_get(visitor: Visitor, district: District, tmp_path: Path) -> None:
    connection, run = await waiting_run(district, tmp_path, 5)
    cookie = {"Cookie": f"{COOKIE}={visitor.cookie}"}
    pages = ["/", "/runs", f"/runs/{run}", f"/connections/{connection}", "/help", "/docs", "/nothing", "/runs?state=x"]
    for path in (*pages, f"/connections/{connection}/switch"):
        head = await visitor.http.head(path, headers=cookie)
        get = await visitor.http.get(path, headers=cookie)
        same = ("content-type", "location", "content-length", "content-security-policy")
        assert (head.status_code, [head.headers.get(one) for one in same]) == (
            get.status_code,
            [get.headers.get(one) for one in same],
        )
        assert head.content == b""


async def test_head_of_what_goes_on_and_on_ends_at_once(visitor: Visitor, district: District, tmp_path: Path) -> None:
    _, run = await waiting_run(district, tmp_path, 5)
    head = await visitor.http.head(f"/runs/{run}/events", headers={"Cookie": f"{COOKIE}={visitor.cookie}"})
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
