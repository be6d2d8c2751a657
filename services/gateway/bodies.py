"""What a request may be: which kinds of draft there are, and how large it is, counted as it comes in."""

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.model.number import whole_number

FILES_DRAFT, FIELDS_DRAFT = "(files)", "(fields)"
"""The two kinds of draft of an export; no part of where an error is."""
MIB = 1024 * 1024
UPLOADS = ("/read-file", "/configure/file")
BODY_BYTES = 4 * MIB
"""The most that is taken where no file is uploaded. A mapping of 500 fields with tables of codes is about 1 MiB."""


class BodyLimit:
    """ASGI middleware. An upload may have `upload_bytes`, any other request `BODY_BYTES`; more is answered with 413."""

    def __init__(self, app: ASGIApp, upload_bytes: int) -> None:
        self._app = app
        self._upload_bytes = upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._upload_bytes + MIB if _takes_file(scope["path"]) else BODY_BYTES  # forms have some wrapping
        taken = 0

        async def receiving() -> Message:
            nonlocal taken
            if _declared(scope) > limit:
                raise _too_large(limit)
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, receiving, send)


def _takes_file(path: str) -> bool:
    """Imports of the API, the page from which one is started, and whatever looks at a file before."""
    page = path.startswith("/connections/") and path.endswith("/run/upload")
    return "/imports/" in path or page or path.endswith(UPLOADS)


def _declared(scope: Scope) -> int:
    found = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return whole_number(found.decode("latin-1"), 0)


def _too_large(limit: int) -> HTTPException:
    """FastAPI's own error is the only one it lets through while it reads a body."""
    return HTTPException(413, f"The request is larger than {limit // MIB} MiB.")
