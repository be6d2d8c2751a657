"""Who may do what, what nobody gets to see, and what is told about a refusal."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from devtools.district import EXPORTER, FULL, YEAR, District
from devtools.stack import Stack
from services.sandbox.district import student_export, student_mapping
from shared.security.trust import trusted
from tests.e2e.broker import Tap
from tests.e2e.enroll import turn
from tests.e2e.files import roster

LIMITED = ("Sync Service Limited Access",)
OTHER_KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()
SFTP = {"host": "127.0.0.1", "port": 2222, "user": "someone"}
DAILY = {"school_year": YEAR, "time": "02:30", "zone": "America/Denver"}

MANAGING: dict[tuple[str, str], Any] = {
    ("PATCH", "/connections/{id}"): {"json": {"enable_import": True}},
    ("GET", "/connections/{id}/credentials"): {},
    ("PUT", "/connections/{id}/credentials"): {"json": {"password": "x"}},
    ("POST", "/connections/{id}/host-key/probe"): {},
    ("PUT", "/connections/{id}/host-key"): {"json": {"host_key": OTHER_KEY}},
    ("PUT", "/connections/{id}/sandbox-exports"): {"json": {"into": ""}},
    ("POST", "/connections/{id}/test"): {},
    ("GET", "/connections/{id}/ps_plugin.xml"): {},
    ("PUT", "/connections/{id}/schedule"): {"json": DAILY},
    ("DELETE", "/connections/{id}/schedule"): {},
    ("DELETE", "/connections/{id}"): {},
}
TWO = {"before": "m", "after": "n"}
MAPPING_FILE = {"data_type": "students", "mapping": student_mapping()}
EXAMPLES = {"mapping": student_mapping(), "columns": ["A"], "examples": [["x"]], "school_year": YEAR}
IMPORTING: dict[tuple[str, str], Any] = {
    ("PUT", "/connections/{id}/mappings/{data_type}"): {"json": student_mapping()},
    ("POST", "/connections/{id}/mappings/{data_type}/import"): {"json": MAPPING_FILE},
    ("POST", "/connections/{id}/mappings/{data_type}/preview"): {"json": EXAMPLES},
    ("POST", "/connections/{id}/mappings/{data_type}/differences"): {"json": {"columns": ["A"]}},
    ("POST", "/connections/{id}/mappings/{data_type}/read"): {},
    ("POST", "/connections/{id}/mappings/{data_type}/match"): {"json": {"columns": ["A"]}},
    ("GET", "/connections/{id}/drafts/{direction}/{data_type}"): {},
    ("PUT", "/connections/{id}/drafts/{direction}/{data_type}"): {"json": {}},
    ("DELETE", "/connections/{id}/drafts/{direction}/{data_type}"): {},
    ("PUT", "/connections/{id}/drafts/{direction}/{data_type}/examples"): {"json": {"school_year": YEAR}},
    ("POST", "/connections/{id}/drafts/{direction}/{data_type}/look"): {"json": {}},
    ("POST", "/connections/{id}/drafts/{direction}/{data_type}/save"): {},
    ("GET", "/connections/{id}/drafts/{direction}/{data_type}/newer"): {},
    ("POST", "/connections/{id}/drafts/{direction}/{data_type}/take-over"): {"params": {"version": 1}},
    ("GET", "/connections/{id}/sis"): {},
    ("PUT", "/connections/{id}/code-tables/{name}"): {"json": {"pairs": []}},
    ("POST", "/connections/{id}/imports/{data_type}"): {
        "params": {"school_year": YEAR},
        "files": {"file": ("a.csv", b"a,b\r\n1,2\r\n", "text/csv")},
    },
    ("POST", "/connections/{id}/imports/{data_type}/pull"): {"params": {"school_year": YEAR}},
}
EXPORT = {"files": [student_export()]}
EXPORTING: dict[tuple[str, str], Any] = {
    ("PUT", "/connections/{id}/exports/{data_type}/mappings"): {"json": EXPORT},
    ("GET", "/connections/{id}/exports/{data_type}/mappings"): {},
    ("POST", "/connections/{id}/exports/{data_type}/mappings/import"): {
        "json": {"data_type": "students", "mapping": EXPORT}
    },
    ("GET", "/connections/{id}/exports/{data_type}/mappings/{mapping}/export"): {},
    ("GET", "/connections/{id}/exports/{data_type}/mappings/compare"): {"params": TWO},
    ("POST", "/connections/{id}/exports/{data_type}/mappings/propose"): {},
    ("GET", "/connections/{id}/exports/{data_type}/fields"): {},
    ("POST", "/connections/{id}/exports/{data_type}/mappings/preview"): {
        "json": {"mapping": EXPORT, "school_year": YEAR}
    },
    ("POST", "/connections/{id}/exports/{data_type}/registrations/search"): {
        "json": {"search": "mara", "school_year": YEAR}
    },
    ("POST", "/connections/{id}/exports/{data_type}/registrations/test"): {"json": {"school_year": YEAR}},
    ("POST", "/connections/{id}/exports/{data_type}"): {"params": {"school_year": YEAR}},
}
READING: dict[tuple[str, str], Any] = {
    ("GET", "/connections/{id}"): {},
    ("GET", "/connections/{id}/history"): {},
    ("GET", "/connections/{id}/mappings/{data_type}"): {},
    ("GET", "/connections/{id}/mappings/{data_type}/{mapping}/export"): {},
    ("GET", "/connections/{id}/mappings/{data_type}/compare"): {"params": TWO},
    ("GET", "/connections/{id}/code-tables"): {},
    ("GET", "/connections/{id}/code-tables/{name}/report"): {},
    ("GET", "/connections/{id}/code-tables/{name}/versions/{version}"): {},
}
RUNS: dict[tuple[str, str], Any] = {
    ("GET", "/runs/{id}"): {},
    ("GET", "/runs/{id}/records"): {},
    ("GET", "/runs/{id}/records.csv"): {},
    ("POST", "/runs/{id}/records/search"): {"json": {"text": "mara"}},
    ("POST", "/runs/{id}/records.csv"): {"json": {"text": "mara"}},
    ("GET", "/runs/{id}/causes"): {},
    ("GET", "/runs/{id}/files/{number}"): {},
    ("POST", "/runs/{id}/approve"): {},
    ("POST", "/runs/{id}/reject"): {},
    ("POST", "/runs/{id}/cancel"): {},
    ("POST", "/runs/{id}/retry"): {},
    ("POST", "/runs/{id}/undo"): {},
}


def at(path: str, id: str) -> str:
    return path.format(id=id, direction="import", data_type="students", mapping="m", name="n", number=1, version=1)


class People:
    """Clients for other users of the organization."""

    def __init__(self, district: District) -> None:
        self._district = district
        self._users: dict[str, list[str]] = {district.user: list(FULL)}
        self._clients: list[httpx.AsyncClient] = []

    async def who_holds(self, *permissions: str) -> httpx.AsyncClient:
        user = f"u-{len(self._users) + 1}"
        self._users[user] = list(permissions)
        await turn(self._district, users=self._users)
        return self.bearing(await self._district.token(user))

    def bearing(self, token: str | None) -> httpx.AsyncClient:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        client = httpx.AsyncClient(
            base_url=self._district.api.base_url, headers=headers, trust_env=False, timeout=30, verify=trusted()
        )
        self._clients.append(client)
        return client

    async def aclose(self) -> None:
        for client in self._clients:
            await client.aclose()


@pytest.fixture
async def people(district: District) -> AsyncIterator[People]:
    found = People(district)
    yield found
    await found.aclose()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return roster(tmp_path / "district.csv", 20)


async def audit(district: District) -> list[dict[str, Any]]:
    answer = await district.api.get("/audit", params={"limit": 200})
    answer.raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return found


async def runs(district: District) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await district.api.get("/runs")).raise_for_status().json()
    return found


async def test_nobody_without_a_token(people: People, district: District) -> None:
    connection = await district.ad_hoc()
    nobody = people.bearing(None)

    answers = [
        await nobody.request(method, at(path, connection), **how)
        for (method, path), how in (READING | IMPORTING | EXPORTING | MANAGING | RUNS).items()
    ]
    answers += [await nobody.get(path) for path in ("/connections", "/runs", "/audit", "/catalogs/students")]
    answers.append(await nobody.post("/connections", json={"name": "Mine", "kind": "ad_hoc"}))

    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {(401, "token.missing")}


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"jti": None},
        {"org": None},
        {"sub": None},
        {"aud": "another-service"},
        {"iss": "https://enroll.example.org"},
        {"nbf": int(time.time()) + 3600},
    ],
    ids=lambda claims: next(iter(claims)),
)
async def test_a_token_that_enroll_signed_but_is_no_good(
    claims: dict[str, Any], people: People, district: District
) -> None:
    body = {"org": district.org, "user": district.user, "claims": claims}
    token = (await district.enroll.post("/sandbox/tokens", json=body)).raise_for_status().json()["token"]

    answer = await people.bearing(token).get("/connections")

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token.refused")


async def test_a_token_that_enroll_did_not_sign(people: People, district: District) -> None:
    good = await district.token()
    head, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    key_set = (await district.enroll.get("/.well-known/jwks.json")).json()
    public = next(key["x"] for key in key_set["keys"] if key["kid"] == head["kid"])
    forged = [
        jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", {"kid": head["kid"]}),
        jwt.encode(claims, Ed25519PrivateKey.generate(), "EdDSA", {"kid": "unheard-of"}),
        jwt.encode(claims, public.ljust(32, "="), "HS256", {"kid": head["kid"]}),
        jwt.encode(claims, "", "none", {"kid": head["kid"]}),
        f"{good[:-6]}AAAAAA",
        "not.a.token",
        "rubbish",
    ]

    answers = [await people.bearing(token).get("/connections") for token in forged]

    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in answers] == [
        (401, "token.refused")
    ] * len(forged)
    assert not [token for token, answer in zip(forged, answers, strict=True) if token in answer.text]
    assert (await people.bearing(good).get("/connections")).status_code == 200


async def test_limited_access_imports_and_does_not_manage(people: People, district: District, file: Path) -> None:
    connection = await district.ad_hoc()
    waiting = await district.upload(connection, file, preview=True)
    await district.watch(waiting["id"], states=frozenset({"needs_approval"}))
    limited = await people.who_holds(*LIMITED)

    for (method, path), how in (MANAGING | EXPORTING).items():
        answer = await limited.request(method, at(path, connection), **how)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission.refused"), path
        assert "Sync Service Full Access" in answer.json()["error"]["message"]
    assert (await limited.post("/connections", json={"name": "Mine", "kind": "ad_hoc"})).status_code == 403
    assert (await limited.get("/audit")).status_code == 403
    admins = f"/connections/{connection}/imports/admin_users"
    assert (await limited.post(admins, params={"school_year": YEAR}, files={"file": b"x"})).status_code == 403

    mapped = await limited.put(f"/connections/{connection}/mappings/students", json=student_mapping())
    assert mapped.status_code == 201
    assert (await limited.post(f"/runs/{waiting['id']}/approve")).status_code == 202
    assert (await district.watch(waiting["id"]))["state"] == "succeeded"
    started = await limited.post(
        f"/connections/{connection}/imports/students",
        params={"school_year": YEAR},
        files={"file": ("again.csv", file.read_bytes(), "text/csv")},
    )
    assert started.status_code == 202
    assert (await district.watch(started.json()["id"]))["state"] == "succeeded"
    retried = await limited.post(f"/runs/{waiting['id']}/retry")
    assert (retried.status_code, retried.json()["error"]["code"]) == (409, "retry.nothing")
    undone = await limited.post(f"/runs/{waiting['id']}/undo", params={"preview": True})
    assert undone.status_code == 202
    for (method, path), how in READING.items():
        expected = (
            404 if path.rpartition("/")[2] in {"export", "report", "compare", "{version}"} else 200
        )  # of a thing that is not there
        assert (await limited.request(method, at(path, connection), **how)).status_code == expected, path


async def test_without_a_permission_nothing_is_seen_or_done(people: People, district: District, tap: Tap) -> None:
    connection = await district.ad_hoc()
    visitor = await people.who_holds("View Registrations")

    for (method, path), how in (READING | IMPORTING | EXPORTING | MANAGING).items():
        answer = await visitor.request(method, at(path, connection), **how)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission.refused"), path
    for path in ("/connections", "/runs", "/audit", "/catalogs/students"):
        assert (await visitor.get(path)).status_code == 403

    assert await runs(district) == []
    assert await tap.heard(district.org) == []
    refused = [one for one in await audit(district) if not one["allowed"]]
    assert len(refused) >= len(READING | IMPORTING | EXPORTING | MANAGING)
    assert {one["actor"] for one in refused} == {"u-2"}


async def test_somebody_whom_enroll_no_longer_knows(people: People, district: District) -> None:
    gone = await people.who_holds(*FULL)
    assert (await gone.get("/connections")).status_code == 200
    await turn(district, users={district.user: list(FULL)})

    assert (await gone.get("/connections")).status_code == 403


async def test_another_organization_finds_nothing_and_the_try_is_audited(
    stack: Stack, district: District, org: str, file: Path, tap: Tap
) -> None:
    connection = await district.ad_hoc()
    run = await district.upload(connection, file, preview=True)
    await district.watch(run["id"], states=frozenset({"needs_approval"}))
    before = (await district.api.get(f"/connections/{connection}")).json()
    async with District(stack, f"{org}-neighbour", permissions=EXPORTER) as neighbour:
        tries = [
            (method, at(path, id), how)
            for paths, id in ((READING | IMPORTING | EXPORTING | MANAGING, connection), (RUNS, run["id"]))
            for (method, path), how in paths.items()
        ]
        tries.append(("GET", "/runs", {"params": {"connection": connection}}))
        for method, path, how in tries:
            answer = await neighbour.api.request(method, path, **how)
            assert answer.status_code == 404, f"{method} {path}: {answer.text}"
            assert district.org not in answer.text

        assert await runs(neighbour) == []
        assert (await neighbour.api.get("/connections")).json() == []
        told = await audit(neighbour)
        assert {one["subject"] for one in told if one["allowed"]} <= {"runs", "connections", "audit"}
        refused = [(one["deed"], one["subject"]) for one in told if not one["allowed"]]
        assert len(refused) == len(set(refused)) == len(tries), "each once"
        looked = {(method, f"/api/v1{path}") for method, path, _ in tries[:-1]}
        assert set(refused) == looked | {("GET", f"/api/v1/runs?connection={connection}")}
        assert await tap.heard(neighbour.org) == []

    assert (await district.api.get(f"/connections/{connection}")).json() == before
    assert (await district.run(run["id"]))["state"] == "needs_approval"


async def test_every_address_with_an_id_was_tried(stack: Stack) -> None:
    async with httpx.AsyncClient(
        base_url=stack.url("gateway"), trust_env=False, timeout=60, verify=trusted()
    ) as client:
        described = (await client.get("/openapi.json")).raise_for_status().json()
        assert (await client.get("/docs")).status_code == 200
    offered = {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, methods in described["paths"].items()
        for method in methods
        if "{id}" in path
    }
    operators = {one for one in offered if one[1].startswith("/failed-messages/")}  # pages/test_operators.py tries them
    assert offered - operators == set(READING | IMPORTING | EXPORTING | MANAGING | RUNS)


async def test_the_year_switched_off_refuses_and_emits_nothing(district: District, file: Path, tap: Tap) -> None:
    connection = await district.ad_hoc()
    folder = await district.sftp()
    await turn(district, sync_import_years=[YEAR - 1])

    for call in (district.upload(connection, file), district.pull(folder)):
        with pytest.raises(httpx.HTTPStatusError) as refused:
            await call
        assert refused.value.response.status_code == 403
        error = refused.value.response.json()["error"]
        assert f"Enable Sync Import for Year {YEAR}" in error["message"]
        assert error["fix"]

    assert await runs(district) == []
    assert await tap.heard(district.org) == []
    told = [(one["actor"], one["deed"], one["subject"]) for one in await audit(district) if not one["allowed"]]
    assert told == [(district.user, "import", folder), (district.user, "import", connection)]

    await turn(district, sync_import_years=[YEAR])
    run = await district.watch((await district.upload(connection, file))["id"])
    assert run["state"] == "succeeded"
    assert await tap.heard(run["id"]), "the tap does hear what is emitted"


async def test_credentials_go_in_and_never_come_out(district: District, stack: Stack) -> None:
    heard: list[str] = []

    async def listen(response: httpx.Response) -> None:
        await response.aread()
        heard.append(response.text)

    district.api.event_hooks["response"].append(listen)
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    secrets = {"password": "pw-7f3a9c-one", "private_key": key, "passphrase": "pp-7f3a9c-two"}
    later = {"password": "pw-7f3a9c-three"}
    body = {"name": "Nightly", "kind": "sftp", "sftp": {**SFTP, "port": stack.sftp.port}, "secrets": secrets}
    id = (await district.api.post("/connections", json=body)).raise_for_status().json()["id"]
    (await district.api.put(f"/connections/{id}/credentials", json=later)).raise_for_status()
    probed = await district.api.post(f"/connections/{id}/host-key/probe")
    await district.api.put(f"/connections/{id}/host-key", json={"host_key": probed.json()["host_key"]})
    assert (await district.api.post(f"/connections/{id}/test")).json()["error"]["code"] == "sftp.login_refused"
    await district.map_students(id)
    run = await district.watch((await district.pull(id))["id"])
    assert run["error"]["code"] == "sftp.login_refused"
    await district.api.patch(f"/connections/{id}", json={"name": "Renamed"})
    for path in ("/connections", f"/connections/{id}", f"/connections/{id}/history", "/runs", "/audit"):
        await district.api.get(path)

    sought = ["7f3a9c", *key.splitlines()[1:-1]]
    assert len(heard) > 12
    assert not [text for text in heard for secret in sought if secret in text]


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"name": "N", "kind": "sftp", "secrets": {"password": ["hunter2"]}}},
        {"json": {"name": "N", "kind": "hunter2"}},
        {"json": {"name": "N", "kind": "sftp", "sftp": {"host": "h", "user": "u", "port": "hunter2"}}},
        {"json": {"name": "N", "kind": "sftp", "secrets": "hunter2"}},
        {"json": ["hunter2"]},
        {"content": b'{"password": "hunter2', "headers": {"Content-Type": "application/json"}},
    ],
    ids=["list", "kind", "port", "text", "array", "broken"],
)
async def test_an_error_does_not_repeat_what_was_sent(sent: dict[str, Any], district: District) -> None:
    answer = await district.api.post("/connections", **sent)

    code = "request.invalid"
    if "content" in sent or isinstance(sent["json"], list):
        code = "request.not_json" if "content" in sent else "request.no_object"
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)
    assert answer.json()["error"]["message"]
    assert "hunter2" not in answer.text


async def test_an_error_about_a_mapping_does_not_repeat_what_was_sent(district: District) -> None:
    connection = await district.ad_hoc()
    for row in ({"type": "hunter2"}, {"type": "direct", "target": ["hunter2"]}, "hunter2"):
        answer = await district.api.put(f"/connections/{connection}/mappings/students", json={"fields": [row]})
        assert answer.status_code == 422
        assert "hunter2" not in answer.text


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("DELETE", "/connections"), ("GET", "/runs/%00")])
async def test_what_is_not_there_is_an_error_in_the_usual_shape(method: str, path: str, district: District) -> None:
    answer = await district.api.request(method, path)

    assert answer.status_code in (404, 405)
    assert set(answer.json()["error"]) == {"code", "message", "fix"}


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 10_000}, {"outcome": "Lost"}, {"after": "x" * 301}], ids=str)
async def test_bad_queries_are_told(query: dict[str, Any], district: District, file: Path) -> None:
    run = await district.watch((await district.upload(await district.ad_hoc(), file))["id"])

    answer = await district.api.get(f"/runs/{run['id']}/records", params=query)

    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")


async def test_a_body_without_its_content_type_is_told(district: District) -> None:
    answer = await district.api.post("/connections", content=b'{"name": "N", "kind": "ad_hoc"}')
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.no_object")
    assert "application/json" in answer.json()["error"]["fix"]


@pytest.mark.parametrize("name", [" ", "a\u0000b", "two\nlines", "\u202eedoc", ""])
async def test_a_connection_has_a_name_that_can_be_read(name: str, district: District) -> None:
    answer = await district.api.post("/connections", json={"name": name, "kind": "ad_hoc"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")
    spaced = await district.api.post("/connections", json={"name": " Roster  ", "kind": "ad_hoc"})
    assert spaced.json()["name"] == "Roster"


@pytest.mark.parametrize("path", ["/runs?before=garbage", "/audit?before=garbage", "/runs/run_1/records?after=garbage"])
async def test_a_cursor_that_is_none_is_told(path: str, district: District) -> None:
    answer = await district.api.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "request.invalid")
