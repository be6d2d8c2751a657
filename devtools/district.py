"""A district that uses a running stack: an organization in the simulated Enroll, a person signed in, their calls."""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from devtools.stack import SANDBOX, Stack
from services.sandbox.district import student_mapping
from shared.security.trust import trusted

YEAR = 2026
FULL = ("Sync Service Full Access",)
EXPORTER = (*FULL, "View Registrations", "Edit Registrations")
COLLEAGUES = {
    "u-limited": ("Sync Service Limited Access", "View Registrations"),
    "u-operator": (*EXPORTER, "Sync Service Operator"),
}
"""People of the demo beside the one who does everything."""
CODE = "schools.school_code"
SCHOOL = {"schools.school_group_id": 1, "school_annual.level_id": 1, "schools.address": "12 Elm St"}
ENDED = frozenset({"succeeded", "partial", "failed", "cancelled"})


class District:
    """`async with District(stack, "o-1") as district:` - all methods raise httpx.HTTPStatusError on a refusal."""

    def __init__(
        self,
        stack: Stack,
        org: str,
        *,
        user: str = "u-1",
        permissions: Sequence[str] = FULL,
        years: Sequence[int] = (YEAR,),
        enroll: str = SANDBOX,
        others: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.stack = stack
        self.org = org
        self.user = user
        self._spec = {
            "current_school_year": YEAR,
            "sync_import_years": list(years),
            "registration_module": True,
            "users": {user: list(permissions), **{name: list(held) for name, held in (others or {}).items()}},
        }
        self.enroll = httpx.AsyncClient(base_url=stack.url(enroll), timeout=60, trust_env=False, verify=trusted())
        self.api = httpx.AsyncClient(
            base_url=stack.url("gateway") + "/api/v1", timeout=120, trust_env=False, verify=trusted()
        )

    async def __aenter__(self) -> Self:
        ok(await self.enroll.put(f"/sandbox/organizations/{self.org}", json=self._spec))
        self.api.headers["Authorization"] = f"Bearer {await self.token()}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.enroll.aclose()
        await self.api.aclose()

    async def token(
        self, user: str | None = None, org: str | None = None, claims: Mapping[str, Any] | None = None
    ) -> str:
        body = {"org": org or self.org, "user": user or self.user, "claims": dict(claims or {})}
        return str(ok(await self.enroll.post("/sandbox/tokens", json=body)).json()["token"])

    async def ad_hoc(self, name: str = "Uploads", mapping: Mapping[str, Any] | None = None, **more: Any) -> str:
        """A connection for uploads with a student mapping; its id."""
        created = ok(await self.api.post("/connections", json={"name": name, "kind": "ad_hoc", **more})).json()
        await self.map_students(created["id"], mapping)
        return str(created["id"])

    async def sftp(self, name: str = "Nightly", instance: str = "production", **settings: Any) -> str:
        """A connection to the sandbox's SFTP folder, host key approved, with a student mapping; its id."""
        place = self.stack.sftp
        sftp = {"host": place.host, "port": place.port, "user": place.user, "settle_seconds": 0.2, **settings}
        body = {"name": name, "kind": "sftp", "instance": instance, "sftp": sftp}
        body |= {"secrets": {"password": place.password}}
        created = ok(await self.api.post("/connections", json=body)).json()
        probed = ok(await self.api.post(f"/connections/{created['id']}/host-key/probe")).json()
        ok(await self.api.put(f"/connections/{created['id']}/host-key", json={"host_key": probed["host_key"]}))
        await self.map_students(created["id"])
        return str(created["id"])

    async def map_students(self, connection: str, mapping: Mapping[str, Any] | None = None) -> None:
        await self.map(connection, "students", mapping if mapping is not None else student_mapping())

    async def map(self, connection: str, data_type: str, draft: Mapping[str, Any]) -> None:
        ok(await self.api.put(f"/connections/{connection}/mappings/{data_type}", json=dict(draft)))

    async def upload(self, connection: str, path: Path, *, data_type: str = "students", **query: Any) -> dict[str, Any]:
        with path.open("rb") as file:
            answer = await self.api.post(
                f"/connections/{connection}/imports/{data_type}",
                params={"school_year": YEAR, **query},
                files={"file": (path.name, file, "text/csv")},
            )
        found: dict[str, Any] = ok(answer).json()
        return found

    async def pull(self, connection: str, **query: Any) -> dict[str, Any]:
        answer = await self.api.post(
            f"/connections/{connection}/imports/students/pull", params={"school_year": YEAR, **query}
        )
        found: dict[str, Any] = ok(answer).json()
        return found

    async def register(self, students: Sequence[str], status: int = 1, school_code: str = "100") -> list[int]:
        """Registrations of students (by district id) in the simulated Enroll: approved, unless `status` is another."""
        body = {"students": list(students), "status": status, "school_code": school_code}
        answer = ok(await self.enroll.post(f"/sandbox/organizations/{self.org}/registrations", json=body))
        return [int(one) for one in answer.json()["ids"]]

    async def open_schools(self, **names: str) -> None:
        """Schools in the simulated Enroll, as its own people make them: `_100="Mesa Elementary"` has the code 100."""
        values = [{**SCHOOL, CODE: code.lstrip("_"), "schools.school_name": name} for code, name in names.items()]
        body = {
            "school_year": YEAR,
            "connection": "by hand",
            "sequence": 1,
            "match_key": CODE,
            "records": [{"key": one[CODE], "id": None, "values": one} for one in values],
        }
        headers = {"Authorization": f"Bearer {self.stack.enroll_token}", "Idempotency-Key": secrets.token_hex(8)}
        path = f"/api/v1/organizations/{self.org}/schools:batch-upsert"
        results = ok(await self.enroll.post(path, json=body, headers=headers)).json()["results"]
        if any(one["errors"] for one in results):
            raise ValueError(results)

    async def registrations(self) -> list[dict[str, Any]]:
        """Every registration in the simulated Enroll, and how its last export ended."""
        answer = ok(await self.enroll.get(f"/sandbox/organizations/{self.org}/registrations"))
        found: list[dict[str, Any]] = answer.json()["registrations"]
        return found

    async def map_export(self, connection: str, *files: Mapping[str, Any]) -> None:
        draft = {"files": [dict(file) for file in files]}
        ok(await self.api.put(f"/connections/{connection}/exports/students/mappings", json=draft))

    async def export(self, connection: str, **query: Any) -> dict[str, Any]:
        path = f"/connections/{connection}/exports/students"
        found: dict[str, Any] = ok(await self.api.post(path, params={"school_year": YEAR, **query})).json()
        return found

    async def download(self, run: str, number: int = 1) -> httpx.Response:
        return ok(await self.api.get(f"/runs/{run}/files/{number}"))

    async def run(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = ok(await self.api.get(f"/runs/{id}")).json()
        return found

    async def watch(self, id: str, *, states: frozenset[str] = ENDED, seconds: float = 120) -> dict[str, Any]:
        """The run once it is in one of `states`. Outages of the gateway meanwhile are waited out."""
        started = time.monotonic()
        last = "never answered"
        while time.monotonic() < started + seconds:
            try:
                found = await self.run(id)
            except (httpx.TransportError, httpx.HTTPStatusError) as error:
                last = repr(error)
            else:
                last = found["state"]
                if last in states:
                    return found
            await asyncio.sleep(min(0.3, max(0.05, (time.monotonic() - started) / 5)))  # each look costs a dozen calls
        raise TimeoutError(f"run {id} after {seconds} s: {last}")

    async def records(self, run: str, **query: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ok(await self.api.get(f"/runs/{run}/records", params=query)).json()
        return found

    async def stats(self) -> dict[str, int]:
        """What the simulated Enroll counted for this organization."""
        found: dict[str, int] = ok(await self.enroll.get(f"/sandbox/organizations/{self.org}/stats")).json()
        return found


def ok(response: httpx.Response) -> httpx.Response:
    if response.is_error:
        raise httpx.HTTPStatusError(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text[:2000]}",
            request=response.request,
            response=response,
        )
    return response
