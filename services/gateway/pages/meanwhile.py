"""A form that somebody else has saved meanwhile: what they changed, and what was typed put together with it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from services.gateway.pages.fields import Field, Form, Typed

WAS: Final = "was"
"""The field in which a form carries what stood in it when it was opened."""


@dataclass(frozen=True, slots=True)
class Change:
    """A field that they changed, in words. `is_both`: it was typed into as well, so `mine` stays in the form."""

    label: str
    before: str
    now: str
    mine: str
    is_both: bool


@dataclass(frozen=True, slots=True)
class Together:
    """The form with what they changed in the fields that were left alone."""

    form: Form
    changes: tuple[Change, ...]


def carried(standing: Form) -> str:
    return orjson.dumps(standing.values()).decode()


def together(was: str, typed: Form, standing: Form) -> Together | None:
    """None where saving the form takes nothing back, or it does not say what it was made from."""
    before = _read(was)
    now, mine = standing.values(), typed.values()
    at_stake = (one for one in typed.fields if one.name in before and now[one.name] != mine[one.name])
    theirs = [one for one in at_stake if now[one.name] != before[one.name]]
    if not theirs:
        return None
    left = {one.name for one in theirs if mine[one.name] == before[one.name]}
    filled = {name: standing.typed[name] if name in left else value for name, value in typed.typed.items()}
    return Together(replace(typed, typed=filled), tuple(_changes(theirs, before, now, mine)))


def _changes(theirs: list[Field], before: Typed, now: Typed, mine: Typed) -> Iterator[Change]:
    for one in theirs:
        was, is_, typed = (_words(one, held[one.name]) for held in (before, now, mine))
        yield Change(one.label, was, is_, typed, mine[one.name] != before[one.name])


def _words(one: Field, value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    chosen = dict(one.options)
    parts = value if isinstance(value, list) else [value]
    return ", ".join(chosen.get(str(part), str(part)) for part in parts if part not in (None, "")) or "nothing"


def _read(was: str) -> Typed:
    try:
        found = orjson.loads(was)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
