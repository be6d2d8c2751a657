"""What pages tell of where something was read, of who is away, and of what was tried."""

from typing import Any

from devtools.district import District, ok
from tests.e2e.enroll import Faults
from tests.e2e.files import roster
from tests.e2e.pages.visitor import Visitor

AWAY = ("/charts", "/connections/new", "/runs")


async def test_who_opens_a_page_while_enroll_is_away_is_not_told_of_a_run(
    visitor: Visitor, district: District, faults: Faults
) -> None:
    await faults({"org": district.org, "status": 503})
    for path in AWAY:
        page = await visitor.get(path)
        assert page.status_code == 503
        assert "Enroll answered 503." in page.text
        assert "Try again in a few minutes." in page.text, path
        assert "The run goes on" not in page.text, path
    told = (await district.api.get("/runs")).json()["error"]
    assert (told["code"], told["fix"]) == ("enroll.unavailable", "Try again in a few minutes.")


async def test_a_run_from_sftp_says_which_file_it_read(visitor: Visitor, district: District) -> None:
    folder = district.stack.sftp.folder / district.org
    folder.mkdir()
    (folder / "archive").mkdir()
    roster(folder / "students-monday.csv", 20)
    id = await district.sftp(import_folder=district.org, archive_folder=f"{district.org}/archive")
    year: dict[str, Any] = {"school_year": 2026, "preview": "true"}
    run = ok(await district.api.post(f"/connections/{id}/imports/students/pull", params=year)).json()["id"]
    await district.watch(run, states=frozenset({"needs_approval"}))
    assert "<dt>File</dt><dd>students-monday.csv</dd>" in (await visitor.get(f"/runs/{run}")).text


async def test_the_connection_of_another_organization_that_was_looked_for_is_audited(
    visitor: Visitor, district: District
) -> None:
    for path in ("/runs", "/charts"):
        assert (await visitor.get(path, params={"connection": "con_other"})).status_code == 404
        assert (await district.api.get("/runs", params={"connection": "con_other"})).status_code == 404
    audited = [one["subject"] for one in ok(await district.api.get("/audit")).json() if not one["allowed"]]
    assert {f"{path}?connection=con_other" for path in ("/runs", "/charts", "/api/v1/runs")} == set(audited)
