"""What a person cannot reach: whatever is another organization's, by any address; what Limited Access may not do."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from fastapi.routing import APIRoute

from devtools.district import EXPORTER, District, ok
from devtools.stack import Stack
from services.gateway.pages import routes
from tests.e2e.enroll import turn
from tests.e2e.pages.conftest import in_session
from tests.e2e.pages.visitor import Visitor
from tests.faults.helpers import students

UNOWNED = {"/static/{version}/{name}", "/connections/new/{kind}", "/failed-messages/{id:path}"}
"""Addresses that name nothing of an organization; failed messages are every operator's, and of nobody else."""
MANAGING = {
    f"/connections/{{id}}/{part}"
    for part in (
        *("switch", "test", "host-key", "host-key/ask", "settings", "limits", "export-rules", "credentials", "schools"),
        *("delete", "sandbox-exports", "schedule/{direction}", "schedule/{direction}/remove", "run/export"),
    )
}
"""What needs Full Access, or the permission to export."""
FORM = re.compile(r'<form[^>]*method="post"[^>]*action="([^"]+)"')
CHOICES = {"direction": "import", "data_type": "students", "number": "1", "way": "upload"}


@in_session
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    """Nothing is refused for want of a permission."""
    async with District(stack, org, permissions=EXPORTER) as one:
        yield one


def addresses() -> Iterator[tuple[str, str]]:
    """Method and path of every page and form that has an id in its address."""
    for route in (one for router in routes.routers() for one in router.routes):
        if isinstance(route, APIRoute) and "{" in route.path and route.path not in UNOWNED:
            yield from ((method, route.path) for method in sorted(route.methods or ()))


async def test_no_page_and_no_form_knows_what_is_another_organizations(
    visitor: Visitor, district: District, stack: Stack, tmp_path: Path
) -> None:
    async with District(stack, f"{district.org}-2", permissions=EXPORTER) as other:
        connection = await other.ad_hoc("Theirs")
        run = await other.watch((await other.upload(connection, students(tmp_path, 3)))["id"])
        (version,) = ok(await other.api.get(f"/connections/{connection}/mappings/students")).json()
        theirs = {"version": version["id"], **CHOICES}
        tried, wrong = 0, []
        for method, path in addresses():
            id = run["id"] if path.startswith("/runs/") else connection
            address = path.format(**theirs, id=id)
            asked = address + ("?place=students.dob" if address.endswith("/row") else "")
            answer = await (visitor.get if method == "GET" else visitor.post)(asked)
            audit = ok(await district.api.get("/audit", params={"limit": 200})).json()
            is_audited = any(not one["allowed"] and one["subject"] == address for one in audit)
            if (answer.status_code, is_audited) != (404, True):
                wrong.append(f"{method} {path}: {answer.status_code}, audited: {is_audited}")
            tried += 1
        assert not wrong, "\n".join(wrong)
        assert tried > 50
        assert ok(await other.api.get("/connections")).json()[0]["name"] == "Theirs"


async def test_whatever_limited_access_may_not_send_it_does_not_see(district: District, tmp_path: Path) -> None:
    connection = await district.ad_hoc("Ours")
    run = (await district.upload(connection, students(tmp_path, 3), preview="true"))["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))
    (version,) = ok(await district.api.get(f"/connections/{connection}/mappings/students")).json()
    ours = {"version": version["id"], **CHOICES}
    await turn(district, users={district.user: list(EXPORTER), "u-2": ["Sync Service Limited Access"]})
    shown: set[str] = set()
    refused: dict[str, str] = {}
    async with Visitor(district, "u-2") as visitor:
        for method, path in sorted(addresses()):  # pages before forms, which change what is shown
            address = path.format(**ours, id=run if path.startswith("/runs/") else connection)
            asked = address + ("?place=students.dob" if address.endswith("/row") else "")
            if method == "GET":
                shown |= set(FORM.findall((await visitor.get(asked)).text))
            elif (await visitor.post(asked)).status_code == 403:
                refused[path] = asked
    assert shown.isdisjoint(refused.values())
    assert refused.keys() >= MANAGING
    assert f"/connections/{connection}/run/upload" in shown
