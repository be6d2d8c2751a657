"""OneRoster 1.1 and 1.2 over REST: read only. Source: 1EdTech; SIS facts, section 4.

The collections are pulled page by page into the tables of a OneRoster set on local disk, so that what a set says of a
student is put together in one place (`roster_set`), whichever way it came.
"""

import asyncio
import csv
import hashlib
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, quote, urlsplit

from shared.adapters.csv_files import MAX_CELL_CHARS, CsvFile
from shared.adapters.roster_set import RosterSet
from shared.adapters.sis_http import SisHttp
from shared.adapters.spool import Spooled
from shared.model.error_texts import said
from shared.model.errors import BadInput, BadSettings, NotFound, Refused, Unavailable
from shared.model.kind_settings import OneRosterSettings
from shared.model.number import whole_number
from shared.model.ports import SourceInfo
from shared.model.record import RowBatch
from shared.model.sis import SisField, SisLists, SisSchool

OVERLAP: Final = timedelta(minutes=5)
"""What changed while we were reading, and clocks that differ, are read again rather than missed."""
BASE: Final = ("sourcedId", "status", "dateLastModified")
COLUMNS: Final = {
    "orgs": (*BASE, "name", "type", "identifier", "parentSourcedId"),
    "users": (
        *(*BASE, "enabledUser", "username", "givenName", "familyName", "middleName", "identifier", "email", "sms"),
        *("phone", "grades", "role", "orgSourcedIds", "primaryOrgSourcedId", "agentSourcedIds"),
        *("preferredFirstName", "preferredLastName", "preferredMiddleName", "pronouns", "userMasterIdentifier"),
    ),
    "demographics": (
        *(*BASE, "birthDate", "sex", "americanIndianOrAlaskaNative", "asian", "blackOrAfricanAmerican"),
        *("nativeHawaiianOrOtherPacificIslander", "white", "demographicRaceTwoOrMoreRaces"),
        *("hispanicOrLatinoEthnicity", "countryOfBirthCode", "stateOfBirthAbbreviation", "cityOfBirth"),
        "publicSchoolResidenceStatus",
    ),
    "roles": ("userSourcedId", "roleType", "role", "orgSourcedId"),
}
"""The columns of the tables, as the CSV form of the standard names them."""


class OneRoster:
    """What a server answers about its schools and students."""

    def __init__(self, http: SisHttp, settings: OneRosterSettings) -> None:
        self._http = http
        self._size = settings.page_size

    async def check(self) -> dict[str, Any]:
        """Test connection: log in, look at schools and students. Raises what `SisHttp.get` does, in plain words."""
        found: dict[str, Any] = {}
        for name in ("orgs", "users", "demographics"):
            try:
                answer, _ = await self._http.get(f"/{name}", {"limit": 1, "offset": 0})
            except NotFound:
                raise BadSettings(*said("oneroster.no_collection", name=name)) from None
            except Refused:
                raise BadSettings(*said("oneroster.no_scope", name=name)) from None
            found[name] = len(_rows(answer, name))
        return {"schools": bool(found["orgs"]), "people": bool(found["users"])}

    async def lists(self) -> SisLists:
        """Its schools, and the fields that students have. The standard has no codes of a district's own."""
        orgs = [one async for page in self.collection("orgs") for one in page]
        schools = [
            SisSchool(code=str(one.get("identifier") or one["sourcedId"]), name=str(one.get("name") or ""))
            for one in orgs
            if one.get("type") == "school" and one.get("sourcedId")
        ]
        names = dict.fromkeys((*COLUMNS["users"], *COLUMNS["demographics"]))
        return SisLists(schools=tuple(schools), fields=tuple(SisField(name=name, label=name) for name in names))

    async def each(self, collection: str, wrapper: str, ids: Iterable[str]) -> list[dict[str, Any]]:
        """These objects, each once; those that are gone are left out."""
        found = []
        for id in dict.fromkeys(ids):
            try:
                answer, _ = await self._http.get(f"/{collection}/{quote(id, safe='')}")
            except NotFound:
                continue
            one = answer.get(wrapper) if isinstance(answer, dict) else None
            if not isinstance(one, dict):
                raise Unavailable(*said("oneroster.not_understood", name=collection))
            found.append(one)
        return found

    async def collection(self, name: str, since: str = "") -> AsyncIterator[list[dict[str, Any]]]:
        """Every object of a collection, or those that have changed since, page by page.

        The end is told by an empty page, else by the missing `next` link or the total, else by a page that is shorter
        than the longest so far: a server may cap the page size and say nothing (SIS facts, 4.3). One that knows no
        pages gives everything again: where it tells no more and does not keep to the limit, that is the end too.
        """
        changed = {"filter": f"dateLastModified>'{since}'"} if since else {}
        offset, longest, seen, before = 0, 0, set[int](), list[Any]()
        while True:
            answer, headers = await self._http.get(f"/{name}", {"limit": self._size, "offset": offset, **changed})
            rows = _rows(answer, name)
            if not rows:
                return
            ids = [one.get("sourcedId") for one in rows]
            if ids == before and len(rows) != self._size and not (headers.get("Link") or headers.get("X-Total-Count")):
                return
            if ids[:1] == before[:1]:
                raise BadSettings(*said("oneroster.pages_repeat", name=name))
            before = ids
            yield rows
            longest = max(longest, len(rows))
            following = _following(headers, offset + len(rows), len(rows) >= longest)
            if following is None or following in seen:
                return
            seen.add(following)
            offset = following


class OneRosterSource:
    """Students, or schools, of a OneRoster server (`shared.model.ports.Source`)."""

    def __init__(
        self,
        http: SisHttp,
        settings: OneRosterSettings,
        *,
        data_type: str = "students",
        since: str = "",
        spool_dir: Path | None = None,
        max_cell_chars: int = MAX_CELL_CHARS,
    ) -> None:
        self._http = http
        self._settings = settings
        self._data_type = data_type
        self._since = since
        self._spool_dir = spool_dir
        self._max_cell = max_cell_chars
        self._open = AsyncExitStack()
        self._table: RosterSet | None = None
        self._info: SourceInfo | None = None

    async def __aenter__(self) -> Self:
        if self._data_type not in ("students", "schools"):
            raise BadInput(*said("roster.other_type", data_type=self._data_type))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._http)
            begun = datetime.now(UTC) - OVERLAP
            pulled = await self._pull(stack)
            table = await asyncio.to_thread(RosterSet, self._data_type, pulled.opening, self._spool_dir)
            stack.callback(table.close)
            self._open = stack.pop_all()
        self._table = table
        self._info = SourceInfo(
            columns=table.columns,
            name=f"OneRoster {self._settings.version} at {self._http.host}",
            size=pulled.size,
            sha256=pulled.sha256,
            details={"form": f"OneRoster {self._settings.version}", "host": self._http.host, "since": self._since},
            receipt={"cursor": begun.strftime("%Y-%m-%dT%H:%M:%S.000Z")},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def info(self) -> SourceInfo:
        if self._info is None:
            raise RuntimeError("enter the source first")
        return self._info

    @property
    def warnings(self) -> Sequence[str]:
        return ()

    def batches(self) -> AsyncIterator[RowBatch]:
        if self._table is None:
            raise RuntimeError("enter the source first")
        return self._table.batches()

    async def settle(self, receipt: Mapping[str, Any]) -> None:
        """Nothing is left behind."""

    async def _pull(self, stack: AsyncExitStack) -> "_Tables":
        server, tables = OneRoster(self._http, self._settings), _Tables(self._spool_dir, self._max_cell)
        stack.callback(tables.close)
        wanted = ("orgs", "users", "demographics") if self._data_type == "students" else ("orgs",)
        if self._since and self._data_type == "students":
            await self._changed(server, tables)
            return tables
        for name in wanted:
            async for rows in server.collection(name):
                await asyncio.to_thread(tables.add, name, rows, self._settings.version)
        return tables

    async def _changed(self, server: OneRoster, tables: "_Tables") -> None:
        """Whoever has changed, or whose guardian or demographics have, with all that the tables need to join them."""
        async for rows in server.collection("orgs"):
            await asyncio.to_thread(tables.add, "orgs", rows, self._settings.version)
        ids: dict[str, None] = {}
        async for rows in server.collection("users", self._since):
            for one in rows:  # a guardian's agents are the students
                ids.update(dict.fromkeys((str(one.get("sourcedId")), *_ids(one.get("agents")))))
        async for rows in server.collection("demographics", self._since):
            ids.update(dict.fromkeys(str(one.get("sourcedId")) for one in rows))
        users = [one for one in await server.each("users", "user", ids) if _is_student(one)]
        people = users + await server.each("users", "user", (id for one in users for id in _ids(one.get("agents"))))
        about = await server.each("demographics", "demographics", (str(one["sourcedId"]) for one in users))
        await asyncio.to_thread(tables.add, "users", people, self._settings.version)
        await asyncio.to_thread(tables.add, "demographics", about, self._settings.version)


class _Tables:
    """The collections as CSV tables on local disk. Blocking."""

    def __init__(self, directory: Path | None, max_cell: int) -> None:
        self._directory = directory
        self._max_cell = max_cell
        self._spooled: dict[str, Spooled] = {}
        self._digest = hashlib.sha256()
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, name: str, rows: Sequence[dict[str, Any]], version: str) -> None:
        self._write(name, (_flat(name, one) for one in rows))
        if name == "users" and version != "1.1":
            self._write("roles", (role for one in rows for role in _roles(one)))

    def opening(self, name: str) -> CsvFile:
        """A table, read from its beginning. Raises BadInput where the server has nothing of the kind."""
        spooled = self._spooled.get(name.removesuffix(".csv"))
        if spooled is None:
            raise BadInput(*said("roster.no_file", file=name))
        copy = Spooled(self._directory)
        try:
            spooled.file.seek(0)
            while block := spooled.file.read(1024 * 1024):
                copy.write(block)
            copy.finish()
            return CsvFile(copy, self._max_cell)
        except BaseException:
            copy.close()
            raise

    def close(self) -> None:
        for spooled in self._spooled.values():
            spooled.close()

    def _write(self, name: str, rows: Iterator[Mapping[str, str]]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, COLUMNS[name], restval="", extrasaction="ignore")
        if name not in self._spooled:
            self._spooled[name] = Spooled(self._directory)
            writer.writeheader()
        writer.writerows(rows)
        content = text.getvalue().encode("utf-8", "replace")
        self._spooled[name].write(content)
        self._digest.update(content)
        self.size += len(content)


def _flat(name: str, one: Mapping[str, Any]) -> dict[str, str]:
    """An object as a row: references become ids, lists become texts with commas."""
    flat = {column: _text(one.get(column)) for column in COLUMNS[name]}
    if name == "orgs":
        flat["parentSourcedId"] = _id(one.get("parent"))
    elif name == "users":
        flat["orgSourcedIds"] = ",".join(_ids(one.get("orgs")))
        flat["agentSourcedIds"] = ",".join(_ids(one.get("agents")))
        flat["primaryOrgSourcedId"] = _id(one.get("primaryOrg"))
        flat["userMasterIdentifier"] = _text(one.get("userMasterIdentifier"))
    return flat


def _roles(user: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for role in user.get("roles") or ():
        about = {name: _text(role.get(name)) for name in ("roleType", "role")}
        yield {"userSourcedId": _text(user.get("sourcedId")), "orgSourcedId": _id(role.get("org")), **about}


def _is_student(user: Mapping[str, Any]) -> bool:
    return user.get("role") == "student" or any(one.get("role") == "student" for one in user.get("roles") or ())


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(_text(one) for one in value)
    return str(value).replace("\0", "")


def _id(reference: Any) -> str:
    return _text(reference.get("sourcedId")) if isinstance(reference, dict) else ""


def _ids(references: Any) -> list[str]:
    return [id for one in references or () if (id := _id(one))]


def _rows(answer: Any, name: str) -> list[dict[str, Any]]:
    rows = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(one, dict) for one in rows):
        raise Unavailable(*said("oneroster.not_understood", name=name))
    return rows


def _following(headers: Mapping[str, str], read: int, is_full: bool) -> int | None:
    """The offset to go on from; of a link only the offset is taken, so that it leads nowhere else."""
    links = headers.get("Link", "")
    for link in links.split(","):
        address, _, rel = link.partition(";")
        if 'rel="next"' in rel.replace(" ", ""):
            given = parse_qs(urlsplit(address.strip(" <>")).query).get("offset", [""])[0]
            return max(whole_number(given), read)
    total = whole_number(headers.get("X-Total-Count", ""))
    if total >= 0:
        return read if read < total else None
    if links:
        return None
    return read if is_full else None
