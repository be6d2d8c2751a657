"""What docs/sandbox.md says of faults is so: every rule in its table is switched on, felt, and switched off again."""

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.sandbox.faults import FaultRule
from tests.integration.sandbox_caller import Caller, address, enroll

__all__ = ["address", "enroll"]
pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("<!-- faults:")[2].partition("<!-- /faults -->")[0]
RULES = {words: json.loads(rule) for words, rule in re.findall(r"^\| (.+?) \| `(\{.+\})` \|$", TABLE, re.MULTILINE)}
QUICK = 0.3
"""Seconds that nobody minds waiting for."""


async def asked(http: httpx.AsyncClient) -> httpx.Response | None:
    """None where the connection was cut off."""
    try:
        return await http.get("/aeries/mesa/api/v5/schools", headers={"AERIES-CERT": "secret"})
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return None


def is_well(answer: httpx.Response | None) -> bool:
    return answer is not None and answer.status_code == 200 and answer.text.startswith("[{") and answer.text[-1] == "]"


def is_as_ruled(answer: httpx.Response | None, rule: dict[str, Any], seconds: float) -> bool:
    if rule.get("close"):
        return answer is None
    if answer is None or seconds < rule.get("delay", 0):
        return False
    if "body" in rule:
        return answer.text == str(rule["body"])
    if "status" in rule:
        told = answer.headers.get("Retry-After", "0")
        return (answer.status_code, told) == (int(rule["status"]), str(rule.get("retry_after", 0)))
    return is_well(answer)


@pytest.mark.parametrize("words", RULES)
async def test_a_rule_does_what_the_page_says(enroll: Caller, words: str) -> None:
    rule = RULES[words]
    rule |= {"delay": min(rule["delay"], QUICK)} if "delay" in rule else {}
    await enroll.http.put("/sandbox/aeries/mesa", json={})
    assert is_well(await asked(enroll.http))
    await enroll.faults(rule)
    for _ in range(rule.get("every", 1) - 1):
        assert is_well(await asked(enroll.http))
    for _ in range(rule.get("times", 1)):
        started = time.monotonic()
        answer = await asked(enroll.http)
        assert is_as_ruled(answer, rule, time.monotonic() - started), answer
    assert await enroll.fired()
    if "times" in rule:
        assert is_well(await asked(enroll.http))
    await enroll.http.delete("/sandbox/faults")
    assert (await enroll.http.get("/sandbox/faults")).json() == []
    assert is_well(await asked(enroll.http))


def lines() -> list[tuple[str, str, Any]]:
    """Method, path and JSON of the calls that stand on the page."""
    found = re.findall(r"^    curl (?:-X (\w+) )?localhost:8090(\S+)(?: --json '(.+)')?$", PAGE, re.MULTILINE)
    return [(method or "GET", path, json.loads(sent) if sent else None) for method, path, sent in found]


async def test_every_call_of_the_page_is_taken(enroll: Caller) -> None:
    assert len(lines()) >= 5
    for method, path, sent in lines():
        answer = await enroll.http.request(method, path, json=sent)
        assert answer.status_code < 300, (path, answer.text)
    assert (await enroll.http.get("/sandbox/faults")).json() == []


async def test_a_server_with_a_host_of_its_own_is_ruled_by_the_path_it_is_called_by(enroll: Caller) -> None:
    await enroll.http.put("/sandbox/aeries/mesa", json={})
    await enroll.faults({"path": "^/api/v5/", "status": 503})
    headers = {"AERIES-CERT": "secret", "Host": "mesa.aeries.localhost"}
    assert (await enroll.http.get("/api/v5/schools", headers=headers)).status_code == 503
    assert is_well(await asked(enroll.http))


async def test_every_field_of_a_rule_is_on_the_page() -> None:
    said = {name for rule in RULES.values() for name in rule} | set(re.findall(r"`(\w+)`", PAGE))
    assert set(FaultRule.model_fields) - said == set()
    assert len(RULES) == 11
