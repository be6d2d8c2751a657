"""What is asked for and is not there, or not of this connection: each says so by its own code, and does nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from devtools.district import COLLEAGUES, YEAR, District, ok
from devtools.stack import Stack
from tests.faults.helpers import students

PULL = {"school_year": YEAR}

FIELD = {"type": "direct", "target": "local_id", "source": "students.student_district_id"}
ASKED: tuple[tuple[str, str, dict[str, Any], tuple[int, str]], ...] = (
    ("POST", "{files}/imports/students/pull", {"params": PULL}, (422, "import.needs_file")),
    ("POST", "{sftp}/imports/students/pull", {"params": PULL | {"changes": "true"}}, (422, "import.no_changes")),
    ("GET", "{files}/ps_plugin.xml", {}, (404, "powerschool.no_plugin_here")),
    ("GET", "{files}/exports/students/fields", {}, (422, "sis.read_only")),
    ("GET", "{roster}/drafts/export/students", {}, (404, "sis.read_only")),
    ("PUT", "{files}/exports/students/mappings", {"json": {"fields": [FIELD]}}, (422, "export.other_form")),
    ("POST", "{files}/host-key/probe", {}, (422, "sftp.not_set_up")),
    ("PUT", "{sftp}/credentials", {"json": {"password": ""}}, (422, "sftp.no_login")),
    ("GET", "{files}/code-tables/Race/versions/1", {}, (404, "code_table.not_found")),
    ("GET", "{files}/code-tables/Race/report", {}, (404, "code_table.not_found")),
    ("POST", "/code-tables/suggest", {"json": {"enroll_set": "x", "sis_codes": []}}, (404, "field_codes.unknown")),
    ("POST", "{files}/drafts/import/programs/save", {}, (422, "draft.nothing")),
    ("POST", "{files}/drafts/import/students/save", {}, (422, "draft.unchanged")),
    ("GET", "/runs/{run}/files/1", {}, (404, "export.file_not_found")),
    ("GET", "/explain/students", {"params": {"key": "nobody"}}, (404, "record.not_found")),
    ("GET", "/failed-messages/nope", {}, (404, "failed.not_found")),
    ("POST", "/connections", {"json": {"name": "S", "kind": "aeries"}}, (422, "sis.not_set_up")),
)


@pytest.fixture
async def district(stack: Stack, org: str) -> AsyncIterator[District]:
    """Somebody who may do everything: what is refused is refused for what is asked."""
    async with District(stack, org, permissions=COLLEAGUES["u-operator"]) as one:
        yield one


async def connected(district: District, **about: Any) -> str:
    return str(ok(await district.api.post("/connections", json=about)).json()["id"])


async def test_each_says_what_is_missing_and_does_nothing(district: District, tmp_path: Path) -> None:
    files = await district.ad_hoc()
    run = await district.watch((await district.upload(files, students(tmp_path, 3)))["id"])
    sftp = await connected(district, name="Nightly", kind="sftp", sftp={"host": "sftp.example.org", "user": "district"})
    oneroster = {"base_url": "https://sis.example.org", "token_url": "https://sis.example.org/token"}
    roster = await connected(district, name="Roster", kind="oneroster", oneroster=oneroster)
    places = {name: f"/connections/{id}" for name, id in {"files": files, "sftp": sftp, "roster": roster}.items()}
    before = ok(await district.api.get("/connections")).json(), await district.stats()

    found = {}
    for method, path, about, _ in ASKED:
        answer = await district.api.request(method, path.format(**places, run=run["id"]), **about)
        found[method, path] = answer.status_code, answer.json()["error"]["code"]

    assert found == {(method, path): expected for method, path, _, expected in ASKED}
    assert (ok(await district.api.get("/connections")).json(), await district.stats()) == before
    assert [one["id"] for one in ok(await district.api.get("/runs")).json()] == [run["id"]]
