"""Faults that can be switched on: rules, and the gate in front of the application that obeys them."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.sandbox.errors import JSON, error_body

EXEMPT = ("/sandbox/", "/healthz", "/readyz", "/metrics")
HTML = "text/html; charset=utf-8"
_ORGANIZATION = re.compile(r"^/api/v1/organizations/([^/]+)/")


class FaultRule(BaseModel):
    """One fault. At each call the first rule fires that matches it and is due; only one does.

    `path`: a part of the path, or a regular expression found in it. `org`: only calls for this organization.
    `times`: how often it fires, then never again. `every`: it is due at each k-th matching call.

    `delay`: seconds before the call reaches Enroll; with `after`, seconds before its answer leaves.
    `hold`: seconds a batch is worked on, its idempotency key taken, before it has an effect.
    `status`, `body`, `close`: answer this, or cut the connection without an answer, instead of doing what was asked.
    `after`: do what was asked first, and lose its answer. `reject_fields`: refuse records that set these fields.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = ""
    org: str | None = None
    status: int | None = Field(default=None, ge=200, le=599)
    retry_after: float | None = Field(default=None, ge=0)
    delay: float = Field(default=0, ge=0)
    hold: float = Field(default=0, ge=0)
    close: bool = False
    after: bool = False
    body: str | None = None
    content_type: str = HTML
    times: int | None = Field(default=None, ge=1)
    every: int = Field(default=1, ge=1)
    reject_fields: Mapping[str, str] = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _readable(cls, path: str) -> str:
        try:
            re.compile(path)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return path

    @property
    def fails(self) -> bool:
        return self.close or self.status is not None or self.body is not None

    def matches(self, path: str) -> bool:
        if self.org is not None:
            found = _ORGANIZATION.match(path)
            if found is None or found[1] != self.org:
                return False
        return self.path in path or re.search(self.path, path) is not None


@dataclass(slots=True)
class _Armed:
    rule: FaultRule
    matched: int = 0
    fired: int = 0


class Faults:
    """The rules that are switched on, in order, with how often each matched and fired."""

    def __init__(self) -> None:
        self._armed: list[_Armed] = []

    def replace(self, rules: Iterable[FaultRule]) -> None:
        """Switches on these rules and no others, counting from zero."""
        self._armed = [_Armed(rule) for rule in rules]

    def pick(self, path: str) -> FaultRule | None:
        """The rule that fires for a call of `path`. Counts the call."""
        if path.startswith(EXEMPT):
            return None
        for armed in self._armed:
            if not armed.rule.matches(path) or armed.fired == armed.rule.times:
                continue
            armed.matched += 1
            if armed.matched % armed.rule.every == 0:
                armed.fired += 1
                return armed.rule
        return None

    def report(self) -> list[dict[str, Any]]:
        """The rules as given, with their counts."""
        return [
            {**armed.rule.model_dump(exclude_unset=True), "matched": armed.matched, "fired": armed.fired}
            for armed in self._armed
        ]


class FaultGate:
    """ASGI middleware: lets a call through, or does to it what the rule says."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rule = self._faults.pick(scope["path"]) if scope["type"] == "http" else None
        if rule is None:
            await self._app(scope, receive, send)
            return
        scope["state"] = {**scope.get("state", {}), "fault": rule}
        if rule.after:
            await self._answer_late(rule, scope, receive, send)
            return
        if rule.fails:
            await _drain(receive)
        await asyncio.sleep(rule.delay)
        if rule.fails:
            await _fail(rule, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer_late(self, rule: FaultRule, scope: Scope, receive: Receive, send: Send) -> None:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        await asyncio.sleep(rule.delay)
        if rule.fails:
            await _fail(rule, scope, receive, send)
            return
        for message in answer:
            await send(message)


async def _drain(receive: Receive) -> None:
    while (await receive()).get("more_body", False):
        pass


async def _fail(rule: FaultRule, scope: Scope, receive: Receive, send: Send) -> None:
    if rule.close:
        transport = scope["state"].get("transport")
        if transport is not None:
            transport.abort()
            await receive()
        return
    status = rule.status if rule.status is not None else 200
    headers = {} if rule.retry_after is None else {"Retry-After": f"{rule.retry_after:g}"}
    if rule.body is not None:
        response = Response(rule.body, status, headers, rule.content_type)
    else:
        message = f"{_phrase(status)} (a fault that was switched on)."
        response = Response(error_body("fault", message), status, headers, JSON)
    await response(scope, receive, send)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"Status {status}"
