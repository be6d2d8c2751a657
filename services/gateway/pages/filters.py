"""What the address of a page may ask for; where it asks for what there is not, the way back to the page without it."""

from collections.abc import Mapping, Sequence, Set
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Query, Request
from pydantic import AfterValidator, BeforeValidator
from starlette.responses import Response

from services.gateway.pages.parameters import PLACES, not_understood
from services.gateway.pages.site import then
from shared.model.catalog import data_types

_Asked = TypeVar("_Asked")

Chosen = Annotated[_Asked | None, BeforeValidator(lambda given: given or None)]
"""What is chosen in a form; blank is no choice."""


def _known(data_type: str) -> str:
    if data_type not in data_types():
        raise ValueError("Use one of: " + ", ".join(data_types()))
    return data_type


DataType = Annotated[str, AfterValidator(_known)]
Typed = Annotated[str, Query(max_length=300)]
Search = Annotated[str, Query(max_length=100)]
MappingName = Annotated[str, Query(alias="mapping", max_length=100)]


def named(name: MappingName = "") -> None:
    """Every mapping screen may be asked for by the name of its mapping."""


def is_file(path: str) -> bool:
    """Whether what is at an address is no page."""
    return "." in path.rpartition("/")[2]


def led_back(request: Request, problems: Sequence[Mapping[str, Any]]) -> Response | None:
    """To the same page without what is wrong in its address; None where that is not what is wrong, or it is a file,
    which could not say that it is not what was asked for."""
    wrong = {str(one["loc"][1]) for one in problems if one["loc"][0] == "query"}
    asked, path = request.query_params, request.url.path
    elsewhere = any(one["loc"][0] != "query" for one in problems) or not wrong <= asked.keys()
    if request.method != "GET" or is_file(path) or elsewhere:
        return None
    return without(request, wrong, not_understood(request, wrong))


def without(request: Request, names: Set[str], said: str) -> Response:
    """To the same page without these parameters, where `said` says why; of a file to the page that offers it."""
    path = request.url.path
    asked = request.query_params.multi_items()
    kept = [(name, value) for name, value in asked if name not in {*names, *PLACES, "said"}]
    return then(f"{path.rpartition('/')[0] if is_file(path) else path}?{urlencode(kept)}", said)
