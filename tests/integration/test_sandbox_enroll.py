"""docs/enroll-api.md, sentence by sentence, over HTTP."""

import asyncio
import time
from typing import Any

import httpx
import jwt
import pytest

from services.sandbox.idempotency import KEPT_SECONDS, Answers
from services.sandbox.main import create_app
from services.sandbox.server import bind, serving
from services.sandbox.world import OrganizationSpec, World
from shared.security.trust import trusted
from tests.integration.sandbox_caller import KEY, Caller, address, enroll, error, eventually, student

__all__ = ["address", "enroll"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


# Authentication and errors


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer", "Basic service-token", "service-token"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/organizations/o-1/users/u-1/permissions"),
        ("GET", "/api/v1/organizations/o-1/settings"),
        ("POST", "/api/v1/organizations/o-1/students:lookup"),
        ("POST", "/api/v1/organizations/o-1/students:batch-upsert"),
    ],
)
async def test_every_call_needs_the_service_token(
    enroll: Caller, address: str, header: str | None, method: str, path: str
) -> None:
    headers = {} if header is None else {"Authorization": header}
    async with httpx.AsyncClient(base_url=address, headers=headers, verify=trusted()) as stranger:
        assert error(await stranger.request(method, path)) == (401, "unauthorized")


async def test_without_a_service_token_configured_nobody_gets_in() -> None:
    async with (
        serving(create_app(World("", organizations={"o-1": OrganizationSpec()})), bind("127.0.0.1", 0)) as url,
        httpx.AsyncClient(base_url=url, headers={"Authorization": "Bearer"}, verify=trusted()) as http,
    ):
        assert error(await http.get("/api/v1/organizations/o-1/settings")) == (401, "unauthorized")


async def test_errors_outside_the_contract_have_its_body_too(enroll: Caller) -> None:
    assert error(await enroll.http.get("/api/v1/nothing")) == (404, "not_found")
    assert error(await enroll.http.get("/api/v1/organizations/o-1/students:lookup")) == (405, "method_not_allowed")
    assert error(await enroll.http.put("/sandbox/organizations/o-9", json={"x": 1})) == (422, "invalid")
    assert error(await enroll.http.put("/sandbox/organizations/o-9", content=b"{")) == (400, "bad_request")


# Who may do what


async def test_permissions_of_a_user(enroll: Caller) -> None:
    answer = await enroll.http.get("/api/v1/organizations/o-1/users/u-1/permissions")
    assert answer.json() == {"user": "u-1", "permissions": ["Sync Service Full Access"]}
    answer = await enroll.http.get("/api/v1/organizations/o-1/users/u-2/permissions")
    assert answer.json() == {"user": "u-2", "permissions": []}


async def test_a_user_unknown_or_of_another_organization_is_404(enroll: Caller) -> None:
    await enroll.http.patch("/sandbox/organizations/o-2", json={"users": {"u-3": []}})
    for org, user, code in (("o-1", "u-3", "user_unknown"), ("o-9", "u-1", "organization_unknown")):
        answer = await enroll.http.get(f"/api/v1/organizations/{org}/users/{user}/permissions")
        assert error(answer) == (404, code)


async def test_settings(enroll: Caller) -> None:
    expected = {"current_school_year": 2026, "sync_import_years": [2026], "registration_module": True}
    assert (await enroll.settings()).json() == expected
    await enroll.patch(sync_import_years=[], registration_module=False)
    changed = expected | {"sync_import_years": [], "registration_module": False}
    assert (await enroll.settings()).json() == changed
    assert error(await enroll.settings("o-9")) == (404, "organization_unknown")


# Signing in


async def test_a_token_is_signed_as_the_contract_says(enroll: Caller, address: str) -> None:
    answer = await enroll.http.post("/sandbox/tokens", json={"org": "o-1", "user": "u-1"})
    token = answer.json()["token"]
    claims = jwt.decode(
        token, await _key(address, token), algorithms=["EdDSA"], audience="sync-service", issuer=address
    )
    assert (claims["sub"], claims["org"]) == ("u-1", "o-1")
    assert 0 < claims["exp"] - claims["iat"] <= 3600
    assert abs(claims["iat"] - time.time()) < 60
    again = await enroll.http.post("/sandbox/tokens", json={"org": "o-1", "user": "u-1"})
    other = jwt.decode(again.json()["token"], options={"verify_signature": False})
    assert claims["jti"] != other["jti"]


async def test_a_key_is_published_before_it_is_used(enroll: Caller, address: str) -> None:
    for _ in range(2):
        published = {key["kid"] for key in (await enroll.http.get("/.well-known/jwks.json")).json()["keys"]}
        old = (await enroll.http.post("/sandbox/tokens", json={"org": "o-1", "user": "u-1"})).json()["token"]
        used = (await enroll.http.post("/sandbox/tokens/rotate")).json()["kid"]
        new = (await enroll.http.post("/sandbox/tokens", json={"org": "o-1", "user": "u-1"})).json()["token"]
        assert jwt.get_unverified_header(new)["kid"] == used
        assert used in published
        assert used != jwt.get_unverified_header(old)["kid"]
        for token in (old, new):
            jwt.decode(token, await _key(address, token), algorithms=["EdDSA"], audience="sync-service")


async def test_the_key_set_holds_public_parts_only(enroll: Caller) -> None:
    for key in (await enroll.http.get("/.well-known/jwks.json")).json()["keys"]:
        assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("OKP", "Ed25519", "EdDSA", "sig")
        assert "d" not in key


async def test_strangers_get_no_token_and_bad_tokens_can_be_made(enroll: Caller) -> None:
    answer = await enroll.http.post("/sandbox/tokens", json={"org": "o-1", "user": "u-9"})
    assert error(answer) == (404, "user_unknown")
    wrong = {"org": "o-1", "user": "u-1", "claims": {"exp": 1, "aud": "else", "jti": None}}
    token = (await enroll.http.post("/sandbox/tokens", json=wrong)).json()["token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["exp"], claims["aud"]) == (1, "else")
    assert "jti" not in claims


async def _key(address: str, token: str) -> Any:
    async with httpx.AsyncClient(base_url=address, verify=trusted()) as anyone:
        keys = jwt.PyJWKSet.from_dict((await anyone.get("/.well-known/jwks.json")).json())
    return keys[jwt.get_unverified_header(token)["kid"]].key


# Lookup


async def test_look_up(enroll: Caller) -> None:
    await enroll.upsert([student("20231"), student("20232")])
    answer = await enroll.look_up(["20232", "nobody"], ["students.fname", "students.mname", "student_annual.grade"])
    (found,) = answer.json()["students"]
    assert found["key"] == "20232"
    assert found["values"] == {"students.fname": "Mara", "students.mname": None, "student_annual.grade": 3}
    assert isinstance(found["id"], str)
    assert (await enroll.look_up(["20232"], org="o-2")).json() == {"students": []}
    assert (await enroll.stats())["lookups"] == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"keys": ["k"] * 501}, (422, "too_many")),
        ({"keys": [1]}, (400, "bad_request")),
        ({"keys": None}, (400, "bad_request")),
        ({"fields": ["students.shoe_size"]}, (422, "field_unknown")),
        ({"match_key": "students.fname"}, (422, "match_key_unknown")),
        ({"school_year": "2026"}, (400, "bad_request")),
    ],
)
async def test_look_up_refuses(enroll: Caller, body: dict[str, Any], expected: tuple[int, str]) -> None:
    sent = {"school_year": 2026, "match_key": KEY, "keys": [], "fields": []} | body
    answer = await enroll.http.post("/api/v1/organizations/o-1/students:lookup", json=sent)
    assert error(answer) == expected


async def test_500_keys_may_be_looked_up(enroll: Caller) -> None:
    assert (await enroll.look_up([str(n) for n in range(500)])).status_code == 200


# Batch upsert


async def test_one_result_per_record_in_order(enroll: Caller) -> None:
    first = await enroll.upsert([student("20231")])
    (made,) = first.json()["results"]
    assert made == {"key": "20231", "status": "created", "id": made["id"], "errors": []}
    bad = student("20232", **{"students.fname": "x" * 101})
    again = await enroll.upsert([student("20231"), bad, student("20233"), student("20231", **{KEY: "20231"})])
    same, failed, created, unchanged = again.json()["results"]
    assert same == {"key": "20231", "status": "unchanged", "id": made["id"], "errors": []}
    assert (failed["key"], failed["status"], failed["id"]) == ("20232", "failed", None)
    (found,) = failed["errors"]
    assert found.keys() == {"code", "field", "message"}
    assert (found["code"], found["field"]) == ("value.too_long", "students.fname")
    assert (created["status"], unchanged["status"]) == ("created", "unchanged")
    assert await enroll.stats() == {
        "students": 2,
        "created": 2,
        "updated": 0,
        "unchanged": 2,
        "removed": 0,
        "failed": 1,
        "batches": 2,
        "replayed": 0,
        "lookups": 0,
        "duplicates": 0,
        "writes": 2,
        "most_writes": 1,
    }


async def test_only_the_named_fields_are_touched(enroll: Caller) -> None:
    await enroll.upsert([student(**{"students.mname": "Ines"})])
    await enroll.upsert([{"key": "20231", "id": None, "values": {"students.mname": None}}])
    (found,) = (await enroll.look_up(["20231"], ["students.fname", "students.mname"])).json()["students"]
    assert found["values"] == {"students.fname": "Mara", "students.mname": None}


async def test_organizations_never_meet(enroll: Caller) -> None:
    (mine,) = (await enroll.upsert([student()])).json()["results"]
    (theirs,) = (await enroll.upsert([student()], org="o-2")).json()["results"]
    assert theirs["status"] == "created"
    assert theirs["id"] != mine["id"]
    (refused,) = (await enroll.upsert([student() | {"id": mine["id"]}], org="o-2")).json()["results"]
    assert refused["errors"][0]["code"] == "student.unknown"
    assert error(await enroll.upsert([student()], org="o-9")) == (404, "organization_unknown")


async def test_at_most_500_records(enroll: Caller) -> None:
    most = [student(str(number)) for number in range(500)]
    assert (await enroll.upsert(most)).status_code == 200
    assert error(await enroll.upsert([*most, student("500")])) == (422, "too_many")
    assert (await enroll.stats())["students"] == 500


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"school_year": None}, (400, "bad_request")),
        ({"sequence": -1}, (400, "bad_request")),
        ({"sequence": True}, (400, "bad_request")),
        ({"connection": ""}, (400, "bad_request")),
        ({"records": {}}, (400, "bad_request")),
        ({"match_key": "students.fname"}, (422, "match_key_unknown")),
    ],
)
async def test_a_malformed_call_is_refused(enroll: Caller, body: dict[str, Any], expected: tuple[int, str]) -> None:
    assert error(await enroll.upsert([student()], **body)) == expected
    assert (await enroll.stats())["students"] == 0


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
async def test_a_body_that_is_no_json_object_is_refused(enroll: Caller, content: bytes) -> None:
    path = "/api/v1/organizations/o-1/students:batch-upsert"
    answer = await enroll.http.post(path, content=content, headers={"Idempotency-Key": "k"})
    assert error(answer) == (400, "bad_request")


async def test_the_years_switch_must_be_on(enroll: Caller) -> None:
    await enroll.patch(sync_import_years=[2027])
    assert error(await enroll.upsert([student()], "k-1")) == (422, "import_disabled")
    assert (await enroll.stats())["batches"] == 0
    await enroll.patch(sync_import_years=[2026])
    assert (await enroll.upsert([student()], "k-1")).status_code == 200


# Idempotency and sequence


async def test_an_idempotency_key_is_needed(enroll: Caller) -> None:
    path = "/api/v1/organizations/o-1/students:batch-upsert"
    assert error(await enroll.http.post(path, json={})) == (400, "idempotency_key_missing")


async def test_the_same_call_again_gets_the_first_answer_and_changes_nothing(enroll: Caller) -> None:
    first = await enroll.upsert([student()], "k-1")
    await enroll.upsert([student(**{"students.fname": "Maria"})], "k-2")
    again = await enroll.upsert([student()], "k-1")
    assert (again.status_code, again.content) == (200, first.content)
    stats = await enroll.stats()
    assert (stats["batches"], stats["replayed"], stats["created"], stats["updated"]) == (2, 1, 1, 1)
    (found,) = (await enroll.look_up(["20231"], ["students.fname"])).json()["students"]
    assert found["values"] == {"students.fname": "Maria"}


async def test_the_same_key_with_another_body_is_refused(enroll: Caller) -> None:
    await enroll.upsert([student()], "k-1")
    assert error(await enroll.upsert([student("20232")], "k-1")) == (422, "idempotency_key_reused")
    assert (await enroll.stats())["students"] == 1


async def test_idempotency_keys_are_an_organizations_own(enroll: Caller) -> None:
    await enroll.upsert([student()], "k-1")
    (result,) = (await enroll.upsert([student("20232")], "k-1", org="o-2")).json()["results"]
    assert result["status"] == "created"


async def test_while_the_first_call_runs_the_second_is_told_to_wait(enroll: Caller) -> None:
    await enroll.faults({"path": "batch-upsert", "hold": 30, "times": 1})
    first = asyncio.create_task(enroll.upsert([student()], "k-1"))
    await eventually(enroll.fired)
    second = await enroll.upsert([student()], "k-1")
    assert error(second) == (409, "in_progress")
    assert int(second.headers["Retry-After"]) >= 1
    assert error(await enroll.upsert([student("20232")], "k-1")) == (422, "idempotency_key_reused")
    assert (await enroll.upsert([student("20233")], "k-2")).status_code == 200
    assert not first.done()
    first.cancel()


async def test_keys_are_kept_for_seven_days() -> None:
    now = 0.0
    answers = Answers(lambda: now)
    assert answers.claim("k", b"digest") is None
    answers.keep("k", b"answer")
    now = KEPT_SECONDS
    assert answers.claim("k", b"digest") == b"answer"
    now = KEPT_SECONDS + 1
    assert answers.claim("k", b"digest") is None


async def test_a_lower_sequence_is_stale(enroll: Caller) -> None:
    await enroll.upsert([student()], sequence=7)
    stale = await enroll.upsert([student(**{"students.fname": "Old"})], "late", sequence=6)
    assert error(stale) == (409, "stale_sequence")
    assert (await enroll.upsert([student()], sequence=7)).status_code == 200
    assert (await enroll.upsert([student()], connection="con_2", sequence=1)).status_code == 200
    assert (await enroll.upsert([student()], org="o-2", sequence=1)).status_code == 200
    stats = await enroll.stats()
    assert (stats["updated"], stats["most_writes"]) == (0, 1)


async def test_a_remembered_answer_is_given_however_late(enroll: Caller) -> None:
    first = await enroll.upsert([student()], "k-1", sequence=1)
    await enroll.upsert([student()], "k-2", sequence=2)
    await enroll.patch(sync_import_years=[])
    again = await enroll.upsert([student()], "k-1", sequence=1)
    assert (again.status_code, again.content) == (200, first.content)


async def test_a_refused_call_does_not_raise_the_sequence(enroll: Caller) -> None:
    await enroll.patch(sync_import_years=[])
    assert error(await enroll.upsert([student()], sequence=9)) == (422, "import_disabled")
    await enroll.patch(sync_import_years=[2026])
    assert (await enroll.upsert([student()], sequence=1)).status_code == 200
