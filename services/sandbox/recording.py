"""The calls that reached the sandbox, for a benchmark to repeat. DELETE /sandbox/calls begins, with none of them."""

import time
from collections import deque
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.sandbox.errors import JSON
from services.sandbox.faults import EXEMPT

KEPT = 1000


class Calls:
    """The last calls, oldest first; nothing until `begin`."""

    def __init__(self) -> None:
        self.on = False
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def routes(self) -> list[Route]:
        return [
            Route("/sandbox/calls", self.begin, methods=["DELETE"]),
            Route("/sandbox/calls", self.show, methods=["GET"]),
        ]

    async def begin(self, _: Request) -> Response:
        self.on = True
        self._calls.clear()
        return Response(status_code=204)

    async def show(self, _: Request) -> Response:
        """Each with `at`, when its answer was given (seconds since the epoch)."""
        return Response(orjson.dumps(list(self._calls)), media_type=JSON)

    def add(self, scope: Scope, body: bytes) -> None:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        url = f"{scope['path']}?{query}" if query else scope["path"]
        told = {"method": scope["method"], "url": url, "headers": headers, "body": body.decode(), "at": time.time()}
        self._calls.append(told)


class Recorder:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, calls: Calls) -> None:
        self._app = app
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._calls.on or scope["path"].startswith(EXEMPT):
            await self._app(scope, receive, send)
            return
        parts: list[bytes] = []

        async def receiving() -> Message:
            message = await receive()
            parts.append(message.get("body", b""))
            return message

        await self._app(scope, receiving, send)
        self._calls.add(scope, b"".join(parts))
