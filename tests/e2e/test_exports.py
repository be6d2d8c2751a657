"""Approved registrations as files, downloaded or delivered into a folder, and Enroll told what became of each."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from devtools.district import ENDED, EXPORTER, FULL, YEAR, District
from devtools.stack import Stack
from services.sandbox.district import student_export
from tests.e2e.enroll import students, turn
from tests.e2e.files import edited, roster
from tests.e2e.waiting import until

ROWS = 230
BORN = {"source": "students.dob", "from": "M/D/YYYY", "to": "YYYY"}
STOPPED = frozenset({"needs_approval", *ENDED})
NAMES = ("Student_Number", "Last_Name", "First_Name", "DOB", "SchoolID")


class Exporting:
    """A district with everyone in Enroll and most of them registered, the last student first."""

    def __init__(self, district: District, file: Path) -> None:
        self.district = district
        self.file = file
        self.imports = ""
        self.registered: list[str] = []
        self.ids: list[int] = []

    async def begin(self) -> None:
        self.imports = await self.district.ad_hoc("Imports")
        await self.load(self.file)
        self.registered = sorted(await students(self.district), reverse=True)[:-10]
        self.ids = await self.district.register(self.registered)
        await self.district.register(sorted(await students(self.district))[:5], status=0)

    async def load(self, file: Path) -> None:
        run = await self.district.watch((await self.district.upload(self.imports, file))["id"])
        assert run["state"] == "succeeded", run

    async def connection(self, *files: dict[str, Any]) -> str:
        created = await self.district.api.post("/connections", json={"name": "Roster", "kind": "ad_hoc"})
        connection = str(created.raise_for_status().json()["id"])
        await self.district.map_export(connection, *(files or (student_export(),)))
        return connection

    async def run(self, connection: str, **query: Any) -> dict[str, Any]:
        asked = await self.district.export(connection, **query)
        return await self.district.watch(asked["id"], states=STOPPED)

    async def told(self) -> dict[int, tuple[str | None, str | None]]:
        """What Enroll shows of the export of each registration."""
        return {one["id"]: (one["sis_export_status"], one["sis_error"]) for one in await self.district.registrations()}

    async def expected(self) -> list[dict[str, str]]:
        found = await students(self.district)
        return [_row(found[one]) for one in self.registered]


def _row(student: dict[str, Any]) -> dict[str, str]:
    year, month, day = student["students.dob"].split("-")
    cells = ("students.student_district_id", "students.lname", "students.fname")
    return dict(zip(NAMES, [*(student[one] for one in cells), f"{month}/{day}/{year}", "100"], strict=True))


def rows(content: bytes, **form: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline=""), **form))


@pytest.fixture
async def exporting(stack: Stack, org: str, tmp_path: Path) -> AsyncIterator[Exporting]:
    async with District(stack, org, permissions=EXPORTER) as district:
        one = Exporting(district, roster(tmp_path / "district.csv", ROWS))
        await one.begin()
        yield one


async def test_approved_registrations_are_downloaded_in_their_order(exporting: Exporting) -> None:
    connection = await exporting.connection()
    run = await exporting.run(connection)

    wanted = {"rows": len(exporting.ids), "create": len(exporting.ids), "created": len(exporting.ids), "invalid": 0}
    assert (run["state"], {name: run["counts"][name] for name in wanted}) == ("succeeded", wanted)
    (file,) = run["files"]
    assert file["name"] == f"roster_{run['clock'][:10].replace('-', '')}.csv"
    answer = await exporting.district.download(run["id"])
    assert rows(answer.content) == await exporting.expected()
    assert (file["rows"], file["size"]) == (len(exporting.ids), len(answer.content))
    assert f'filename="{file["name"]}";' in answer.headers["Content-Disposition"], "for curl -OJ"
    told = await exporting.told()
    assert {told[id] for id in exporting.ids} == {("Succeeded", None)}
    assert {told[id] for id in set(told) - set(exporting.ids)} == {(None, None)}, "denied ones are not touched"
    shown = await exporting.district.records(run["id"], limit=3)
    assert [one["action"] for one in shown] == ["create"] * 3
    first = (await exporting.expected())[0]
    assert shown[0]["changes"] == {name: [None, value] for name, value in first.items()}

    with pytest.raises(httpx.HTTPStatusError, match="file_not_found"):
        await exporting.district.download(run["id"], 2)


async def test_the_file_is_whole_each_time_and_the_counts_say_what_is_new(exporting: Exporting) -> None:
    connection = await exporting.connection()
    await exporting.run(connection)
    before = {one["id"]: one["sis_export_timestamp"] for one in await exporting.district.registrations()}
    changed = edited(exporting.file, {ROWS + 1: {"Last Name": "Quintanilla"}})
    await exporting.load(changed)
    exporting.registered += sorted(await students(exporting.district))[:2]
    exporting.ids += await exporting.district.register(exporting.registered[-2:])

    run = await exporting.run(connection)

    counts = {name: run["counts"][name] for name in ("create", "update", "unchanged", "created", "updated")}
    assert counts == {"create": 2, "update": 1, "unchanged": len(exporting.ids) - 3, "created": 2, "updated": 1}
    found = rows((await exporting.district.download(run["id"])).content)
    assert found == await exporting.expected()
    assert "Quintanilla" in {one["Last_Name"] for one in found}
    after = {one["id"]: one["sis_export_timestamp"] for one in await exporting.district.registrations()}
    assert {id for id in exporting.ids if after[id] != before.get(id)} <= {exporting.ids[0], *exporting.ids[-2:]}


async def test_a_preview_writes_nothing_until_it_is_approved(exporting: Exporting) -> None:
    connection = await exporting.connection()
    run = await exporting.run(connection, preview=True)

    assert (run["state"], run["files"], run["counts"]["create"]) == ("needs_approval", [], len(exporting.ids))
    assert {status for status, _ in (await exporting.told()).values()} == {None}
    pending = await exporting.district.records(run["id"], outcome="Pending", limit=2)
    assert [one["changes"]["SchoolID"] for one in pending] == [[None, "100"]] * 2
    (await exporting.district.api.post(f"/runs/{run['id']}/approve")).raise_for_status()
    ended = await exporting.district.watch(run["id"])
    assert (ended["state"], len(ended["files"])) == ("succeeded", 1)

    again = await exporting.run(connection, preview=True)
    (await exporting.district.api.post(f"/runs/{again['id']}/reject")).raise_for_status()
    assert (await exporting.district.run(again["id"]))["state"] == "cancelled"


async def test_a_bad_registration_hurts_only_itself_and_enroll_hears_why(exporting: Exporting) -> None:
    file = student_export("strict")
    found = await students(exporting.district)
    known = {found[one]["students.lname"] for one in exporting.registered[1:]} - {
        found[exporting.registered[0]]["students.lname"]
    }
    options = {"source": "students.lname", "codes": {name: name for name in known}, "unmatched": "fail"}
    code = {"transformation": "match_codes", "options": options}
    file["columns"].append({"header": "Code", "source": code})
    bad = [one for one in exporting.registered if found[one]["students.lname"] not in known]
    connection = await exporting.connection(file)
    await exporting.district.api.patch(f"/connections/{connection}", json={"limits": {"invalid_percent": 100}})

    run = await exporting.run(connection)

    assert (run["state"], run["counts"]["invalid"]) == ("partial", len(bad))
    content = rows((await exporting.district.download(run["id"])).content)
    assert [one["Student_Number"] for one in content] == [one for one in exporting.registered if one not in bad]
    told = await exporting.told()
    refused = [told[id] for id, one in zip(exporting.ids, exporting.registered, strict=True) if one in bad]
    assert {status for status, _ in refused} == {"Failed"}
    assert all(why and why.startswith("Code: ") and len(why) <= 512 for _, why in refused)
    records = await exporting.district.records(run["id"], outcome="Failed")
    assert {one["problems"][0]["column"] for one in records} == {"Code"}

    await exporting.district.map_export(connection, student_export("strict"))
    mended = await exporting.run(connection)
    assert (mended["state"], mended["counts"]["create"]) == ("succeeded", len(bad))
    assert {status for status, _ in (await exporting.told()).values()} == {"Succeeded", None}


async def test_too_many_gone_asks_first(exporting: Exporting) -> None:
    connection = await exporting.connection()
    await exporting.run(connection)
    gone = exporting.ids[:60]
    path = f"/sandbox/organizations/{exporting.district.org}/registrations"
    (await exporting.district.enroll.patch(path, json={"ids": gone, "status": -1})).raise_for_status()

    run = await exporting.run(connection)

    assert (run["state"], [one["code"] for one in run["reasons"]]) == ("needs_approval", ["guard.too_many_gone"])
    assert run["files"] == []
    (await exporting.district.api.post(f"/runs/{run['id']}/approve")).raise_for_status()
    ended = await exporting.district.watch(run["id"])
    assert (ended["state"], ended["files"][0]["rows"]) == ("succeeded", len(exporting.ids) - 60)
    calm = await exporting.run(connection)
    assert (calm["state"], calm["counts"]["missing"]) == ("succeeded", 0)


async def test_several_files_are_delivered_whole_and_replaced(exporting: Exporting, stack: Stack) -> None:
    district, folder = exporting.district, stack.sftp.folder / exporting.district.org
    folder.mkdir()
    connection = await district.sftp(export_folder=district.org)
    names = student_export("names", extension="txt", separator="tab", text_identifier="single", line_end="lf")
    await district.map_export(connection, student_export("roster"), names)

    run = await exporting.run(connection)

    assert (run["state"], [file["state"] for file in run["files"]]) == ("succeeded", ["delivered"] * 2)
    assert sorted(path.name for path in folder.iterdir()) == ["names.txt", "roster.csv"]
    assert rows((folder / "roster.csv").read_bytes()) == await exporting.expected()
    tabbed = {"delimiter": "\t", "quotechar": "'"}
    assert rows((folder / "names.txt").read_bytes(), **tabbed) == await exporting.expected()
    assert (await district.download(run["id"], 2)).content == (folder / "names.txt").read_bytes()

    await exporting.load(edited(exporting.file, {ROWS + 1: {"Last Name": 'O\'Quinn "Q"\tX'}}))
    again = await exporting.run(connection)
    assert again["counts"]["update"] == 1
    assert sorted(path.name for path in folder.iterdir()) == ["names.txt", "roster.csv"]
    assert rows((folder / "names.txt").read_bytes(), **tabbed) == await exporting.expected()


async def test_the_schedule_exports_once_its_switch_is_on(exporting: Exporting, stack: Stack) -> None:
    district, folder = exporting.district, stack.sftp.folder / exporting.district.org
    folder.mkdir()
    connection = await district.sftp(export_folder=district.org)
    await district.map_export(connection, student_export("roster"))

    async def scheduled() -> dict[str, Any]:
        """What came of a schedule that is due in two seconds."""
        due = datetime.now(UTC) + timedelta(seconds=2)
        plan = {"direction": "export", "school_year": YEAR, "time": f"{due:%H:%M:%S}", "zone": "UTC"}
        answer = await district.api.put(f"/connections/{connection}/schedule", json=plan)
        enabled = answer.raise_for_status().json()["enabled"]
        before = len(await history())

        async def more() -> list[dict[str, Any]]:
            return (await history())[: -before or None]

        fired = (await until(more, "the schedule fires"))[0]
        return {**fired, "enabled": enabled}

    async def history() -> list[dict[str, Any]]:
        found = (await district.api.get(f"/connections/{connection}/history")).raise_for_status().json()
        return [one for one in found if one["outcome"] != "claimed"]

    off = await scheduled()
    assert (off["direction"], off["outcome"], off["why"]) == (
        "export",
        "refused",
        "Enable Export is off for this connection.",
    )
    switched = await district.api.patch(f"/connections/{connection}", json={"enable_export": True})
    assert switched.json()["enable_export"] is True
    fired = await scheduled()
    assert (fired["outcome"], fired["enabled"]) == ("emitted", True)
    run = await district.watch(fired["run"])
    assert (run["state"], run["trigger"]["kind"], run["lane"]) == ("succeeded", "schedule", "bulk")
    assert rows((folder / "roster.csv").read_bytes()) == await exporting.expected()
    await district.api.delete(f"/connections/{connection}/schedule", params={"direction": "export"})
    shown = (await district.api.get(f"/connections/{connection}")).json()
    assert (shown["export_schedule"], shown["schedule"]) == (None, None)


async def test_a_folder_that_is_not_there_fails_the_run_and_touches_nothing(exporting: Exporting) -> None:
    connection = await exporting.district.sftp(export_folder="nowhere")
    await exporting.district.map_export(connection, student_export())

    run = await exporting.run(connection)

    assert (run["state"], run["error"]["code"]) == ("failed", "sftp.no_folder")
    assert "nowhere" in run["error"]["message"]
    assert {status for status, _ in (await exporting.told()).values()} == {None}
    assert [file["state"] for file in run["files"]] == ["made"], "it can be fetched by hand"
    assert (await exporting.district.download(run["id"])).content


async def test_mapped_values_of_examples(exporting: Exporting) -> None:
    connection, one = await exporting.connection(), exporting.registered[3]
    broken = {"header": "Born", "source": {"transformation": "date", "options": {**BORN, "source": "students.lname"}}}
    draft = {
        "files": [student_export(), {"name": "{school_year}", "columns": [broken, {"header": "?", "source": "x"}]}]
    }
    asked = {"mapping": draft, "school_year": YEAR, "students": [one, "nobody"]}
    path = f"/connections/{connection}/exports/students/mappings/preview"

    found = (await exporting.district.api.post(path, json=asked)).raise_for_status().json()

    assert (found["students"], found["unknown"]) == ([one], ["nobody"])
    good, bad = found["files"]
    values = {column["header"]: column["examples"][0]["value"] for column in good["columns"]}
    assert values == _row((await students(exporting.district))[one])
    assert good["columns"][0]["fields"] == ["students.student_district_id"]
    assert bad["name"] == f"{YEAR}.csv"
    assert bad["columns"][0]["examples"][0]["problem"]["code"] == "date.wrong_pattern"
    assert [(problem["row"], problem["code"]) for problem in bad["problems"]] == [(2, "export.field_unknown")]
    saved = await exporting.district.api.put(path.removesuffix("/preview"), json=draft)
    assert (saved.status_code, saved.json()["error"]["code"]) == (422, "export.invalid")


async def test_a_mapping_is_taken_along_as_json_with_its_codes(exporting: Exporting) -> None:
    connection, api = await exporting.connection(), exporting.district.api
    path = f"/connections/{connection}"
    pairs = [{"sis": "0100", "enroll": "100"}]
    (await api.put(f"{path}/code-tables/Schools", json={"pairs": pairs})).raise_for_status()
    file = student_export()
    file["columns"][-1]["source"] = {
        "transformation": "match_codes",
        "options": {"source": "schools.school_code", "table": "Schools", "unmatched": "fail"},
    }
    await exporting.district.map_export(connection, file)

    run = await exporting.run(connection)
    content = rows((await exporting.district.download(run["id"])).content)
    assert {one["SchoolID"] for one in content} == {"0100"}

    versions = (await api.get(f"{path}/exports/students/mappings")).json()
    assert [one["version"] for one in versions] == [2, 1]
    document = (await api.get(f"{path}/exports/students/mappings/{versions[0]['id']}/export")).json()
    again = await api.post(f"{path}/exports/students/mappings/import", json=document)
    assert (again.status_code, again.json()["version"]) == (201, 3)
    assert again.json()["files"] == versions[0]["files"]
    other = await api.post(f"{path}/exports/students/mappings/import", json={**document, "data_type": "schools"})
    assert other.json()["error"]["code"] == "mapping.other_data_type"


async def test_nothing_approved_is_told(stack: Stack, org: str) -> None:
    async with District(stack, org, permissions=EXPORTER) as district:
        exporting = Exporting(district, Path())
        run = await exporting.run(await exporting.connection())
    assert (run["state"], run["error"]["code"]) == ("failed", "export.nothing")


async def test_who_may_export(exporting: Exporting) -> None:
    district, connection = exporting.district, await exporting.connection()
    run = await exporting.run(connection)
    await turn(district, users={district.user: [*FULL, "View Registrations"]})
    with pytest.raises(httpx.HTTPStatusError, match="needs Edit Registrations"):
        await district.export(connection)
    assert await district.records(run["id"])
    assert (await district.download(run["id"])).content
    await turn(district, users={district.user: list(FULL)})
    for refused in (district.export(connection), district.records(run["id"]), district.download(run["id"])):
        with pytest.raises(httpx.HTTPStatusError, match="needs View Registrations"):
            await refused
    await turn(district, users={district.user: list(EXPORTER)}, registration_module=False)
    with pytest.raises(httpx.HTTPStatusError, match="Registration module is off"):
        await district.export(connection)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "The body of the request is not JSON."),
        (b"{}", "files: Field required"),
        (b'{"files": []}', "files: List should have at least 1 item after validation, not 0"),
        (
            b'{"files": [{"name": "a/b", "columns": [{"header": "X", "source": "x"}]}]}',
            "files.0.name: A file name holds",
        ),
    ],
)
async def test_a_draft_is_told_only_what_is_wrong_with_it(district: District, body: bytes, told: str) -> None:
    connection = await district.ad_hoc()
    path = f"/connections/{connection}/exports/students/mappings"
    answer = await district.api.put(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    message = answer.json()["error"]["message"]
    assert told in message
    assert message.count("files") <= 1
