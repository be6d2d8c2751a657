"""A OneRoster CSV set (1.1 and 1.2) as one table: each student with what the other files say of them.

Source: 1EdTech, OneRoster CSV Tables 1.1 and 1.2. Students are in users.csv (1.2: their role in roles.csv), birth
dates in demographics.csv, schools in orgs.csv, guardians are users that a student names under agentSourcedIds.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from shared.adapters.csv_files import CsvFile
from shared.adapters.disk_index import DiskIndex
from shared.model.contacts import contact_name
from shared.model.error_texts import said
from shared.model.errors import BadInput
from shared.model.record import RowBatch

MAX_CONTACTS: Final = 50
_HELD_BACK = frozenset({"password", "orgsourcedids", "primaryorgsourcedid", "agentsourcedids"})
"""Columns of users.csv that are not shown: a secret, and ids that stand resolved under `school` and `Contacts`."""

_ABOUT_ROW = frozenset({"sourcedid", "status", "datelastmodified"})
_RACES = (
    "americanIndianOrAlaskaNative",
    "asian",
    "blackOrAfricanAmerican",
    "nativeHawaiianOrOtherPacificIslander",
    "white",
)
_SCHOOL = ("school.sourcedId", "school.identifier", "school.name")
_CONTACT = {
    "FirstName": "givenname",
    "LastName": "familyname",
    "Relationship": "role",
    "Emails1": "email",
    "Phones1": "phone",
    "Phones2": "sms",
}
_GONE = "tobedeleted"

Opening = Callable[[str], CsvFile]


class RosterSet:
    """Students, or schools, of a set. `columns` are those of the file they are in, then what the others add.

    For students: the student's demographics, `races` (those that are true, comma between), `school.*`, and
    `N - Contacts.Field` for as many guardians as any student has.
    """

    def __init__(self, data_type: str, opening: Opening, spool_dir: Path | None) -> None:
        """Blocking: reads everything but the main file.

        Raises:
            BadInput: roster.other_type, roster.no_file, roster.no_column, roster.delta, and what `CsvFile` raises.
        """
        if data_type not in ("students", "schools"):
            raise BadInput(*said("roster.other_type", data_type=data_type))
        self._index = DiskIndex(spool_dir)
        try:
            self._version = _version(opening)
            self._rows = _Students(opening, self._index) if data_type == "students" else _Schools(opening, self._index)
        except BaseException:
            self._index.close()
            raise
        self._main = self._rows.main
        self.columns = self._rows.columns
        self.warnings = self._main.warnings

    @property
    def details(self) -> dict[str, str]:
        return {**self._main.details, "form": f"OneRoster {self._version} CSV"}

    async def batches(self) -> AsyncIterator[RowBatch]:
        async for batch in self._main.batches():
            joined = await asyncio.to_thread(self._joined, batch)
            if joined.rows or joined.bad:
                yield joined

    def close(self) -> None:
        self._main.close()
        with self._main.spooled.lock:
            self._index.close()

    def _joined(self, batch: RowBatch) -> RowBatch:
        with self._main.spooled.lock:
            made = [(number, self._rows.made(values)) for number, values in batch.rows]
        return RowBatch([(number, values) for number, values in made if values is not None], batch.bad)


class _Reading:
    """A file of the set by the names of its columns, capital letters aside."""

    def __init__(self, name: str, table: CsvFile) -> None:
        self._name = name
        self.table = table
        self._places = {column.casefold(): place for place, column in enumerate(table.columns)}

    def has(self, column: str) -> bool:
        return column.casefold() in self._places

    def need(self, *columns: str) -> None:
        for column in columns:
            if not self.has(column):
                raise BadInput(*said("roster.no_column", column=column, file=self._name))

    def cell(self, values: Sequence[str], column: str) -> str:
        place = self._places.get(column.casefold())
        return "" if place is None else values[place].strip()

    def rows(self) -> Iterator[list[str]]:
        """All that are not deleted; the file is closed after the last."""
        try:
            for batch in self.table.slices():
                yield from (values for _, values in batch.rows if self.stands(values))
        finally:
            self.table.close()

    def stands(self, values: Sequence[str]) -> bool:
        return self.cell(values, "status").casefold() != _GONE


class _Students:
    def __init__(self, opening: Opening, index: DiskIndex) -> None:
        self._index = index
        self._extra = self._demographics(opening)
        _add_orgs(opening, index)
        self._roles = _add_roles(opening, index)
        contacts = self._people(opening)
        users = _Reading("users.csv", opening("users.csv"))
        self._users = users
        self.main = users.table
        self._kept = [place for place, name in enumerate(self.main.columns) if name.casefold() not in _HELD_BACK]
        own = [self.main.columns[place] for place in self._kept]
        taken = {name.casefold() for name in own}
        more = [f"demographics.{name}" if name.casefold() in taken else name for name in self._extra]
        slots = [contact_name(slot, field) for slot in range(1, contacts + 1) for field in _CONTACT]
        self._contacts = contacts
        self.columns = (*own, *more, *(["races"] if more else []), *_SCHOOL, *slots)

    def made(self, values: list[str]) -> list[str] | None:
        """The row of a student; None for anybody else."""
        users, id = self._users, self._users.cell(values, "sourcedId")
        role = self._role(id, values)
        if role[0] != "student" or not users.stands(values):
            return None
        orgs = _listed(users.cell(values, "orgSourcedIds"))
        return [
            *(values[place] for place in self._kept),
            *self._about(id),
            *self._school([role[1], users.cell(values, "primaryOrgSourcedId"), *orgs]),
            *self._guardians(_listed(users.cell(values, "agentSourcedIds"))),
        ]

    def _role(self, id: str, values: list[str]) -> Sequence[str]:
        """Role, and the school that goes with it where the set says so (1.2)."""
        if self._roles:
            return self._index.get("role", id) or ("", "")
        return self._users.cell(values, "role").casefold(), ""

    def _about(self, id: str) -> list[str]:
        if not self._extra:
            return []
        found = self._index.get("demographics", id) or [""] * len(self._extra)
        true = {name.casefold() for name, value in zip(self._extra, found, strict=True) if value.casefold() == "true"}
        return [*found, ",".join(race for race in _RACES if race.casefold() in true)]

    def _school(self, ids: Sequence[str]) -> list[str]:
        known = [(id, found) for id in ids if id and (found := self._index.get("org", id))]
        schools = [(id, found) for id, found in known if found[0] == "school"] or known
        return [schools[0][0], *schools[0][1][1:3]] if schools else ["", "", ""]

    def _guardians(self, ids: Sequence[str]) -> Iterator[str]:
        found = [person for id in ids if (person := self._index.get("person", id))][: self._contacts]
        for person in found:
            yield from person
        yield from [""] * len(_CONTACT) * (self._contacts - len(found))

    def _demographics(self, opening: Opening) -> list[str]:
        """The columns that demographics.csv adds; none where the set has no such file."""
        file = _optional(opening, "demographics.csv")
        if file is None:
            return []
        file.need("sourcedId")
        names = [name for name in file.table.columns if name.casefold() not in _ABOUT_ROW]
        said = ((file.cell(row, "sourcedId"), [file.cell(row, name) for name in names]) for row in file.rows())
        self._index.add("demographics", said)
        return names

    def _people(self, opening: Opening) -> int:
        """Everyone who may be somebody's guardian; the most guardians that a student has."""
        users, most = _Reading("users.csv", opening("users.csv")), 0
        users.need("sourcedId", "givenName", "familyName")
        if not self._roles:
            users.need("role")

        def people() -> Iterator[tuple[str, Sequence[str]]]:
            nonlocal most
            for row in users.rows():
                id = users.cell(row, "sourcedId")
                role = self._role_of(id, users.cell(row, "role"))
                most = max(most, len(_listed(users.cell(row, "agentSourcedIds"))) if role == "student" else 0)
                yield id, [role if name == "role" else users.cell(row, name) for name in _CONTACT.values()]

        self._index.add("person", people())
        return min(most, MAX_CONTACTS)

    def _role_of(self, id: str, said: str) -> str:
        return (self._index.get("role", id) or ("", ""))[0] if self._roles else said.casefold()


class _Schools:
    def __init__(self, opening: Opening, index: DiskIndex) -> None:
        self._index = index
        _add_orgs(opening, index)
        self._orgs = _Reading("orgs.csv", opening("orgs.csv"))
        self.main = self._orgs.table
        self.columns = (*self.main.columns, "parent.identifier", "parent.name")

    def made(self, values: list[str]) -> list[str] | None:
        orgs = self._orgs
        if orgs.cell(values, "type").casefold() != "school" or not orgs.stands(values):
            return None
        parent = self._index.get("org", orgs.cell(values, "parentSourcedId")) or ["", "", ""]
        return [*values, *parent[1:3]]


def _add_orgs(opening: Opening, index: DiskIndex) -> None:
    orgs = _Reading("orgs.csv", opening("orgs.csv"))
    orgs.need("sourcedId", "name", "type")
    wanted = ("type", "identifier", "name")
    index.add("org", ((orgs.cell(row, "sourcedId"), _org(orgs, row, wanted)) for row in orgs.rows()))


def _org(orgs: _Reading, row: Sequence[str], wanted: Sequence[str]) -> list[str]:
    return [orgs.cell(row, wanted[0]).casefold(), *(orgs.cell(row, name) for name in wanted[1:])]


def _add_roles(opening: Opening, index: DiskIndex) -> bool:
    """Whether the set has a roles.csv (1.2). A primary role goes before the others."""
    for primary in (True, False):
        roles = _optional(opening, "roles.csv")
        if roles is None:
            return False
        roles.need("userSourcedId", "role", "orgSourcedId")
        wanted = (row for row in roles.rows() if (roles.cell(row, "roleType").casefold() == "primary") == primary)
        index.add("role", ((roles.cell(row, "userSourcedId"), _role(roles, row)) for row in wanted))
    return True


def _role(roles: _Reading, row: Sequence[str]) -> list[str]:
    return [roles.cell(row, "role").casefold(), roles.cell(row, "orgSourcedId")]


def _version(opening: Opening) -> str:
    """Raises BadInput where the set holds only what has changed: who is not in it would count as missing."""
    manifest = _optional(opening, "manifest.csv")
    if manifest is None:
        return "1.1"
    manifest.need("propertyName", "value")
    told: Mapping[str, str] = {
        manifest.cell(row, "propertyName"): manifest.cell(row, "value") for row in manifest.rows()
    }
    if any(told.get(f"file.{name}", "").casefold() == "delta" for name in ("users", "orgs", "demographics", "roles")):
        raise BadInput(*said("roster.delta"))
    return told.get("oneroster.version") or "1.1"


def _optional(opening: Opening, name: str) -> _Reading | None:
    try:
        return _Reading(name, opening(name))
    except BadInput as error:
        if error.code != "roster.no_file":
            raise
        return None


def _listed(text: str) -> list[str]:
    return [one for part in text.split(",") if (one := part.strip())]
