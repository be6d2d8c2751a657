"""Paths as the servers behind the simulated SISs take them: one slash or several, one more at the end.

Aeries runs on a web server to which capital letters are the same, and answers its older versions too. Source: SIS
facts, 2.1. For clients that take a host only, the host `ORG.KIND.localhost` is the simulated SIS of that organization
alone, with or without the folder that its kind commonly stands in.
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
_HOST = re.compile(rf"([a-z0-9_-]+)\.({'|'.join(KINDS)})\.localhost(?::\d+)?", re.IGNORECASE)
_FOLDER = re.compile(r"/+(?:(?:aeries|admin)(?=/+api/)|\w*api(?=/+(?:generic|custom|oauth)/))", re.IGNORECASE)
_VERSION = re.compile(r"v[1-5]")


class TolerantPaths:
    """In front of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "path": tolerant(at_host(_host(scope), scope["path"]))}
        await self._app(scope, receive, send)


def _host(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")


def at_host(host: str, path: str) -> str:
    """The path from the root of the sandbox, of one that was asked of the host of a simulated SIS."""
    found, folder = _HOST.fullmatch(host), _FOLDER.match(path)
    if found is None:
        return path
    return f"/{found[2].lower()}/{found[1]}{path[folder.end() :] if folder else path}"


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
