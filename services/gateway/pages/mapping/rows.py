"""The rows of a draft as people edit them: what kind of mapping, by which transformation, with which options.

A row of a mapping of fields and a column of an export file are written differently and edited the same way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.gateway.pages.mapping.shapes import kind_of_source, steps
from services.gateway.pages.mapping.widgets import Form, carried, first_source, read_options, typable
from services.gateway.pages.words import plural
from shared.model.number import whole_number

TYPES: Final = (
    ("direct", "Direct"),
    ("match_codes", "Match Codes"),
    ("transformation", "Transformation"),
    ("do_not_map", "Do Not Map"),
)
Change = Callable[[list[Any]], list[Any]]
Called = Callable[[str], str]
_OWN: Final = ("type", "target", "blank", "updatable", "header", "do_not_map")
_KNOWN: Final = frozenset(name for name, _ in TYPES)


@dataclass(frozen=True, slots=True)
class Names:
    """What people call what a row reads (a column of a file stays as it is), and the fields that are filled."""

    read: Called = str
    filled: Called = str


@dataclass(frozen=True, slots=True)
class Step:
    """What a row does: its Mapping Type, the transformation that stands for it, and the options of that."""

    type: str
    name: str
    options: Mapping[str, Any]

    @property
    def source(self) -> Any:
        return self.options.get("source", "")

    @property
    def column(self) -> str | None:
        """The column or field that it reads, where that is a plain one and can be typed."""
        known = dict(steps()[self.name].options) if self.name in steps() else {"source": None}
        plain = "source" in known and isinstance(self.source, str) and typable(self.source)
        return self.source if plain else None

    @property
    def _codes(self) -> str:
        """Which codes are looked up."""
        table, codes = self.options.get("table"), self.options.get("codes", {})
        return f"table {table}" if table else plural(len(codes) if isinstance(codes, Mapping) else 0, "code")

    def summary(self, names: Names) -> str:
        """In a few words, where From alone does not say it."""
        if self.type == "do_not_map":
            return ""
        if self.type == "match_codes":
            return self._codes if self.column is not None else f"{self._codes}: {_words(self.source, names)}"
        label = steps()[self.name].label if self.name in steps() else "Not chosen yet"
        if self.type == "direct":
            return "" if self.column is not None else _words(self.source, names)
        read = ", ".join(dict.fromkeys(_leaves(self.options, names)))
        return label if self.column is not None or not read else f"{label}: {read}"[:200]


def step_of(row: Mapping[str, Any]) -> Step:
    """Of a row of a mapping, or of a column of a file."""
    if "header" in row or "type" not in row:
        return _step_of_column(row)
    kind = row["type"] if row["type"] in _KNOWN else "direct"
    if kind == "transformation":
        options = row.get("options", {})
        return Step(kind, str(row.get("name", "")), options if isinstance(options, dict) else {})
    options = {name: value for name, value in row.items() if name not in _OWN}
    return Step(kind, "match_codes" if kind == "match_codes" else "direct", options)


def _step_of_column(row: Mapping[str, Any]) -> Step:
    source = row.get("source", "")
    if kind_of_source(source) == "transformation":
        name, options = source["transformation"], source.get("options", {})
        found = Step("match_codes" if name == "match_codes" else "transformation", name, options)
    else:
        found = Step("direct", "direct", {"source": source})
    return Step("do_not_map", found.name, found.options) if row.get("do_not_map") else found


def with_step(row: Mapping[str, Any], step: Step) -> dict[str, Any]:
    """The row made to do this."""
    if "header" in row or "type" not in row:
        return _column_with(row, step)
    own = {name: value for name, value in row.items() if name in _OWN}
    if step.type == "transformation":
        made = {**own, "type": step.type, "name": step.name, "options": dict(step.options)}
        return made if "options" in row or step.options or row["type"] != step.type else _without(made, "options")
    if step.type == "do_not_map":
        return {**own, "type": step.type, **(step.options if row["type"] == step.type else {})}
    return {**own, "type": step.type, **step.options}


def _column_with(row: Mapping[str, Any], step: Step) -> dict[str, Any]:
    own = {name: value for name, value in row.items() if name not in ("source", "do_not_map")}
    if step.type == "do_not_map":
        return {**own, "source": row.get("source", ""), "do_not_map": True}
    if step.type == "direct":
        return {**own, "source": step.source}
    old = row.get("source")
    bare = not step.options and isinstance(old, dict) and "options" not in old and "transformation" in old
    options = {} if bare else {"options": dict(step.options)}
    return {**own, "source": {"transformation": step.name, **options}}


def turned(step: Step, kind: str) -> Step:
    """The step with another Mapping Type, reading what it read."""
    if kind == step.type or kind not in _KNOWN:
        return step
    source = step.options.get("source") or first_source(step.options)
    if kind == "direct":
        return Step(kind, "direct", {"source": source})
    if kind == "match_codes":
        return Step(kind, "match_codes", carried(step.name, step.options, "match_codes") | {"source": source})
    if kind == "transformation":
        name = "match_codes" if step.type == "match_codes" else ""
        return Step(kind, name, dict(step.options) if name else {"source": source})
    return Step(kind, "direct", {"source": source} if source else {})


def read_line(row: Mapping[str, Any], form: Form, name: str) -> dict[str, Any]:
    """One line of the table of the Field Mapping: its type, what it reads, and of a file its header."""
    step = turned(step_of(row), form.get(f"{name}/type", ""))
    column = form.get(f"{name}/from")
    if column is not None and step.column is not None:
        step = Step(step.type, step.name, {**step.options, "source": column})
    made = with_step(row, step)
    return {**made, "header": form[f"{name}/header"]} if f"{name}/header" in form else made


def read_step(row: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """Everything of one row, as its own page shows it."""
    before = step_of(row)
    step = turned(before, form.get("type", before.type))
    name = form.get("step", step.name) if step.type == "transformation" else step.name
    if step.type == before.type and name == before.name:
        options = read_options(name, form, "o", step.options)
    else:
        options = carried(step.name, step.options, name)
    made = with_step(row, Step(step.type, name, options))
    for option, known in (("blank", ("keep", "clear")), ("updatable", ("yes", "no"))):
        if form.get(option) in known:
            made = _settled(made, option, form[option])
    return {**made, "header": form["header"]} if "header" in form else made


def _settled(row: Mapping[str, Any], option: str, said: str) -> dict[str, Any]:
    """What a row says besides; a default that it leaves out stays left out."""
    value: Any = said == "yes" if option == "updatable" else said
    if option not in row and value in (True, "keep"):
        return dict(row)
    return {**row, option: value}


def more(row: Mapping[str, Any], path: str) -> dict[str, Any]:
    """With one more at the end of the list that `path` (`o/sources`) names."""
    return _at(row, path, lambda held: [*held, _like(held)])


def less(row: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Without the item of a list that `path` (`o/sources/1`) names."""
    whole, _, place = path.rpartition("/")
    number = whole_number(place)

    def shorter(held: list[Any]) -> list[Any]:
        return [one for at, one in enumerate(held) if at != number] if len(held) > 1 else held

    return _at(row, whole, shorter)


def _like(held: Sequence[Any]) -> Any:
    """An empty one of the same kind."""
    if held and isinstance(held[-1], Mapping) and "operator" in held[-1]:
        return {"source": "", "operator": ""}
    return ""


def _at(row: Mapping[str, Any], path: str, change: Change) -> dict[str, Any]:
    step = step_of(row)
    return with_step(row, Step(step.type, step.name, _changed(step.options, path.split("/")[1:], change)))


def _changed(held: Any, path: Sequence[str], change: Change) -> Any:
    """A copy of what is held, changed at the path; the same where there is no such place."""
    if not path:
        return change([held] if isinstance(held, str) else held) if isinstance(held, str | list) else held
    name, rest = path[0], path[1:]
    if isinstance(held, Mapping) and (name in held or not rest):
        return {**held, name: _changed(held.get(name, []), rest, change)}
    if isinstance(held, list):
        number = whole_number(name)
        return [_changed(one, rest, change) if at == number else one for at, one in enumerate(held)]
    return held


def _leaves(options: Any, names: Names) -> Iterator[str]:
    """Every source, however deep, in words."""
    if not isinstance(options, Mapping):
        return
    for name in ("source", "sources", "if", "then", "else"):
        held = options.get(name, [])
        for one in held if isinstance(held, list) else [held]:
            if isinstance(one, Mapping) and "operator" in one:
                yield from _leaves(one, names)
            elif kind_of_source(one) == "transformation":
                yield from _leaves(one.get("options", {}), names)
            elif words := _words(one, names):
                yield words


def _words(source: Any, names: Names) -> str:
    match kind_of_source(source):
        case "value":
            return f"“{source['value']}”"
        case "field":
            return f"row {names.filled(str(source['field']))}"
        case "transformation":
            step = Step("transformation", source["transformation"], source.get("options", {}))
            return step.summary(names)
        case _:
            return names.read(str(source))


def _without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != name}
