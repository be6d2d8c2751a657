"""Proposes a mapping from the headers of a file and a few of its values. A proposal is never applied by itself."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from shared.mapping.headers import Names, plain, words
from shared.mapping.samples import PIVOT, Sampled, gender, grade, sampled
from shared.mapping.transformations.date_pattern import needs_pivot
from shared.model.catalog import Catalog, Field
from shared.model.catalog import catalog as find_catalog
from shared.model.codes import NO_SETS, Code, CodeSets
from shared.model.contacts import contact_field

LEAST = 0.5
ENROLLS_OWN = ".id"
"""An id that Enroll gives is proposed for a column of exactly that name: it decides who is meant, before all others."""
UNCHECKED = "There are no values to check it by."
MAX_SAMPLES = 200
SYSTEMS = {
    "powerschool": "PowerSchool",
    "aeries": "Aeries",
    "skyward": "Skyward",
    "infinite_campus": "Infinite Campus",
    "oneroster": "OneRoster",
}
_WHOSE = frozenset({"guardian", "emergency", "mother", "father", "middle", "1", "2", "3", "state", "school"})
_WHOLE_NAMES = frozenset({"name", "student name", "full name", "student", "student full name", "last name first name"})


@dataclass(slots=True, frozen=True)
class Proposal:
    """A row for the mapping (`shared.model.mapping.FieldMapping` as JSON), how sure it is (0 to 1), and why."""

    target: str
    column: str
    row: Mapping[str, Any]
    confidence: float
    reason: str


@dataclass(slots=True, frozen=True)
class _Guess:
    place: int
    field: Field
    sure: float
    why: str


def propose(
    catalog: Catalog, columns: Sequence[str], samples: Sequence[Sequence[str]], sets: CodeSets = NO_SETS
) -> list[Proposal]:
    """At most one proposal for each field, in the order of the catalog. Never raises on any text.

    `samples` are rows; short ones are taken as they are, and no more than 200 are looked at. `sets` are Enroll's field
    codes, as far as they are known: values that are called otherwise there are matched by their names.
    """
    values = [_column(samples, place) for place in range(len(columns))]
    whole = [place for place, name in enumerate(columns) if _is_whole_name(name, values[place])]
    guesses = [
        guess
        for place, name in enumerate(columns)
        if place not in whole
        for guess in _guesses(catalog, place, name, values[place], sets)
    ]
    order = {name: place for place, name in enumerate(catalog.fields)}
    guesses.sort(key=lambda one: (-one.sure, order[one.field.name], one.place))
    taken: set[int] = set()
    chosen: dict[str, Proposal] = {}
    for guess in guesses:
        if guess.place not in taken and guess.field.name not in chosen:
            taken.add(guess.place)
            chosen[guess.field.name] = _proposal(guess, columns[guess.place], values[guess.place], sets)
    for proposal in (one for place in whole for one in _parts_of_name(catalog, columns[place])):
        chosen.setdefault(proposal.target, proposal)
    return sorted(chosen.values(), key=lambda one: order[one.target])


def _column(samples: Sequence[Sequence[str]], place: int) -> Sampled:
    return sampled([row[place] for row in samples[:MAX_SAMPLES] if place < len(row)])


def _guesses(catalog: Catalog, place: int, name: str, values: Sampled, sets: CodeSets) -> Iterator[_Guess]:
    for field, sure, why in called_alike(catalog, name):
        yield from _weighed(_Guess(place, field, sure, why), values, sets.get(field.codes, ()))


def called_alike(catalog: Catalog, name: str) -> Iterator[tuple[Field, float, str]]:
    """Fields that may be what somebody calls so, how sure that is, and why. Values are not looked at."""
    known, names, meant = _known_names(catalog.data_type)
    seen: set[str] = set()
    for target, why in known.get(plain(name), {}).items():
        seen.add(target)
        yield catalog.fields[target], 0.95, why
    if contact_field(name) is not None:  # whose it is, and what, is said outright: what is only like it is another's
        return
    for other, alike in names.like(name, 0.6).items():
        for target in () if _says_less(name, other) else meant[other]:
            if target not in seen and not target.endswith(ENROLLS_OWN):
                seen.add(target)
                same = words(name) == words(other)
                sure = 0.85 if same else 0.4 + 0.4 * alike
                yield catalog.fields[target], sure, f"The header {'says the same as' if same else 'is like'} {other!r}."


def _weighed(guess: _Guess, values: Sampled, known: Sequence[Code]) -> Iterator[_Guess]:
    """The same guess in the light of the values; nothing where they speak against it."""
    fits, said = _fits(guess.field, values, known)
    sure = round(guess.sure * (0.5 + 0.5 * fits), 2)
    if fits >= 0.2 and sure >= LEAST:
        yield _Guess(guess.place, guess.field, sure, f"{guess.why} {said}".strip())


def _fits(field: Field, values: Sampled, known: Sequence[Code]) -> tuple[float, str]:
    if not values.values:
        return 0.9, UNCHECKED
    if field.type == "date":
        patterns = values.dates()
        if not patterns:
            return 0.0, ""
        said = f"The values are dates written {' or '.join(patterns)}."
        if values.day_may_be_first(patterns):
            return 0.8, f"{said} None of them shows whether the day or the month comes first: check it."
        return 1.0, said
    if field.codes == "grades" and field.type == "integer":
        share = values.share(lambda value: grade(value) is not None)
        return share, "The values are grades." if share > 0.8 else "Not all values are grades."
    if known and field.type in ("text", "json"):
        share = values.share(lambda value: _is_known(field, value, known))
        return share, "" if share == 1 else f"Enroll has codes for {share:.0%} of the values."
    share = values.fit(field)
    return share, "" if share == 1 else f"{share:.0%} of the values suit the field."


def _proposal(guess: _Guess, column: str, values: Sampled, sets: CodeSets) -> Proposal:
    row = {"target": guess.field.name, **_made(guess.field, column, values, sets.get(guess.field.codes, ()))}
    return Proposal(guess.field.name, column, row, guess.sure, guess.why)


def _made(field: Field, column: str, values: Sampled, known: Sequence[Code]) -> dict[str, Any]:
    """How the field is best made of the column: as it is, or by the transformation its values ask for."""
    if field.type == "date" and (patterns := values.dates()) and patterns != ("YYYY-MM-DD",):
        pivot = {"pivot": PIVOT} if any(map(needs_pivot, patterns)) else {}
        return _step("date", source=column, **{"from": list(patterns)}, to="YYYY-MM-DD", **pivot)
    if field.codes == "grades" and field.type == "integer" and values.fit(field) < 1:
        grades = {value: str(found) for value in values.values if (found := grade(value)) is not None}
        return _codes(column, _of_enroll(grades, known))
    if field.codes == "gender" and values.values and values.share(lambda value: gender(value) is not None) == 1:
        codes = {value: letter for value in values.values if (letter := gender(value)) is not None}
        if any(value != letter for value, letter in codes.items()):
            return _codes(column, _of_enroll(codes, known))
        return _direct(column)
    if field.type in {"text", "json"} and (paired := _paired(field, values, known)):
        return _codes(column, *paired)
    if field.name.endswith("phone") and values.phones():
        return _step("phone_number", source=column, form="(999) 999-9999")
    return _direct(column)


def _of_enroll(codes: Mapping[str, str], known: Sequence[Code]) -> dict[str, str]:
    """Without codes that Enroll does not have, as far as its codes are known: Save takes no others."""
    allowed = {one.code for one in known}
    return {value: code for value, code in codes.items() if not allowed or code in allowed}


def _is_known(field: Field, value: str, known: Sequence[Code]) -> bool:
    """Whether the value, or one in its list, is a code of Enroll's or the name of one."""
    named = {plain(name) for one in known for name in (one.label, one.code)}
    meant = gender(value) if field.codes == "gender" else None
    return meant in {one.code for one in known} or any(plain(part) in named for part in re.split("[,;]", value))


def _paired(field: Field, values: Sampled, known: Sequence[Code]) -> tuple[dict[str, str], str] | None:
    """Values that Enroll calls otherwise, by the names of its codes; what stands between several values of one cell."""
    separator = ("," if any("," in one for one in values.values) else ";") if field.type == "json" else ""
    parts = [part.strip() for one in values.values for part in (one.split(separator) if separator else [one])]
    names = {plain(name): one.code for one in reversed(known) for name in (one.label, one.code) if plain(name)}
    pairs = {part: names[plain(part)] for part in parts if plain(part) in names}
    return (pairs, separator) if any(part != code for part, code in pairs.items()) else None


def _is_whole_name(name: str, values: Sampled) -> bool:
    return " ".join(words(name)) in _WHOLE_NAMES and values.whole_names()


def _parts_of_name(catalog: Catalog, column: str) -> Iterator[Proposal]:
    why = "The values look like last name, first name: the one is before the comma, the other behind it."
    for target, fragment in (("students.lname", 1), ("students.fname", 2)):
        if target in catalog.fields:
            row = {"target": target, **_step("split", source=column, delimiter=",", fragment=fragment)}
            yield Proposal(target, column, row, 0.7, why)


def _says_less(name: str, other: str) -> bool:
    """Whether the other name says whose or which it is, and this one does not: an email is not the guardian's email."""
    said, meant = set(words(name)), set(words(other))
    return bool((meant - said) & _WHOSE) or bool((said - meant) & _WHOSE)


def _direct(column: str) -> dict[str, Any]:
    return {"type": "direct", "source": column}


def _codes(column: str, codes: dict[str, str], separator: str = "") -> dict[str, Any]:
    several = {"separator": separator} if separator else {}
    return {"type": "match_codes", "source": column, "codes": codes, **several}


def _step(name: str, **options: Any) -> dict[str, Any]:
    return {"type": "transformation", "name": name, "options": options}


_Known = Mapping[str, Mapping[str, str]]


@cache
def _known_names(data_type: str) -> tuple[_Known, Names, Mapping[str, list[str]]]:
    """Names that are known outright with the reason, all names to look for likeness in, and what they mean."""
    fields = [field for field in find_catalog(data_type).fields.values() if field.importable]
    callers: dict[str, dict[str, list[str]]] = {}
    meant: dict[str, list[str]] = {}
    for field in fields:
        aliases = [(alias, system) for system, names in _aliases().get(field.name, {}).items() for alias in names]
        short = field.name.split(".")[-1]
        own = [(name, "") for name in (field.label, field.name, *([short] if short != "id" else []))]
        for alias, system in (*aliases, *own):
            callers.setdefault(plain(alias), {}).setdefault(field.name, []).append(system)
            if field.name not in meant.setdefault(alias, []):
                meant[alias].append(field.name)
    known = {name: {target: _said(who) for target, who in targets.items()} for name, targets in callers.items()}
    return known, Names(meant), meant


def _said(callers: Sequence[str]) -> str:
    systems = list(dict.fromkeys(SYSTEMS[one] for one in callers if one in SYSTEMS))
    if systems:
        return f"The header is what {' and '.join(systems[:3])} call{'s' if len(systems) == 1 else ''} it."
    return "The header is the name of the field." if "" in callers else "The header is what districts often call it."


@cache
def _aliases() -> Mapping[str, Mapping[str, list[str]]]:
    text = files("shared.mapping").joinpath("header_aliases.toml").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, list[str]]] = tomllib.loads(text)
    return found
