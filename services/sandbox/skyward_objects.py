"""Tables of objects with primary and foreign keys, as an API of objects has them. Knows nothing of their meaning.

A table is written as a text: the names of its columns, `*` behind the primary key, `-` behind what is read-only, `!`
behind what a new object needs, `>Module/Object` behind a foreign key.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.sandbox.skyward_search import Refusal, Search

Json = dict[str, Any]
Computed = Callable[["Objects", Json], Any]
_COLUMN = re.compile(r"(\w+)([*!-]*)(?:>([\w/]+))?")
_KEPT_SEARCHES = 16


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    key: bool = False
    read_only: bool = False
    required: bool = False
    refers: str = ""

    @property
    def relation(self) -> str:
        """What the related object is called in a dotted path."""
        return self.name.replace("ID", "", 1)


class Table:
    """The objects of one kind, by their primary key."""

    def __init__(self, path: str, text: str, computed: Mapping[str, Computed]) -> None:
        self.path = path
        self.columns = {one.name: one for one in (_column(word) for word in text.split())}
        self.key = next(one.name for one in self.columns.values() if one.key)
        self.computed = computed
        self.relations = {one.relation: one for one in self.columns.values() if one.refers}
        self.rows: dict[int, Json] = {}
        self._links: dict[str, dict[int, set[int]]] = {one.name: {} for one in self.relations.values()}
        self._last = 0

    def next_key(self) -> int:
        return self._last + 1

    def put(self, row: Json) -> None:
        id = row[self.key]
        self.drop(id)
        self.rows[id] = row
        self._last = max(self._last, id)
        for name, links in self._links.items():
            if row.get(name) is not None:
                links.setdefault(row[name], set()).add(id)

    def drop(self, id: int) -> None:
        row = self.rows.pop(id, None)
        for name, links in self._links.items():
            if row is not None and row.get(name) is not None:
                links[row[name]].discard(id)

    def referring(self, name: str, id: int) -> list[Json]:
        """Those whose foreign key `name` is `id`, oldest first."""
        return [self.rows[one] for one in sorted(self._links[name].get(id, ()))]

    def refers_to(self, path: str, id: int) -> bool:
        return any(one.refers == path and self._links[one.name].get(id) for one in self.relations.values())


class Objects:
    """All tables of one server. `hidden` are fields that may not be read, as `Module/Object.Field`."""

    def __init__(
        self,
        schema: Mapping[str, str],
        computed: Mapping[str, Mapping[str, Computed]],
        hidden: Iterable[str] = (),
    ) -> None:
        self.tables = {path: Table(path, text, computed.get(path, {})) for path, text in schema.items()}
        self._hidden = frozenset(hidden)
        self._searches: dict[Any, list[Json]] = {}

    def table(self, path: str) -> Table:
        if path not in self.tables:
            raise Refusal(f"There is no object {path}.", 404)
        return self.tables[path]

    def load(self, path: str, **values: Any) -> int:
        """An object that is as it should be already; answers its primary key."""
        table = self.tables[path]
        row = {name: values.get(name) for name in table.columns if name not in table.computed}
        id: int = values.get(table.key) or table.next_key()
        table.put({**row, table.key: id})
        self._searches.clear()
        return id

    def create(self, path: str, values: Mapping[str, Any]) -> Json:
        table = self.table(path)
        self._check(table, values)
        lacking = [one.name for one in table.columns.values() if one.required and values.get(one.name) in (None, "")]
        if lacking:
            raise Refusal(f"{', '.join(lacking)} of {path} is required.")
        return table.rows[self.load(path, **values)]

    def change(self, path: str, id: int, values: Mapping[str, Any], *, trusted: bool = False) -> Json:
        """`trusted` may write what is read-only."""
        table = self.table(path)
        row = table.rows.get(id)
        if row is None:
            raise Refusal(f"There is no {path} {id}.", 404)
        if values.get(table.key, id) != id:
            raise Refusal(f"{table.key} of {path} is not that of the address.")
        self._check(table, {name: one for name, one in values.items() if name != table.key}, trusted=trusted)
        table.put({**row, **values})
        self._searches.clear()
        return table.rows[id]

    def delete(self, path: str, id: int) -> None:
        table = self.table(path)
        if id not in table.rows:
            raise Refusal(f"There is no {path} {id}.", 404)
        users = [other.path for other in self.tables.values() if other.refers_to(path, id)]
        if users:
            raise Refusal(f"{path} {id} is used by {', '.join(users)}.")
        table.drop(id)
        self._searches.clear()

    def find(self, path: str, body: Any, scope: Any, visible: Callable[[Json], bool]) -> Sequence[Json]:
        """What a search finds among the visible objects, sorted as it asks, else by primary key."""
        table = self.table(path)
        key = (path, repr(body), scope)
        if key not in self._searches:
            search = Search(body)
            self.readable(table, search.fields)
            rows = [row for _, row in sorted(table.rows.items()) if visible(row) and self._fits(search, table, row)]
            for name, descending in reversed(search.sorts):
                rows.sort(key=partial(self._place, table, name), reverse=descending)
            if len(self._searches) >= _KEPT_SEARCHES:
                self._searches.clear()
            self._searches[key] = rows
        return self._searches[key]

    def value(self, table: Table, row: Json, name: str) -> Any:
        """That of a field, or over a dotted path that of the related object."""
        first, _, rest = name.partition(".")
        if rest:
            column = table.relations[first]
            other = self.tables[column.refers]
            related = other.rows.get(row[column.name])
            return None if related is None else self.value(other, related, rest)
        made = table.computed.get(first)
        return made(self, row) if made else row.get(first)

    def readable(self, table: Table, names: Iterable[str]) -> None:
        """Raises Refusal for the first field that is not there or is hidden. A path reaches one related object."""
        for name in names:
            holder, field = table, name
            first, _, rest = name.partition(".")
            if rest and first in table.relations:
                holder, field = self.tables[table.relations[first].refers], rest
            if field not in holder.columns:
                raise Refusal(f"{name} is not a field of {table.path}.")
            if f"{holder.path}.{field}" in self._hidden:
                raise Refusal(f"Access to {name} of {table.path} is denied.")

    def shown(self, table: Table, row: Json, names: Iterable[str], nested: bool) -> Json:
        """The primary key, and the fields asked for; those of related objects under dotted names, or nested."""
        found: Json = {table.key: row[table.key]}
        for name in names:
            value = self.value(table, row, name)
            first, _, rest = name.partition(".")
            if nested and rest:
                found.setdefault(first, {})[rest] = value
            else:
                found[name] = value
        return found

    def about(self, path: str) -> Json:
        """What the API says about the fields of an object: a flag is there where it holds, else not at all."""
        table = self.table(path)
        fields: Json = {}
        for one in table.columns.values():
            flags = {"PrimaryKey": one.key, "ReadOnly": one.key or one.read_only, "Required": one.required}
            fields[one.name] = {name: True for name, holds in flags.items() if holds}
        related = {one.relation: {"Object": one.refers, "Field": one.name} for one in table.relations.values()}
        return {**fields, "Relationships": related, "ValidationRules": {}}

    def _is_there(self, path: str, id: Any) -> bool:
        return isinstance(id, int) and id in self.tables[path].rows

    def _fits(self, search: Search, table: Table, row: Json) -> bool:
        return search.fits(partial(self.value, table, row))

    def _place(self, table: Table, name: str, row: Json) -> tuple[bool, Any]:
        value = self.value(table, row, name)
        return (False, 0) if value is None else (True, value)

    def _check(self, table: Table, values: Mapping[str, Any], *, trusted: bool = False) -> None:
        for name, value in values.items():
            column = table.columns.get(name)
            if column is None:
                raise Refusal(f"{name} is not a field of {table.path}.")
            if name in table.computed or (not trusted and (column.key or column.read_only)):
                raise Refusal(f"{name} of {table.path} is read-only.")
            if column.refers and value is not None and not self._is_there(column.refers, value):
                raise Refusal(f"{name} of {table.path}: there is no such {column.refers}.")


def _column(word: str) -> Column:
    found = _COLUMN.fullmatch(word)
    if found is None:
        raise ValueError(f"{word!r} is not a column")
    name, flags, refers = found.groups()
    return Column(name, "*" in flags, "-" in flags, "!" in flags, refers or "")
