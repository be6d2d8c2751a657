"""Paths as the servers behind the simulated SISs take them: one slash or several, one more at the end.

Aeries runs on a web server to which capital letters are the same, and answers its older versions too. Source: SIS
facts, 2.1.
"""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

KINDS = ("powerschool", "aeries", "skyward", "oneroster")
_AERIES = {
    name.casefold(): name
    for name in (
        *("schools", "codes", "enrollment", "students", "grade", "sn", "extended", "terms", "contacts", "systeminfo"),
        *("DistrictSupplemental", "SchoolSupplemental", "StudentDataChanges", "InsertStudent", "UpdateStudent"),
        *("UpdateStudentAddress", "InsertContact", "UpdateContact", "DeleteContact", "year", "commands"),
        *("PreEnrollStudent", "PreEnrollInactiveStudent", "UpdateSchoolSupplemental", "programs", "staff", "teachers"),
    )
}
_VERSION = re.compile(r"v[1-5]")


class TolerantPaths:
    """In front of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": tolerant(scope["path"])}
        await self._app(scope, receive, send)


def tolerant(path: str) -> str:
    """The path of a simulated SIS as the routes have it; others as they are."""
    parts = [part for part in path.split("/") if part]
    if not parts or parts[0] not in KINDS:
        return path
    if parts[0] == "aeries" and len(parts) > 2 and parts[2].casefold() == "api":
        rest = parts[3:]
        version = rest.pop(0).casefold() if rest and _VERSION.fullmatch(rest[0].casefold()) else "v5"
        parts = [*parts[:2], "api", version, *(_AERIES.get(part.casefold(), part) for part in rest)]
    return "/" + "/".join(parts)
