"""The sandbox's own endpoints: setting up the world, looking into it, and every fault, over HTTP."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from tests.integration.sandbox_caller import KEY, SPEC, Caller, address, enroll, error, eventually, student

__all__ = ["address", "enroll"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


# Admin


async def test_organizations_are_made_shown_replaced_and_forgotten(enroll: Caller) -> None:
    path = "/sandbox/organizations/o-1"
    await enroll.upsert([student()])
    shown = (await enroll.http.get(path)).json()
    assert {name: shown[name] for name in ("id", *SPEC)} == {"id": "o-1", **SPEC}
    await enroll.patch(current_school_year=2027)
    assert (await enroll.stats())["students"] == 1
    await enroll.http.put(path, json=SPEC)
    assert (await enroll.stats())["students"] == 0
    assert (await enroll.http.delete(path)).status_code == 204
    assert error(await enroll.http.get(path)) == (404, "organization_unknown")
    assert error(await enroll.http.delete(path)) == (404, "organization_unknown")
    assert (await enroll.http.get("/sandbox/organizations/seed")).status_code == 200


async def test_students_are_shown_with_their_writes(enroll: Caller) -> None:
    await enroll.upsert([student(str(number)) for number in range(5)])
    await enroll.upsert([student("3", **{"students.fname": "Maria"})])
    path = "/sandbox/organizations/o-1/students"
    page = (await enroll.http.get(path, params={"limit": 2, "offset": 2})).json()
    assert page["total"] == 5
    assert [shown["values"][KEY] for shown in page["students"]] == ["2", "3"]
    assert [shown["writes"] for shown in page["students"]] == [1, 2]
    (one,) = (await enroll.http.get(path, params={"key": "3"})).json()["students"]
    assert (one["values"]["students.fname"], one["values"]["student_annual.grade"]) == ("Maria", 3)
    (other,) = (await enroll.http.get(path, params={"key": "3", "school_year": 2027})).json()["students"]
    assert "student_annual.grade" not in other["values"]
    assert (await enroll.http.get(path, params={"key": "9"})).json()["students"] == []
    assert error(await enroll.http.get(path, params={"limit": 0})) == (422, "invalid")
    assert error(await enroll.http.get(path, params={"match_key": "x"})) == (422, "match_key_unknown")


async def test_health(enroll: Caller) -> None:
    await enroll.faults({"path": "", "status": 503})
    assert (await enroll.http.get("/healthz")).status_code == 200


# Faults


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_status_is_answered_and_nothing_done(enroll: Caller, status: int) -> None:
    await enroll.faults({"path": "students:batch-upsert", "status": status, "retry_after": 7, "times": 1})
    refused = await enroll.upsert([student()], "k-1")
    assert error(refused) == (status, "fault")
    assert refused.headers["Retry-After"] == "7"
    assert (await enroll.stats())["batches"] == 0
    assert (await enroll.upsert([student()], "k-1")).json()["results"][0]["status"] == "created"


async def test_an_answer_can_be_lost_after_the_effect(enroll: Caller) -> None:
    await enroll.faults({"path": "batch-upsert", "status": 503, "after": True, "times": 1})
    assert error(await enroll.upsert([student()], "k-1")) == (503, "fault")
    assert (await enroll.stats())["created"] == 1
    assert (await enroll.upsert([student()], "k-1")).json()["results"][0]["status"] == "created"
    stats = await enroll.stats()
    assert (stats["batches"], stats["replayed"], stats["most_writes"]) == (1, 1, 1)


@pytest.mark.parametrize(("after", "created"), [(False, 0), (True, 1)])
async def test_the_connection_can_be_cut(enroll: Caller, after: bool, created: int) -> None:
    await enroll.faults({"path": "batch-upsert", "close": True, "after": after, "times": 1})
    big = [student(str(number), **{"students.race": ["W"] * 100}) for number in range(400)]
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await enroll.upsert(big, "k-1")
    assert (await enroll.stats())["created"] == created * 400
    assert (await enroll.upsert(big, "k-1")).status_code == 200
    assert (await enroll.stats())["most_writes"] == 1


async def test_a_maintenance_page_with_200(enroll: Caller) -> None:
    await enroll.faults({"path": "/settings$", "body": "<html>Back soon</html>"})
    page = await enroll.settings()
    assert (page.status_code, page.text) == (200, "<html>Back soon</html>")
    assert page.headers["Content-Type"].startswith("text/html")
    await enroll.faults({"path": "/settings", "status": 503, "body": "{}", "content_type": "application/json"})
    page = await enroll.settings()
    assert (page.status_code, page.json()) == (503, {})


async def test_a_delay_before_the_call_and_one_before_the_answer(enroll: Caller) -> None:
    await enroll.faults({"path": "batch-upsert", "delay": 30, "times": 1})
    call = asyncio.create_task(enroll.upsert([student("1")]))
    await eventually(enroll.fired)
    assert (await enroll.stats())["batches"] == 0
    call.cancel()
    await enroll.faults({"path": "batch-upsert", "delay": 30, "after": True, "times": 1})
    call = asyncio.create_task(enroll.upsert([student("2")]))

    async def is_made() -> bool:
        return (await enroll.stats())["created"] == 1

    await eventually(is_made)
    assert not call.done()
    call.cancel()


async def test_a_delayed_call_is_answered_as_usual(enroll: Caller) -> None:
    for after in (False, True):
        await enroll.faults({"path": "settings", "delay": 0.05, "after": after})
        started = time.monotonic()
        assert (await enroll.settings()).json()["current_school_year"] == 2026
        assert time.monotonic() - started >= 0.05


async def test_a_rule_is_for_a_path_and_an_organization(enroll: Caller) -> None:
    await enroll.faults({"path": r"/users/u-\d+/", "org": "o-1", "status": 500})
    statuses = [
        (await enroll.http.get(f"/api/v1/organizations/{org}/users/u-1/permissions")).status_code
        for org in ("o-1", "o-2")
    ]
    assert statuses == [500, 200]
    assert (await enroll.settings()).status_code == 200
    await enroll.faults({"org": "o-1", "status": 500})
    assert (await enroll.http.get("/.well-known/jwks.json")).status_code == 200


async def test_a_rule_fires_so_many_times_and_at_each_kth_call(enroll: Caller) -> None:
    await enroll.faults({"path": "settings", "status": 503, "every": 3, "times": 2})
    statuses = [(await enroll.settings()).status_code for _ in range(10)]
    assert statuses == [200, 200, 503, 200, 200, 503, 200, 200, 200, 200]
    (rule,) = (await enroll.http.get("/sandbox/faults")).json()
    assert rule == {"path": "settings", "status": 503, "every": 3, "times": 2, "matched": 6, "fired": 2}


async def test_rules_are_tried_in_order(enroll: Caller) -> None:
    await enroll.faults(
        {"path": "settings", "status": 503, "times": 1}, {"path": "settings", "status": 429, "times": 2}
    )
    assert [(await enroll.settings()).status_code for _ in range(4)] == [503, 429, 429, 200]


async def test_fields_can_be_refused_per_record(enroll: Caller) -> None:
    await enroll.faults({"path": "batch-upsert", "reject_fields": {"student_annual.city": "No such city."}})
    sent = [student("1", **{"student_annual.city": "Mesa"}), student("2")]
    failed, created = (await enroll.upsert(sent)).json()["results"]
    assert failed["errors"] == [{"code": "value.rejected", "field": "student_annual.city", "message": "No such city."}]
    assert created["status"] == "created"


async def test_faults_are_replaced_and_cleared(enroll: Caller) -> None:
    await enroll.faults({"path": "settings", "status": 503})
    await enroll.faults({"path": "settings", "status": 500})
    assert (await enroll.settings()).status_code == 500
    assert (await enroll.http.delete("/sandbox/faults")).status_code == 204
    assert (await enroll.settings()).status_code == 200
    assert (await enroll.http.get("/sandbox/faults")).json() == []


@pytest.mark.parametrize("rule", [{"path": "("}, {"status": 99}, {"times": 0}, {"every": 0}, {"typo": 1}, 7])
async def test_a_rule_that_means_nothing_is_refused(enroll: Caller, rule: Any) -> None:
    assert error(await enroll.http.put("/sandbox/faults", json=[rule])) == (422, "invalid")
