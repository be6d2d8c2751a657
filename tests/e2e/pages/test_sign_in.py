"""In from Enroll, and out: a token is good once, for one browser, for two minutes, and for nothing else."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import expect

from devtools.district import District
from devtools.stack import Stack
from services.gateway.pages.visits import COOKIE
from tests.e2e.pages.conftest import Visiting, in_session, signed_in
from tests.e2e.pages.visitor import Visitor

LOGIN = "sync-service-login"


@in_session
async def visitor(district: District) -> AsyncIterator[Visitor]:
    async with Visitor(district) as one:
        yield one


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no scripts"])
async def test_the_way_from_enroll_in_a_browser(visiting: Visiting, district: District, javascript: bool) -> None:
    async with visiting(javascript=javascript) as page:
        await page.context.clear_cookies()
        await page.goto("/")
        assert "/login" in page.url or page.url.startswith(district.stack.url("sandbox"))
        await signed_in(page, district)
        await expect(page.get_by_text(district.org)).to_be_visible()


async def test_the_dashboard_says_who_is_signed_in_and_forgets_them_on_sign_out(visitor: Visitor) -> None:
    shown = await visitor.get("/")
    assert (shown.status_code, visitor.district.org in shown.text) == (200, True)
    left = await visitor.post("/logout")
    assert left.headers["location"] == "/signed-out"
    again = await visitor.get("/")
    assert again.headers["location"].startswith("/login?next=%2F")


async def test_the_cookies_are_for_this_site_over_tls_alone_and_no_script(district: District) -> None:
    async with Visitor(district) as visitor:
        begun = await visitor.http.get("/login")
        (pending,) = begun.headers.get_list("set-cookie")
        ended = await visitor.sign_in()
    session = next(line for line in ended.headers.get_list("set-cookie") if line.startswith(COOKIE))
    for line, site in ((pending, "none"), (session, "lax")):
        assert line.startswith("__Host-")
        assert {"secure", "httponly", "path=/", f"samesite={site}"} <= {one.strip().lower() for one in line.split(";")}


async def test_a_token_is_good_once(district: District) -> None:
    async with Visitor(district) as visitor:
        pending, address = await visitor.begin()
        token = await visitor.token(address)
        assert (await visitor.finish(pending, token)).status_code == 303
        assert (await visitor.finish(pending, token)).status_code == 401


async def test_a_token_of_another_browser_signs_nobody_in(district: District) -> None:
    """Somebody who makes a victim post their own token would have the victim work in their account."""
    async with Visitor(district) as visitor:
        _, address = await visitor.begin()
        token = await visitor.token(address)
        other, _ = await visitor.begin()
        assert (await visitor.finish(other, token)).status_code == 401
        none = await visitor.http.post("/login", data={"token": token})
        assert none.status_code == 401
        assert "Sync Service Login" in none.text


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "sync-service"},
        {"aud": "somebody-else"},
        {"iat": -400},
        {"exp": -60},
        {"iss": "https://elsewhere.example"},
        {"nonce": None},
        {"jti": None},
        {"org": None},
    ],
    ids=str,
)
async def test_a_token_that_enroll_signed_but_is_no_good(district: District, claims: dict[str, Any]) -> None:
    async with Visitor(district) as visitor:
        pending, _ = await visitor.begin()
        nonce, now = pending.partition(".")[0], int(time.time())
        given = {name: now + value if isinstance(value, int) else value for name, value in claims.items()}
        token = await district.token(claims={"aud": LOGIN, "nonce": nonce, **given})
        assert (await visitor.finish(pending, token)).status_code == 401


async def test_what_signs_in_calls_nothing(district: District) -> None:
    token = await district.token(claims={"aud": LOGIN, "nonce": "n"})
    answer = await district.api.get("/connections", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


async def test_who_has_no_permission_is_told_what_is_needed(district: District) -> None:
    patch: dict[str, Any] = {"users": {district.user: []}}
    async with Visitor(district) as visitor:
        await district.enroll.patch(f"/sandbox/organizations/{district.org}", json=patch)
        pending, address = await visitor.begin()
        answer = await visitor.finish(pending, await visitor.token(address))
    assert answer.status_code == 403
    assert "Sync Service Limited Access" in answer.text


@pytest.mark.parametrize(
    ("next", "place"),
    [("/runs?connection=con_1", "/runs?connection=con_1"), ("//evil.example", "/"), ("https://evil.example", "/")],
)
async def test_after_signing_in_it_goes_on_to_a_page_of_ours(district: District, next: str, place: str) -> None:
    async with Visitor(district) as visitor:
        assert (await visitor.sign_in(next)).headers["location"] == place


async def test_a_change_needs_a_form_of_this_session(visitor: Visitor, district: District) -> None:
    connection = await district.ad_hoc()
    path, fields = f"/connections/{connection}/switch", {"direction": "import", "on": "1"}
    async with Visitor(district) as other:
        foreign = await other.csrf()
    for mark in ("", "x", foreign):
        assert (await visitor.post(path, csrf=mark, **fields)).status_code == 403
    headers = {"Cookie": f"{COOKIE}={visitor.cookie}", "Sec-Fetch-Site": "cross-site"}
    crossed = await visitor.http.post(path, data={"csrf": await visitor.csrf(), **fields}, headers=headers)
    assert crossed.status_code == 403
    assert not (await district.api.get(f"/connections/{connection}")).json()["enable_import"]
    assert (await visitor.post(path, **fields)).status_code == 303
    assert (await district.api.get(f"/connections/{connection}")).json()["enable_import"]


async def test_every_page_says_what_a_browser_may_do_with_it(visitor: Visitor) -> None:
    for answer in (await visitor.get("/"), await visitor.get("/runs/nothing"), await visitor.http.get("/signed-out")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_static_files_are_kept_by_the_browser_and_small(visitor: Visitor) -> None:
    page = await visitor.get("/")
    loaded = len(page.content)
    for address in {part.split('"')[0] for part in page.text.split('"/static/')[1:]}:
        answer = await visitor.http.get(f"/static/{address}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        loaded += len(answer.content)
    assert loaded < 100_000


@pytest.mark.parametrize(
    "path", ["/runs/{run}", "/runs/{run}/events", "/runs/{run}/records.csv", "/runs?connection={con}"]
)
async def test_ids_of_another_organization_are_not_there_and_that_is_audited(
    visitor: Visitor, district: District, path: str, stack: Stack
) -> None:
    async with District(stack, f"{district.org}-2") as other:
        con = await other.ad_hoc()
        run = "run_00aa"
        address = path.format(run=run, con=con)
        answer = await visitor.get(address)
    assert answer.status_code == 404
    audit: list[dict[str, Any]] = (await district.api.get("/audit")).json()
    assert any(not one["allowed"] and one["subject"] == address for one in audit)


async def test_a_session_does_not_outlive_the_permission(visitor: Visitor, district: District) -> None:
    await district.enroll.patch(f"/sandbox/organizations/{district.org}", json={"users": {district.user: []}})
    refused = await visitor.get("/")
    assert refused.status_code == 403
