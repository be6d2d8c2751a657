"""Enroll's API (docs/enroll-api.md): the target of imports, and the directory of users and switches."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from shared.model.codes import Code
from shared.model.errors import BadSettings, Conflict, NotFound, Permanent, Refused, Throttled, Unavailable
from shared.model.record import Applied, Change, ChangeBatch, Found, Problem
from shared.model.run import Run

TRIES = 3
_FIXES = {
    "school.unknown": "Import the school first, or correct the school's id or code.",
    "program.unknown": "Import the program first, or correct its id or name.",
    "program.ambiguous": "Give the Program ID instead of the name.",
    "program.no_form": "Assign an application form to the program in Enroll, then run again.",
    "programs.required": "Give the program ids, or set All Programs Access to 1.",
    "student.unknown": "Import the student first, or correct the id.",
    "student.another_person": "Correct the id, or the name and birth date; they must belong to one student.",
    "school_group.unknown": "Use the id of a School Group that Enroll has.",
    "school_level.unknown": "Use the id of a School Level that Enroll has.",
    "program_category.unknown": "Use the id of a Program Category that Enroll has.",
    "user_group.unknown": "Use the id of a User Group that Enroll has.",
    "grade.unknown": "Use the grade numbers of Enroll; Match Codes translates others.",
    "grade.not_offered": "Correct the grade, or add it to the grades of the program in Enroll.",
}
"""What to do about what Enroll says of a record."""
BATCH = 500
_TOKEN_FIX = "Check SYNC_ENROLL_TOKEN."  # noqa: S105


def enroll_client(base_url: str, token: str) -> httpx.AsyncClient:
    """One per process. The token stays in the client and out of every message."""
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        timeout=httpx.Timeout(30, connect=5),
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
    )


@dataclass(frozen=True, slots=True)
class EnrollSettings:
    """What Enroll says about an organization."""

    current_school_year: int
    import_years: frozenset[int]
    registration_module: bool


class EnrollDirectory:
    """Who may do what. All methods raise Unavailable or Throttled where Enroll does not answer."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def permissions(self, org: str, user: str) -> frozenset[str]:
        """Permission names as Enroll shows them; none for somebody Enroll does not know in this organization."""
        try:
            answer = await call(
                self._http, "GET", f"/api/v1/organizations/{_part(org)}/users/{_part(user)}/permissions"
            )
        except NotFound:
            return frozenset()
        return frozenset(str(one) for one in answer["permissions"])

    async def settings(self, org: str) -> EnrollSettings:
        """Raises NotFound for an organization that Enroll does not know."""
        answer = await call(self._http, "GET", f"/api/v1/organizations/{_part(org)}/settings")
        return EnrollSettings(
            int(answer["current_school_year"]),
            frozenset(int(year) for year in answer["sync_import_years"]),
            bool(answer["registration_module"]),
        )

    async def field_codes(self, org: str) -> dict[str, tuple[Code, ...]]:
        """The codes that fields take, by the name of their set. Raises NotFound for an unknown organization."""
        answer = await call(self._http, "GET", f"/api/v1/organizations/{_part(org)}/field-codes")
        return {str(name): tuple(map(Code.model_validate, codes)) for name, codes in answer["codes"].items()}

    async def signing_keys(self) -> dict[str, Any]:
        """The JWKS that sign-in tokens are checked against."""
        found: dict[str, Any] = await call(self._http, "GET", "/.well-known/jwks.json")
        return found


class EnrollTarget:
    """Records of one data type into Enroll.

    Safe to call again: batches carry an idempotency key and the run's sequence.
    """

    batch_size = BATCH
    concurrency = 4

    def __init__(self, http: httpx.AsyncClient, run: Run, match_key: str) -> None:
        self._http = http
        self._data_type = run.data_type
        self._base = f"/api/v1/organizations/{_part(run.org)}/{run.data_type}"
        self._common = {"school_year": run.school_year, "match_key": match_key}
        self._stamp = {"connection": run.connection, "sequence": run.number}

    async def look_up(self, keys: Sequence[str], fields: Sequence[str]) -> dict[str, Found]:
        body = {**self._common, "keys": list(keys), "fields": list(fields)}
        answer = await call(self._http, "POST", f"{self._base}:lookup", body)
        return {one["key"]: Found(str(one["id"]), one["values"]) for one in _rows(answer, self._data_type)}

    async def check(self, changes: Sequence[Change]) -> list[Sequence[Problem]]:
        body = {**self._common, "records": [_record(one) for one in changes]}
        try:
            answer = await call(self._http, "POST", f"{self._base}:check", body)
        except _CallRefused as refused:
            return [(_refused(refused),) for _ in changes]
        return [one.problems for one in _answers(answer, changes)]

    async def apply(self, batch: ChangeBatch) -> list[Applied]:
        records = [_record(one) for one in batch.changes]
        body = {**self._common, **self._stamp, "records": records}
        headers = {"Idempotency-Key": batch.idempotency_key}
        try:
            answer = await call(self._http, "POST", f"{self._base}:batch-upsert", body, headers)
        except _CallRefused as refused:
            return [Applied(one.key, False, "failed", one.target_id, (_refused(refused),)) for one in batch.changes]
        return _answers(answer, batch.changes)

    async def aclose(self) -> None:
        """The client is shared; nothing to close."""


class _CallRefused(Permanent):
    """A 4xx for the whole call that says something about the records in it."""


async def call(
    http: httpx.AsyncClient,
    method: str,
    path: str,
    body: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Any:
    """One call, tried up to 3 times where nobody knows what came of it.

    Raises:
        Unavailable, Throttled: later. BadSettings, Refused, Conflict, NotFound, Permanent: never like this.
    """
    content = orjson.dumps(body) if body is not None else None
    given = {**(headers or {}), **({"Content-Type": "application/json"} if content else {})}
    for attempt in range(TRIES):
        try:
            response = await http.request(method, path, content=content, headers=given)
            if response.status_code < 500 and response.status_code != 408:
                return _read(response)
            why = f"answered {response.status_code}"
        except httpx.RequestError as error:
            why = f"does not answer ({type(error).__name__})"
        if attempt + 1 < TRIES:
            await asyncio.sleep(0.1 * 3**attempt * random.uniform(0.7, 1.3))  # noqa: S311
    raise Unavailable("enroll.unavailable", f"Enroll {why}.", "The run goes on by itself when Enroll is back.")


def _read(response: httpx.Response) -> Any:
    status = response.status_code
    if status < 400:
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise Unavailable("enroll.not_json", "Enroll answered with something that is not JSON.") from None
    code, message = _error(response)
    if status == 429:
        raise Throttled("enroll.throttled", "Enroll asks to slow down.", retry_after=_seconds(response))
    if status in (401, 403):
        raise BadSettings("enroll.token_refused", "Enroll refuses the service token.", _TOKEN_FIX)
    if status == 404:
        raise NotFound("enroll.not_found", "Enroll does not know this organization, user or data type.")
    if code == "in_progress":
        raise Throttled("enroll.in_progress", "Enroll is still at work on this batch.", retry_after=_seconds(response))
    if code == "stale_sequence":
        raise Conflict("enroll.stale", "A later run has already written to Enroll.", "Look at the later run.")
    if code == "import_disabled":
        raise Refused(
            "import.year_off",
            "Sync Import is not enabled in Enroll for this school year.",
            "Turn on Settings > General > Enable Sync Import for the year, then run again.",
        )
    raise _CallRefused(f"enroll.{code}", f"Enroll refused the call ({status}): {message}")


def _record(change: Change) -> dict[str, Any]:
    return {"key": change.key, "id": change.target_id or None, "values": change.values}


def _refused(refused: _CallRefused) -> Problem:
    return Problem(refused.code, refused.message, "Ask Enroll's support what it means.")


def _answers(answer: Any, changes: Sequence[Change]) -> list[Applied]:
    results = [_applied(one) for one in _rows(answer, "results")]
    if [one.key for one in results] != [one.key for one in changes]:
        raise Unavailable("enroll.incomplete", "Enroll did not answer about each record.")
    return results


def _rows(answer: Any, name: str) -> list[Any]:
    rows = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise Unavailable("enroll.not_understood", "Enroll answered with something that is not in its contract.")
    return rows


def _error(response: httpx.Response) -> tuple[str, str]:
    try:
        error = orjson.loads(response.content)["error"]
        return str(error["code"]), str(error["message"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"http_{response.status_code}", "no reason given"


def _seconds(response: httpx.Response) -> float:
    try:
        return max(0.0, float(response.headers.get("Retry-After", "1")))
    except ValueError:
        return 30.0


def _applied(result: Mapping[str, Any]) -> Applied:
    problems = tuple(
        Problem(
            str(one.get("code", "")),
            str(one.get("message", "")),
            _FIXES.get(str(one.get("code")), ""),
            str(one.get("field") or ""),
        )
        for one in result.get("errors", ())
    )
    status = str(result["status"])
    target_id = result.get("id")
    return Applied(
        str(result["key"]), status != "failed", status, None if target_id is None else str(target_id), problems
    )


def _part(text: str) -> str:
    """One path segment, whatever is in it."""
    dots = not text.strip(".")
    return text.replace(".", "%2E") if dots else quote(text, safe="")
