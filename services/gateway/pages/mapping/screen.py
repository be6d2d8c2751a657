"""What every mapping screen has: which mapping it is, what lies on the desk, and the sidebar of data types."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.responses import Response

from services.gateway import connections, drafts, exports
from services.gateway.drafts import DEFAULT, Desk, Whose
from services.gateway.pages.mapping.carried import carried, given_back
from services.gateway.pages.mapping.rows import TYPES, Names
from services.gateway.pages.mapping.sections import slug
from services.gateway.pages.site import page, then
from services.gateway.pages.visits import Visit
from services.gateway.pages.words import label
from shared.contracts.topology import Direction
from shared.model.catalog import catalog, data_types
from shared.model.connection import Connection
from shared.model.draft import Draft, Examples
from shared.model.error_texts import said
from shared.model.errors import Conflict, SyncError
from shared.model.number import whole_number
from shared.model.permission import Deed

FROM_A_SIS: Final = ("students", "schools")
"""What the API of a SIS is asked for."""
SAVED, KEPT = "saved", "draft"
ORDER: Final = ("students", "schools", "programs", "applications", "cutoff_numbers", "admin_users")


Part = Callable[[Draft], Any]
"""What of a draft a form shows."""
SUM_LENGTH: Final = 16


def whole(draft: Draft) -> Any:
    return draft.fields, draft.files


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the sidebar."""

    direction: Direction
    data_type: str
    words: str
    address: str


@dataclass(slots=True)
class Screen:
    """One mapping before a person. `wrong` is what came of what they did last."""

    visit: Visit
    whose: Whose
    desk: Desk
    wrong: SyncError | None = None

    @property
    def draft(self) -> Draft:
        return self.desk.draft

    @property
    def examples(self) -> Examples:
        return self.desk.examples

    @property
    def names(self) -> Names:
        """What is read is a field of Enroll where it goes out, and a column where it comes in."""
        whose = self.whose
        read = exports.exported_catalog(whose.data_type).label_of if whose.direction == "export" else str
        return Names(read, whose.catalog.label_of)

    @property
    def heading(self) -> str:
        what = "Import" if self.whose.direction == "import" else "Export"
        return f"{what} {label(self.whose.data_type)}"

    def address(self, tab: str, **query: str) -> str:
        asked = {**({"mapping": self.whose.name} if self.whose.name != DEFAULT else {}), **query}
        path = f"/connections/{self.whose.connection.id}/mappings/{self.whose.direction}/{self.whose.data_type}/{tab}"
        return f"{path}?{urlencode(asked)}" if asked else path

    async def keep(self, draft: Draft) -> None:
        """As the person's draft; nothing is written where nothing has changed."""
        if draft == self.draft:
            return
        whose = self.whose
        await drafts.keep(self.visit.call, whose.connection.id, whose.direction, whose.data_type, draft, whose.name)
        self.desk = self.desk.model_copy(update={"draft": draft, "kept": True})

    def mark(self, part: Part = whole) -> str:
        """What a form carries with it that is made from this part of what lies on the desk."""
        return f"{_sum(self.draft, part)}.{KEPT if self.desk.kept else SAVED}"

    async def go_on(self, form: Mapping[str, str], part: Part = whole) -> None:
        """With what the form was made from: laid over anything newer it would take back what that changed.

        Raises Conflict where a draft says something else since, in another window, or was one and is none any more.
        """
        mark, _, was = form.get("mark", "").rpartition(".")
        base = whole_number(mark.partition(".")[0])
        if self.desk.kept and mark == _sum(self.draft, part):
            return
        if self.desk.kept or was != SAVED or base < 0:
            raise Conflict(*said("draft.elsewhere"))
        if base != self.draft.base:
            begun = await drafts.beginning(self.visit.call, self.whose, base)
            self.desk = self.desk.model_copy(update={"draft": begun})

    def was(self) -> str:
        """The draft itself, which a form carries beside its mark; of a version that is saved its mark says enough."""
        return carried(self.draft) if self.desk.kept else ""

    async def made_from(self, form: Mapping[str, str]) -> Draft | None:
        """The draft that a form was made from. None where it does not say."""
        mark, _, was = form.get("mark", "").rpartition(".")
        base = whole_number(mark.partition(".")[0])
        if was != SAVED or base < 0:
            return given_back(form.get("was", ""))
        found = await drafts.beginning(self.visit.call, self.whose, base)
        return found if found.base == base else None

    async def keep_examples(self, examples: Examples) -> None:
        whose = self.whose
        await drafts.keep_examples(self.visit.call, whose.connection.id, whose.direction, whose.data_type, examples)
        self.desk = self.desk.model_copy(update={"examples": examples})

    def then(self, tab: str, said: str = "", anchor: str = "", **query: str) -> Response:
        answer = then(self.address(tab, **query), said)
        if anchor:
            answer.headers["location"] += f"#{anchor}"
        return answer

    async def page(self, template: str, tab: str, /, status: int = 0, **about: Any) -> Response:
        """Status 422 where something is wrong with what was sent, unless another one says it better."""
        common: dict[str, Any] = {"screen": self, "tab": tab, "connection": self.whose.connection, "whose": self.whose}
        common |= {"heading": self.heading, "types": TYPES, "slug": slug}
        common |= {"entries": await entries(self.visit, self.whose.connection), "wrong": self.wrong}
        status = status or (422 if self.wrong else 200)
        return await page(self.visit, f"mapping/{template}", status=status, **{**common, **about})


def _sum(draft: Draft, part: Part) -> str:
    said = orjson.dumps(part(draft), option=orjson.OPT_SORT_KEYS)
    return f"{draft.base}.{sha256(said).hexdigest()[:SUM_LENGTH]}"


async def screen(visit: Visit, id: str, direction: Direction, data_type: str) -> Screen:
    """Raises Refused, NotFound."""
    name = visit.request.query_params.get("mapping", "") or DEFAULT
    whose = await drafts.found(visit.call, id, direction, data_type, name)
    return Screen(visit, whose, await drafts.show(visit.call, id, direction, data_type, name))


async def entries(visit: Visit, connection: Connection) -> list[Entry]:
    """What this person may map of a connection."""
    every = (
        FROM_A_SIS if connection.pulls_from == "api" else (*ORDER, *(one for one in data_types() if one not in ORDER))
    )
    mine = [one for one in every if await visit.can(Deed.MAP_IMPORT, one)]
    found = [_entry(connection, "import", one, f"Import {catalog(one).label}") for one in mine]
    files = connection.pulls_from != "api"
    if (files or connection.writes_to_sis) and await visit.can(Deed.MAP_EXPORT):
        found.append(_entry(connection, "export", "students", f"Export {label('students')}"))
    return found


async def connection_of(visit: Visit, id: str) -> Connection:
    """Raises Refused, NotFound."""
    return await connections.show(visit.call, id)


def _entry(connection: Connection, direction: Direction, data_type: str, words: str) -> Entry:
    address = f"/connections/{connection.id}/mappings/{direction}/{data_type}/fields"
    return Entry(direction, data_type, words, address)
