"""The error answer of the Enroll contract."""

from collections.abc import Mapping

import orjson
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"


class ApiError(Exception):
    """A call refused: becomes `{"error": {"code", "message"}}` with `status`."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers


def error_body(code: str, message: str) -> bytes:
    return orjson.dumps({"error": {"code": code, "message": message}})


def add_error_handlers(app: Starlette) -> None:
    """Makes every refusal of `app` look as the contract says."""
    for kind in (ApiError, HTTPException, ValidationError, Exception):
        app.add_exception_handler(kind, _answer)


def _answer(_: Request, error: Exception) -> Response:
    headers: Mapping[str, str] | None = None
    match error:
        case ApiError():
            status, code, message, headers = error.status, error.code, error.message, error.headers
        case HTTPException():
            status, message, headers = error.status_code, str(error.detail), error.headers
            code = {404: "not_found", 405: "method_not_allowed"}.get(status, "refused")
        case ValidationError():
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            status, code, message = 422, "invalid", f"{where}: {first['msg']}"
        case _:
            status, code, message = 500, "internal", f"The sandbox failed: {type(error).__name__}."
    return Response(error_body(code, message), status, headers, JSON)
