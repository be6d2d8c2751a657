"""How a simulated PowerSchool answers: the JSON that it makes of XML, and pages. Source: SIS facts, 1.4 and 1.5."""

import re
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from services.sandbox.errors import JSON
from services.sandbox.powerschool_district import PowerSchoolServer
from shared.model.number import whole_number

Json = dict[str, Any]
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?")


def answer(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type=JSON)


def not_found() -> Response:
    return answer({"message": "The resource was not found."}, 404)


def listed(name: str, rows: Sequence[Any]) -> Json:
    """One item stands alone; none at all has no key."""
    if not rows:
        return {}
    return {name: made_of_xml(rows[0] if len(rows) == 1 else list(rows))}


def made_of_xml(value: Any) -> Any:
    """As PowerSchool's JSON has it: no quotes around numbers, no keys without values, no lists of one."""
    if isinstance(value, dict):
        inner = {name: made_of_xml(one) for name, one in value.items()}
        return {name: one for name, one in inner.items() if one not in (None, "", [])} or ""
    if isinstance(value, list):
        return [made_of_xml(one) for one in value] if len(value) != 1 else made_of_xml(value[0])
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return value


def paged(server: PowerSchoolServer, request: Request, rows: Sequence[Json]) -> Sequence[Json]:
    page = whole(request, "page", 1)
    size = min(whole(request, "pagesize", server.spec.page_max), server.spec.page_max)
    return rows[(page - 1) * size : page * size]


def whole(request: Request, name: str, otherwise: int) -> int:
    """A number in the query; what is none is as good as nothing."""
    given = request.query_params.get(name, "")
    return whole_number(given, 0) or otherwise


def group(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def student_of(server: PowerSchoolServer, request: Request) -> Json | None:
    id = request.path_params["id"]
    return server.by_id.get(whole_number(id))
