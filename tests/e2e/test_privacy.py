"""Names, birth dates, addresses and secrets stay where they belong: in no log, on no metrics page, in no message."""

import json
import re
from collections.abc import Iterable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import httpx
import pytest

from devtools.district import EXPORTER, YEAR, District, ok
from devtools.sis_districts import SISS
from devtools.stack import Stack
from services.sandbox.district import student_export
from shared.security.trust import trusted
from tests.e2e.broker import Tap
from tests.e2e.conftest import SERVICES
from tests.e2e.enroll import Faults, students, turn
from tests.e2e.files import Row, read, roster
from tests.e2e.files import write as write_rows
from tests.e2e.operator import Ops, failed
from tests.e2e.pages.visitor import Visitor
from tests.e2e.waiting import until

ROWS = 40
WRITES = {"powerschool": "/ws/v1/student$", "aeries": "/InsertStudent$", "skyward": "/Demographics/Name$"}
STOPPED = frozenset({"needs_approval", "failed"})
WHO = ("First Name", "Last Name", "Guardian 1 First Name", "Guardian 1 Last Name", "Guardian 1 Email")
REACH = ("Birth Date", "Phone", "Guardian 1 Phone", "Emergency 1 Name", "Street", "State ID")


def personal(rows: list[Row]) -> set[str]:
    """Everything about people in these rows that must not be seen elsewhere, however it is written by then."""
    found = {row[column] for row in rows for column in (*WHO, *REACH)} - {""}
    for row in rows:
        month, day, year = row["Birth Date"].split("/")
        found.add(f"{year}-{month}-{day}")
        phone = row["Phone"]
        found.add(f"({phone[:3]}) {phone[3:6]}-{phone[6:]}")
    return found


def leaks(text: str, sought: Iterable[str]) -> list[str]:
    """Those that stand in the text as they are or as JSON writes them, not as a part of another word."""
    return [one for one in sought if any(_stands_in(text, form) for form in (one, json.dumps(one)[1:-1]))]


def _stands_in(text: str, form: str) -> bool:
    return form in text and re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) is not None


def passwords(url: str) -> set[str]:
    """What of an address must not be seen. "guest" is RabbitMQ's own, and a word."""
    return {url} | ({urlsplit(url).password or ""} - {"", "guest"})


class Marked:
    """A file in which every person's name is one that nobody else in the world has."""

    def __init__(self, path: Path) -> None:
        rows = read(roster(path, ROWS))
        for number, row in enumerate(rows):
            row["First Name"] = f"Wilhelmína{number}q"
            row["Last Name"] = f"O'Quackenbush{number}z"
        rows[3]["Birth Date"] = "02/30/2015"
        rows[5]["Grade"] = "Xylograde"
        rows[7]["Phone"] = "555-not-a-phone-0199"
        self.rows = rows
        self.path = write_rows(path, rows)
        self.sought = personal(rows) | {"Xylograde", "555-not-a-phone-0199"}


@pytest.fixture
def marked(tmp_path: Path) -> Marked:
    return Marked(tmp_path / "people.csv")


async def everything_goes_wrong(district: District, marked: Marked, faults: Faults) -> list[str]:
    """Runs that fail in each of the ways that tempt a program to quote what it choked on; their ids."""
    connection = await district.ad_hoc(limits={"invalid_percent": 100})
    first = marked.rows[0]
    told = {"students.lname": f"{first['First Name']} {first['Last Name']} is not wanted."}
    await faults({"org": district.org, "path": "batch-upsert", "reject_fields": told})
    refused = await district.watch((await district.upload(connection, marked.path))["id"])
    assert (refused["state"], refused["counts"]["invalid"]) == ("failed", 3)

    body = json.dumps({"error": {"code": "no", "message": told["students.lname"]}})
    fault = {"org": district.org, "path": "lookup", "status": 418, "body": body, "content_type": "application/json"}
    await faults(fault)
    other = await district.watch((await district.upload(connection, marked.path, roster="some"))["id"])
    assert other["state"] == "failed"

    await faults({"org": district.org, "path": "lookup", "status": 503, "body": body, "times": 3})
    away = await district.watch((await district.upload(connection, marked.path, preview=True))["id"], states=STOPPED)
    assert away["state"] == "needs_approval", "the second attempt went through"

    headless = marked.path.with_name("headless.csv")
    headless.write_bytes(marked.path.read_bytes().partition(b"\r\n")[2])
    unread = await district.watch((await district.upload(connection, headless))["id"], states=STOPPED)
    assert unread["state"] == "failed"

    await faults()
    whole = await district.ad_hoc("Whole", limits={"invalid_percent": 100})
    loaded = await district.watch((await district.upload(whole, marked.path))["id"])
    assert loaded["state"] == "partial"
    await turn(district, users={district.user: list(EXPORTER)})
    await district.register(sorted(await students(district)))
    code = {"transformation": "match_codes", "options": {"source": "students.lname", "codes": {}, "unmatched": "fail"}}
    picky = student_export("picky")
    picky["columns"].append({"header": "Code", "source": code})
    await district.map_export(whole, picky, student_export())
    exported = await district.watch((await district.export(whole))["id"])
    assert (exported["state"], exported["counts"]["invalid"]) == ("failed", ROWS - 3)
    await district.map_export(whole, student_export())
    await faults({"org": district.org, "path": "registrations:report", "status": 418, "body": body})
    untold = await district.watch((await district.export(whole))["id"])
    assert untold["state"] == "failed"

    for kind, path in WRITES.items():
        sis = SISS[kind](district)
        await sis.make(students=3)
        connection_of = await sis.connect(name=kind)
        refusal: dict[str, Any] = {
            "body": json.dumps({"Message": told["students.lname"]}),
            "content_type": "application/json",
        }
        ills: list[dict[str, Any]] = [{"status": 400, **refusal}, {"body": told["students.lname"]}, {"close": True}]
        for fault in ills:
            await faults({"path": f"/{kind}/{district.org}.*{path}", "times": 3, **fault})
            await district.watch((await district.export(connection_of, student=first["Student ID"]))["id"])
        await faults()
        whole_sis = await district.watch((await district.export(connection_of))["id"])
        assert whole_sis["counts"]["created"] > ROWS / 2, whole_sis

    nonsense = '{"students": [{"key": "' + first["Last Name"] + '"}]}'
    await faults({"org": district.org, "path": "lookup", "body": nonsense})
    broken = await district.watch((await district.upload(connection, marked.path, roster="full"))["id"])
    assert broken["state"] == "failed"
    await faults()
    return [run["id"] for run in (refused, other, away, unread, exported, untold, broken)]


async def locked_out(district: District, password: str, token: str) -> str:
    """A run whose SFTP login is refused, and calls with a token that is no good."""
    connection = await district.sftp()
    await district.api.put(f"/connections/{connection}/credentials", json={"password": password})
    run = await district.watch((await district.pull(connection))["id"])
    assert run["error"]["code"] == "sftp.login_refused"
    stranger = {"Authorization": f"Bearer {token}"}
    assert (await district.api.get("/runs", headers=stranger)).status_code == 401
    path = f"/connections/{connection}/imports/students?school_year={YEAR}&token={token}"
    assert (await district.api.post(path, headers=stranger)).status_code == 401
    return str(run["id"])


async def looked_for(district: District, run: str, name: str) -> None:
    """The name is known with its records, found by it, and stands in nothing that is written about that."""
    for path, asked in (
        (f"/runs/{run}/records/search", {"text": name}),
        (f"/runs/{run}/records.csv", {"text": name}),
        ("/explain/students/search", {"name": name}),
    ):
        assert name in ok(await district.api.post(path, json=asked)).text, path
        refused = await district.api.post(path, json={**asked, "direction": name, "more": name})
        assert refused.status_code == 422
    async with Visitor(district) as visitor:
        for path, field in ((f"/runs/{run}", "text"), ("/explain", "sought")):
            leads = await visitor.post(path, **{field: name})
            address = leads.headers["location"].partition("#")[0]
            assert name not in unquote_plus(address)
            assert name in unescape((await visitor.get(address)).text), path
    assert not leaks(ok(await district.api.get("/audit", params={"limit": 200})).text, [name])


async def test_nothing_personal_and_no_secret_gets_out(
    stack: Stack, district: District, marked: Marked, faults: Faults, tap: Tap
) -> None:
    wrong_password, wrong_token = "pw-3b1f77aa-wrong", f"{(await district.token())[:-8]}forged77"
    ids = await everything_goes_wrong(district, marked, faults)
    ids.append(await locked_out(district, wrong_password, wrong_token))
    name = marked.rows[0]["Last Name"]
    await looked_for(district, ids[4], name)
    letters = await until(lambda: failed(stack, "--org", district.org), "the dead letters are kept")

    content = marked.path.read_text(encoding="utf-8")
    secrets = {wrong_password, wrong_token, wrong_token.rpartition(".")[2], stack.enroll_token, stack.sftp.password}
    secrets |= set(json.loads(stack.env["SYNC_SECRET_KEYS"]))
    secrets |= {str(district.api.headers["Authorization"]).removeprefix("Bearer ")}
    secrets |= passwords(stack.addresses.amqp_url) | passwords(stack.addresses.mongo_url)
    sought = marked.sought | secrets
    assert name in leaks(content, sought), "what is sought can be found"
    assert {row["Last Name"] for row in marked.rows} <= set(leaks(content, marked.sought))
    assert len(marked.sought) > ROWS * 5

    messages = await tap.heard(district.org)
    assert {key.rpartition(".sync.")[2] for key, _ in messages} >= {"slice.compare.v1", "slice.apply.v1"}
    assert not [key for key, body in messages if leaks(body.decode(), sought)]
    assert letters
    assert not leaks(json.dumps(letters, ensure_ascii=False), sought)

    await tap.enroll_says(f"{{{name}: broken".encode())
    rubbish = await until(lambda: failed(stack, "--type", "enroll.sync.requested.v1"), "the rubbish is put aside")
    assert (rubbish[-1]["readable"], rubbish[-1]["body"]) == (False, ""), "anything may be in it"
    assert not leaks(json.dumps(rubbish, ensure_ascii=False), sought)
    await Ops(stack)("failed", "discard", *(letter["id"] for letter in (*letters, *rubbish)))

    logs = {service: (stack.directory / f"{service}.log").read_text(encoding="utf-8") for service in SERVICES}
    assert not {service: found for service, text in logs.items() if (found := leaks(text, sought))}
    workers = logs["importer"] + logs["importer-2"] + logs["exporter"]
    assert not [id for id in ids if id not in workers], "the logs do tell of the runs"
    assert all(logs[service] for service in SERVICES if not service.startswith("sandbox"))
    assert '"state": "failed"' in workers or '"state":"failed"' in workers

    async with httpx.AsyncClient(trust_env=False, verify=trusted()) as client:
        pages = {service: (await client.get(f"{stack.url(service)}/metrics")).text for service in SERVICES}
    assert not {service: found for service, text in pages.items() if (found := leaks(text, sought))}
    assert "sync_rows_total" in pages["importer"]
