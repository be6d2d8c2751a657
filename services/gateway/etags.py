"""What a thing said when it was read, by the usual means of HTTP: an ETag goes out with it, an If-Match comes back."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Annotated, Any, Final

import orjson
from fastapi import Header
from pydantic import BaseModel

from shared.model.error_texts import said
from shared.model.errors import Outdated

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=1000,
        description="The ETag of what this was made from, or several: refused (412, `etag.outdated`) where it says "
        "something else by now. Left out, it is written over whatever is there.",
    ),
]


class Told(BaseModel):
    code: str
    message: str
    fix: str


class ErrorAnswer(BaseModel):
    """What every error is answered with."""

    error: Told


Answers = dict[int | str, dict[str, Any]]
TAGGED: Final[Answers] = {
    200: {"headers": {"ETag": {"description": "For If-Match of a change.", "schema": {"type": "string"}}}}
}
GUARDED: Final[Answers] = {412: {"model": ErrorAnswer, "description": "It was changed since the ETag of If-Match."}}


def etag(content: Mapping[str, Any]) -> str:
    """As it stands in the header, with its quotes: the same for the same content, whatever its order."""
    return f'"{sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]}"'


def expect(if_match: str | None, now: str) -> None:
    """Raises Outdated where a change was made from something else than what is there now, whose ETag is `now`."""
    if if_match is None or if_match.strip() == "*":
        return
    if now not in [one.strip() for one in if_match.split(",")]:
        raise Outdated(*said("etag.outdated"))
