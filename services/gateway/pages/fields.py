"""The fields of a form: how they are read, shown again as they were typed, and told what is wrong with them.

A field is called as the place of its value in what the API takes, dotted (`sftp.host`), so that what is wrong there is
known to be wrong here.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.datastructures import FormData

from shared.model.errors import NotFound, Refused, SyncError
from shared.model.plain import plain

Shape = Literal[
    "text", "secret", "secret_text", "number", "lines", "switch", "one", "menu", "many", "date", "time", "file"
]
Typed = dict[str, Any]
Model = TypeVar("Model", bound=BaseModel)
NO_CHOICE: Final = "Choose one of these."


@dataclass(frozen=True, slots=True)
class Field:
    """`says` stands in for what is said where the value cannot be read. `more`: seldom needed, so folded away.

    `places` is the id of a list of values that are proposed. `group` tells apart forms that stand on one page. `aside`
    stands in brackets behind the label of what is not required.
    """

    name: str
    label: str
    shape: Shape = "text"
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    required: bool = False
    says: str = ""
    more: bool = False
    places: str = ""
    group: str = ""
    aside: str = "optional"

    @property
    def id(self) -> str:
        return "-".join(filter(None, ("f", self.group, self.name))).replace(".", "-").replace("_", "-")

    @property
    def first(self) -> str:
        """The id of what takes the focus."""
        return f"{self.id}-1" if self.shape in ("one", "many") else self.id

    @property
    def is_secret(self) -> bool:
        """Never shown again, not even to whoever typed it."""
        return is_secret(self.name)


def is_secret(name: str) -> bool:
    return name.startswith("secrets.")


@dataclass(slots=True)
class Form:
    """What stands in the fields, what is wrong in which of them, and what else stood in the way."""

    fields: tuple[Field, ...]
    typed: Typed
    wrong: dict[str, str] = field(default_factory=dict)
    told: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, fields: Sequence[Field], values: Mapping[str, Any] | None = None) -> "Form":
        """Filled in with the values of a model, dumped."""
        held = {one.name: _at(values or {}, one.name) for one in fields if not one.is_secret}
        return cls(tuple(fields), {one.name: _shown(one, held.get(one.name)) for one in fields})

    @classmethod
    def read(cls, fields: Sequence[Field], sent: FormData) -> "Form":
        return cls(tuple(fields), {one.name: _typed(one, sent) for one in fields})

    @property
    def bad(self) -> bool:
        return bool(self.wrong or self.told)

    def refuse_strays(self, names: Collection[str]) -> None:
        """Note which of these fields hold what is none of their choices; blank is for the model to judge."""
        for one in self.fields:
            typed = self.typed[one.name]
            if one.name in names and typed and typed not in (value for value, _ in one.options):
                self.wrong.setdefault(one.name, NO_CHOICE)

    def values(self) -> dict[str, Any]:
        """What each field says, by its name."""
        return {one.name: _value(one, self.typed[one.name]) for one in self.fields}

    def nested(self) -> dict[str, Any]:
        """What the API takes."""
        found: dict[str, Any] = {}
        for name, value in self.values().items():
            *places, last = name.split(".")
            inner = found
            for place in places:
                inner = inner.setdefault(place, {})
            inner[last] = value
        return found

    def build(self, model: type[Model], values: Mapping[str, Any], within: str = "") -> Model | None:
        """The model of these values; None where some are wrong, which is noted. `within` is where they stand."""
        try:
            return model.model_validate(dict(values))
        except ValidationError as error:
            for problem in error.errors():
                self.note(problem, within)
            return None

    def note(self, problem: ErrorDetails, within: str = "") -> None:
        """Put what is wrong beside the field it is in, the first only."""
        place = [part for part in (within, *map(str, problem["loc"])) if part]
        for length in range(len(place), 0, -1):
            found = next((one for one in self.fields if one.name == ".".join(place[:length])), None)
            if found is not None:
                is_ours = length == len(place) and problem["type"] == "value_error"
                self.wrong.setdefault(found.name, _said(problem) if is_ours else found.says or _said(problem))
                return
        self.told.append({"code": "request.invalid", "message": f"{'.'.join(place)}: {_said(problem)}", "fix": ""})

    def blame(self, error: SyncError, places: Mapping[str, str] | None = None) -> None:
        """Take an error of the API for a problem of this form; `places` says of which field, by code.

        Raises:
            SyncError: it says nothing about the form, but about the person or what they looked for.
        """
        if isinstance(error, Refused) or (isinstance(error, NotFound) and not (places and error.code in places)):
            raise error
        name = (places or {}).get(error.code, "")
        if any(one.name == name for one in self.fields):
            self.wrong.setdefault(name, f"{error.message} {error.fix}".strip())
        else:
            self.told.append(error.as_dict())


def overlaid(values: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The values with what was typed in place of theirs, place by place."""
    found = dict(values)
    for name, value in typed.items():
        held = found.get(name)
        found[name] = overlaid(held, value) if isinstance(value, Mapping) and isinstance(held, Mapping) else value
    return found


def lines(text: str) -> list[str]:
    """One thing on each line, each once; blank ones say nothing."""
    return list(dict.fromkeys(one.strip() for one in text.splitlines() if one.strip()))


def _typed(one: Field, sent: FormData) -> Any:
    if one.shape == "many":
        return tuple(value for value in sent.getlist(one.name) if isinstance(value, str))
    value = sent.get(one.name)
    if one.shape == "switch":
        return value == "1"
    return value if isinstance(value, str) else ""


def _shown(one: Field, value: Any) -> Any:
    if one.shape == "many":
        return tuple(map(str, value or ()))
    if one.shape == "switch":
        return bool(value)
    if one.shape == "lines" and value is not None and not isinstance(value, str):
        return "\n".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)


def _value(one: Field, typed: Any) -> Any:
    match one.shape:
        case "many":
            chosen: Iterable[str] = typed
            known = [value for value, _ in one.options]
            return sorted(chosen, key=lambda value: known.index(value) if value in known else len(known))
        case "lines":
            return lines(typed)
        case "number":
            return typed.strip() or None
        case "switch" | "secret" | "secret_text":
            return typed
        case _:
            return typed.strip()


def _at(values: Mapping[str, Any], name: str) -> Any:
    found: Any = values
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _said(problem: ErrorDetails) -> str:
    """The choices stand there: they are not told again."""
    return NO_CHOICE if problem["type"] in ("literal_error", "enum") else plain(problem)
