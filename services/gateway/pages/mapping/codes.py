"""Match codes: tables that pair the codes of the SIS with those of Enroll, for both directions."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import urlencode

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import Response

from services.gateway import codes, connections
from services.gateway.codes import TwoLists
from services.gateway.pages.filters import Typed
from services.gateway.pages.mapping.difference import Change, beside
from services.gateway.pages.mapping.rows import Names
from services.gateway.pages.mapping.screen import connection_of, entries
from services.gateway.pages.site import page, then
from services.gateway.pages.visits import Visit, Visited
from shared.mapping.merging import take_over_codes
from shared.mapping.versions import compare, rows
from shared.model.codes import Code, CodePair, CodeTable, CodeTableDraft
from shared.model.connection import Connection
from shared.model.error_texts import said
from shared.model.errors import BadInput, Conflict, NotFound, Permanent, SyncError
from shared.model.number import whole_number
from shared.model.permission import Deed

router = APIRouter(include_in_schema=False)

HOME: Final = "/connections/{id}/mappings/codes"
NEW_ROWS: Final = 5
MOST_ROWS: Final = 400
"""Longer tables are edited as lines of text."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is typed: `theirs` are the codes of the SIS, a line each; `pairs` SIS and Enroll. It was opened as
    this `version` of the table `opened`."""

    name: str = ""
    enroll_set: str = ""
    theirs: str = ""
    pairs: Sequence[tuple[str, str]] = ()
    opened: str = ""
    version: int = 0

    @classmethod
    def of(cls, name: str, held: CodeTableDraft, version: int) -> Self:
        theirs = "\n".join(lined(one.code, one.label) for one in held.sis_codes)
        return cls(name, held.enroll_set, theirs, [(one.sis, one.enroll) for one in held.pairs], name, version)

    @property
    def base(self) -> int:
        """The version that what is typed began from; another name begins a table of its own."""
        return self.version if self.opened == self.name[:100] else 0

    @property
    def lines(self) -> str:
        """The pairs, one a line."""
        return "\n".join(lined(*pair) for pair in self.pairs)

    @property
    def sis_codes(self) -> tuple[Code, ...]:
        """Raises ValidationError."""
        lines = (parted(line) for line in self.theirs.splitlines() if line.strip())
        return tuple(Code(code=code, label=label) for code, label in lines)

    def draft(self) -> CodeTableDraft:
        """Raises ValidationError."""
        pairs = tuple(CodePair(sis=left, enroll=right) for left, right in self.pairs)
        return CodeTableDraft(enroll_set=self.enroll_set, sis_codes=self.sis_codes, pairs=pairs)


@router.get("/field-codes.csv")
async def field_codes(visit: Visited) -> Response:
    """Enroll Field Codes."""
    return await codes.download(visit.call)


@router.get(HOME)
async def index(visit: Visited, id: str) -> Response:
    connection = await connection_of(visit, id)
    found = await codes.tables(visit.call, id)
    return await _page(visit, connection, "codes.html", heading="Match codes", tables=found)


@router.get(HOME + "/edit")
async def show(visit: Visited, id: str, table: Typed = "") -> Response:
    connection = await connection_of(visit, id)
    held = next((one for one in await codes.tables(visit.call, id) if one.name == table), None)
    if table and held is None:
        raise NotFound(*said("code_table.not_found"))
    if held is None:
        return await _shown(visit, connection, Table())
    return await _shown(visit, connection, Table.of(held.name, held, held.version))


@router.post(HOME + "/edit", summary="Match codes")
async def step(visit: Visited, id: str) -> Response:
    """Save, or fill in more. Whatever is not saved comes back as it was typed."""
    connection, form = await connection_of(visit, id), await visit.fields()
    table = _typed(form)
    newer = whole_number(form.get("newer", ""), 0)
    try:
        if form.get("do") in ("save", "mine"):
            return await _saved(visit, connection, replace(table, version=newer) if form["do"] == "mine" else table)
        if form.get("do") == "both":
            table = await _taken_over(visit, connection, table, newer)
        if form.get("do") == "suggest":
            table = await _suggested(visit, table)
        if form.get("do") == "read":
            lists = (await connections.sis_lists(visit.call, id)).codes
            table = _with_theirs(table, lists.get(form.get("sis_set", "").strip(), ()))
            return await _shown(visit, connection, table, sis_sets=sorted(lists))
    except ValidationError:
        return await _shown(visit, connection, table, BadInput(*said("code_table.incomplete")))
    except SyncError as error:
        if not isinstance(error, Permanent):
            raise
        return await _shown(visit, connection, table, error)
    return await _shown(visit, connection, table)


async def _saved(visit: Visit, connection: Connection, table: Table) -> Response:
    """Where somebody else has saved it meanwhile, what they changed is shown first."""
    name, id = table.name[:100], connection.id
    if not name:
        raise BadInput(*said("code_table.no_name"))
    try:
        await codes.save(visit.call, id, name, table.draft(), table.base)
    except Conflict:
        theirs = next(one for one in await codes.tables(visit.call, id) if one.name == name)
        base = await _began(visit, connection, table)
        both = take_over_codes(base, table.draft(), theirs)[1]
        changes = beside(compare(base, theirs), dict(rows(table.draft())), both, Names())
        return await _shown(visit, connection, table, newer=theirs, changes=changes)
    return then(f"/connections/{id}/mappings/codes/edit?{urlencode({'table': name})}", "saved")


async def _taken_over(visit: Visit, connection: Connection, table: Table, newer: int) -> Table:
    name = table.name[:100]
    theirs = await codes.version(visit.call, connection.id, name, newer)
    made, _ = take_over_codes(await _began(visit, connection, table), table.draft(), theirs)
    return Table.of(name, made, theirs.version)


async def _began(visit: Visit, connection: Connection, table: Table) -> CodeTableDraft:
    """What the table was when it was opened; an empty one where it is new."""
    if not table.base:
        return CodeTableDraft(pairs=())
    return await codes.version(visit.call, connection.id, table.name[:100], table.base)


async def _suggested(visit: Visit, table: Table) -> Table:
    """With pairs for codes that have none yet."""
    asked = TwoLists(enroll_set=table.enroll_set, sis_codes=list(table.sis_codes))
    paired = {left for left, _ in table.pairs}
    found = [(one.sis, one.enroll) for one in await codes.proposed(visit.call, asked) if one.sis not in paired]
    return replace(table, pairs=[*table.pairs, *found])


def _with_theirs(table: Table, found: Sequence[Code]) -> Table:
    """With the codes that the SIS answers; as it was where there is no such set."""
    lines = "\n".join(lined(one.code, one.label) for one in found)
    return replace(table, theirs=lines or table.theirs)


def _typed(form: Mapping[str, str]) -> Table:
    pairs = [(form.get(f"p/{at}/sis", "").strip(), form.get(f"p/{at}/enroll", "").strip()) for at in _places(form)]
    pairs += [parted(line) for line in form.get("lines", "").splitlines() if line.strip()]
    kept = [pair for pair in pairs if any(pair)]
    opened, version = form.get("opened", ""), whole_number(form.get("version", ""), 0)
    return Table(
        form.get("name", "").strip(), form.get("enroll_set", ""), form.get("theirs", ""), kept, opened, version
    )


def _places(form: Mapping[str, str]) -> Sequence[int]:
    found = (whole_number(name.removeprefix("p/").removesuffix("/sis")) for name in form if name.startswith("p/"))
    return sorted({place for place in found if place >= 0})


def parted(line: str) -> tuple[str, str]:
    """What stands before the first tab, or else the first comma, and behind it; each in quotes or not, as in CSV."""
    if '"' not in line:
        left, _, right = line.partition("\t" if "\t" in line else ",")
        return left.strip(), right.strip()
    for separator in ("\t", ","):
        cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [""])
        if len(cells) > 1:
            break
    return cells[0].strip(), separator.join(cells[1:]).strip()


def lined(code: str, meaning: str = "") -> str:
    """A line that `parted` reads as it was."""
    text = io.StringIO()
    cells = [code, meaning] if meaning else [code]
    if "," in code and not meaning:
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="").writerow(cells)
    else:
        csv.writer(text, delimiter="\t", lineterminator="").writerow(cells)
    return text.getvalue()


async def _shown(
    visit: Visit,
    connection: Connection,
    table: Table,
    wrong: SyncError | None = None,
    sis_sets: Sequence[str] = (),
    newer: CodeTable | None = None,
    changes: Sequence[Change] = (),
) -> Response:
    """`newer` is what somebody else has saved since it was opened, and `changes` how it differs."""
    sets = await codes.field_codes(visit.call)
    labels = {one.code: one.label for one in sets.get(table.enroll_set, [])}
    about: dict[str, Any] = {"heading": "Match codes", "table": table, "sets": sets, "labels": labels, "report": None}
    about |= {"new_rows": NEW_ROWS, "as_lines": len(table.pairs) > MOST_ROWS, "wrong": wrong, "theirs": {}}
    try:
        about["theirs"] = {one.code: one.label for one in table.sis_codes}
        about["report"] = await codes.reported(visit.call, table.draft())
    except ValidationError:
        about["report"] = None
    about |= {"can_read": connection.pulls_from == "api", "sis_sets": sis_sets, "newer": newer, "changes": changes}
    return await _page(visit, connection, "code_table.html", **about)


async def _page(visit: Visit, connection: Connection, template: str, **about: Any) -> Response:
    common: dict[str, Any] = {"connection": connection, "whose": None, "screen": None, "tab": "codes", "wrong": None}
    common |= {"entries": await entries(visit, connection), "may_save": await visit.can(Deed.MAP_IMPORT)}
    status = 409 if about.get("newer") else 422 if about.get("wrong") else 200
    return await page(visit, f"mapping/{template}", status=status, **{**common, **about})
