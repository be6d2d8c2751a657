"""The HTTP side of every process: `/healthz`, `/readyz`, `/metrics`, on a socket of our own."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Check = Callable[[], Awaitable[bool]]


def health_routes(checks: Mapping[str, Check]) -> list[Route]:
    """`/healthz` answers while the loop turns; `/readyz` is 200 only while every check says yes."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        results = dict(zip(checks, await asyncio.gather(*(_ask(check) for check in checks.values())), strict=True))
        ready = all(results.values())
        return JSONResponse({"ready": ready, "checks": results}, status_code=200 if ready else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


async def _ask(check: Check) -> bool:
    try:
        async with asyncio.timeout(3):
            return await check()
    except Exception:
        return False


def health_app(checks: Mapping[str, Check]) -> Starlette:
    return Starlette(routes=list(health_routes(checks)))


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: Any, host: str, port: int, announce: Path | None, stop: asyncio.Event) -> None:
    """Serve `app` until `stop`. With port 0 a free one is taken and written to `announce` as `{"port": ...}`.

    Raises:
        OSError: the port is taken.
    """
    with _listen(host, port) as listener:
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=3, lifespan="off")
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await announce_port(announce, port=listener.getsockname()[1])
            waiter = asyncio.create_task(stop.wait())
            await asyncio.wait({serving, waiter}, return_when=asyncio.FIRST_COMPLETED)
            waiter.cancel()
        finally:
            server.should_exit = True
            await serving


def _listen(host: str, port: int) -> socket.socket:
    """asyncio sets TCP_NODELAY only on sockets made with IPPROTO_TCP; without it answers wait 40 ms."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


async def announce_port(path: Path | None, **facts: Any) -> None:
    """Write the facts as JSON in one step, so that a reader never sees half of it."""
    if path is not None:
        await asyncio.to_thread(_write, path, facts)


def _write(path: Path, facts: Mapping[str, Any]) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(facts), encoding="utf-8")
    fresh.replace(path)
