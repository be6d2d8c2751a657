"""Enroll's API (docs/enroll-api.md): the target of imports, and the directory of users, switches and codes."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from shared.model.codes import Code
from shared.model.error_texts import every_text, said
from shared.model.errors import BadSettings, Conflict, NotFound, Permanent, Refused, Throttled, Unavailable
from shared.model.record import Action, Applied, Change, ChangeBatch, Found, Problem, Sought
from shared.model.run import Run
from shared.security.trust import trusted

TRIES = 3
BATCH = 500


def enroll_client(base_url: str, token: str) -> httpx.AsyncClient:
    """One per process. The token stays in the client and out of every message."""
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
        timeout=httpx.Timeout(30, connect=5),
        limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
        verify=trusted(),
    )


@dataclass(frozen=True, slots=True)
class EnrollSettings:
    """What Enroll says about an organization."""

    current_school_year: int
    import_years: frozenset[int]
    registration_module: bool


class EnrollDirectory:
    """Who may do what, which switches are on, and which codes there are.

    All methods raise Unavailable or Throttled where Enroll does not answer.
    """

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
    resumes = True

    def __init__(self, http: httpx.AsyncClient, run: Run, match_key: str) -> None:
        self._http = http
        self._data_type = run.data_type
        self._base = f"/api/v1/organizations/{_part(run.org)}/{run.data_type}"
        self._common = {"school_year": run.school_year, "match_key": match_key}
        self._stamp = {"connection": run.connection, "sequence": run.number}

    async def look_up(self, sought: Sequence[Sought], fields: Sequence[str]) -> dict[str, Found]:
        body = {**self._common, "keys": [one.key for one in sought], "fields": list(fields)}
        answer = await call(self._http, "POST", f"{self._base}:lookup", body)
        return {one["key"]: Found(str(one["id"]), one["values"]) for one in _rows(answer, self._data_type)}

    async def check(self, changes: Sequence[Change]) -> list[Sequence[Problem]]:
        saved, removed = _sorted(changes)
        checked = await self._sent(":check", saved, {})
        tried = await self._sent(":remove", removed, {"dry_run": True})
        return [one.problems for one in _in_order(changes, checked, tried)]

    async def apply(self, batch: ChangeBatch) -> list[Applied]:
        saved, removed = _sorted(batch.changes)
        key = batch.idempotency_key
        done = await self._sent(":batch-upsert", saved, self._stamp, {"Idempotency-Key": key})
        gone = await self._sent(":remove", removed, self._stamp, {"Idempotency-Key": f"{key}/remove"})
        return _in_order(batch.changes, done, gone)

    async def _sent(
        self, verb: str, changes: Sequence[Change], more: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> list[Applied]:
        if not changes:
            return []
        body = {**self._common, **more, "records": [_record(one) for one in changes]}
        try:
            answer = await call(self._http, "POST", f"{self._base}{verb}", body, headers)
        except _CallRefused as refused:
            return [Applied(one.key, False, "failed", one.target_id, (_refused(refused),)) for one in changes]
        return _answers(answer, changes)

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
    raise Unavailable(*said("enroll.unavailable", why=why))


def _read(response: httpx.Response) -> Any:
    status = response.status_code
    if status < 400:
        try:
            return orjson.loads(response.content)
        except orjson.JSONDecodeError:
            raise Unavailable(*said("enroll.not_json")) from None
    code, message = _error(response)
    if status == 429:
        raise Throttled(*said("enroll.throttled"), retry_after=_seconds(response))
    if status in (401, 403):
        raise BadSettings(*said("enroll.token_refused"))
    if status == 404:
        raise NotFound(*said("enroll.not_found"))
    if code == "in_progress":
        raise Throttled(*said("enroll.in_progress"), retry_after=_seconds(response))
    if code == "stale_sequence":
        raise Conflict(*said("enroll.stale"))
    if code == "registration_off":
        raise Refused(*said("export.registration_off"))
    if code == "import_disabled":
        raise Refused(*said("import.year_off"))
    raise _CallRefused(f"enroll.{code}", every_text()["enroll.refused"].message.format(status=status, message=message))


def _sorted(changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    """Those to save, and those to remove."""
    removed = [one for one in changes if one.action is Action.REMOVE]
    return [one for one in changes if one.action is not Action.REMOVE], removed


def _in_order(changes: Sequence[Change], saved: Sequence[Applied], removed: Sequence[Applied]) -> list[Applied]:
    kinds = iter(saved), iter(removed)
    return [next(kinds[one.action is Action.REMOVE]) for one in changes]


def _record(change: Change) -> dict[str, Any]:
    return {"key": change.key, "id": change.target_id or None, "values": change.values}


def _refused(refused: _CallRefused) -> Problem:
    return Problem(refused.code, refused.message, every_text()["enroll.refused"].fix)


def _answers(answer: Any, changes: Sequence[Change]) -> list[Applied]:
    results = [_applied(one) for one in _rows(answer, "results")]
    if [one.key for one in results] != [one.key for one in changes]:
        raise Unavailable(*said("enroll.incomplete"))
    return results


def _rows(answer: Any, name: str) -> list[Any]:
    rows = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise Unavailable(*said("enroll.not_understood"))
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
            _fix(str(one.get("code"))),
            str(one.get("field") or ""),
        )
        for one in result.get("errors", ())
    )
    status = str(result["status"])
    target_id = result.get("id")
    return Applied(
        str(result["key"]), status != "failed", status, None if target_id is None else str(target_id), problems
    )


def _fix(code: str) -> str:
    text = every_text().get(code)
    return text.fix if text else ""


def _part(text: str) -> str:
    """One path segment, whatever is in it."""
    dots = not text.strip(".")
    return text.replace(".", "%2E") if dots else quote(text, safe="")
