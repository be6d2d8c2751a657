"""Proposes rows for the fields of a SIS from the fields of a registration that are called alike, and fit."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final

from shared.mapping.automap import LEAST, UNCHECKED, Proposal, called_alike
from shared.mapping.headers import words
from shared.mapping.transformations.registry import ValueProblem
from shared.mapping.values import converter
from shared.model.catalog import Catalog, Field, catalog, export_catalog
from shared.model.codes import NO_SETS, CodeSets, CodeTable
from shared.model.contacts import contact_field

BY_NAME_ALONE: Final = 0.95
"""How much of being sure is left where no value speaks for it."""
NAMED_KINDS: Final = ("email", "phone")
"""What a text is by its name: an e-mail address is never a phone number."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What proposals are checked by: registrations, each in the order of the export catalog, Enroll's field codes, and
    the code tables of the connection."""

    registrations: Sequence[Sequence[str]] = ()
    sets: CodeSets = field(default_factory=lambda: NO_SETS)
    tables: Sequence[CodeTable] = ()

    def values(self, source: Field, data_type: str) -> list[str]:
        """What the registrations have in this field; blanks left out."""
        place = list(export_catalog(data_type).fields).index(source.name)
        return [text for one in self.registrations if (text := one[place]).strip()]

    def is_half(self, columns: Sequence[str]) -> bool:
        """Whether a registration has some of these, and not all."""
        places = [list(export_catalog("students").fields).index(name) for name in columns]
        filled = [[bool(one[place].strip()) for place in places] for one in self.registrations]
        return any(any(one) and not all(one) for one in filled)

    def codes(self, source: Field) -> list[str]:
        return [one.code for one in self.sets.get(source.codes, ())]


NOTHING: Final = Tried()


def propose_export(about: Catalog, tried: Tried = NOTHING, mapped: Set[str] = frozenset()) -> list[Proposal]:
    """At most one for each field of the SIS, and for each of Enroll, in the order of the SIS's. Nothing for fields that
    are `mapped` already, or that the rules of the connection fill.

    Fields that go together are proposed together, or not at all.
    """
    order = {name: place for place, name in enumerate(about.fields)}
    fields = [one for one in about.fields.values() if not (one.refers or one.rule or one.name in mapped)]
    found = [proposal for one in fields for proposal in _of(one, about.data_type, tried)]
    found.sort(key=lambda one: (-one.confidence, contact_field(one.target) is None, order[one.target]))
    chosen: dict[str, Proposal] = {}
    taken: set[str] = set()
    for one in found:
        if one.target not in chosen and one.column not in taken:
            chosen[one.target] = one
            taken.add(one.column)
    for _, parts, needed in about.wholes():
        columns = [chosen[name].column for name in needed if name in chosen]
        is_whole = (mapped | chosen.keys()).issuperset(needed)
        if not is_whole or (about.refuses_parts and tried.is_half(columns)):
            chosen = {name: one for name, one in chosen.items() if name not in parts}
    return sorted(chosen.values(), key=lambda one: order[one.target])


def _of(target: Field, data_type: str, tried: Tried) -> Iterator[Proposal]:
    """What the field may be filled from, by its name or by its label."""
    names = [target.name] if contact_field(target.name) else [target.name, target.label]
    for source, sure, why in (one for name in names for one in called_alike(catalog(data_type), name)):
        values = tried.values(source, data_type)
        row = _row(source, target, values, tried)
        sure = round(sure if values else sure * BY_NAME_ALONE, 2)
        if row is not None and sure >= LEAST:
            told = (why.replace("The header", "The name", 1), _checked(values, tried), _longer(source, target))
            said = " ".join(part for part in told if part)
            yield Proposal(target.name, source.name, {"target": target.name, **row}, sure, said)


def _row(source: Field, target: Field, values: Sequence[str], tried: Tried) -> Mapping[str, Any] | None:
    """How the field is filled; None where what Enroll has does not fit."""
    if fits(source, target):
        texts = [*values, *(tried.codes(source) or [source.example])]
        return {"type": "direct", "source": source.name} if _takes(target, texts) else None
    tables = [one for one in tried.tables if one.enroll_set == source.codes]
    if not (source.codes and target.codes) or source.type == "json" or len(tables) != 1:
        return None
    pairs = tables[0].outward()
    if not pairs.keys() >= set(values) or not _takes(target, list(pairs.values())):
        return None
    return {"type": "match_codes", "source": source.name, "table": tables[0].name}


def fits(source: Field, target: Field) -> bool:
    """Whether a field of a SIS may be copied from a field of Enroll: both hold the same kind of thing, of the same code
    set if of any."""
    if target.takes or source.codes != target.codes:
        return False
    return bool(source.codes) or _kind(source) == _kind(target)


def _kind(field: Field) -> str:
    if field.type not in ("text", "email"):
        return field.type
    called = {*words(field.name), *words(field.label)}
    return next((kind for kind in NAMED_KINDS if kind in called), field.type)


def _takes(target: Field, texts: Sequence[str]) -> bool:
    convert = converter(target)
    try:
        for text in filter(None, texts):
            convert(text)
    except ValueProblem:
        return False
    return True


def _checked(values: Sequence[str], tried: Tried) -> str:
    if not values:
        return "Your examples have nothing here." if tried.registrations else UNCHECKED
    return f"The SIS takes what {'the example has' if len(values) == 1 else f'{len(values)} examples have'}."


def _longer(source: Field, target: Field) -> str:
    """A warning where Enroll's free text may be longer than the SIS's."""
    if source.codes or not target.length or (source.length or 0) <= target.length:
        return ""
    return f"Enroll takes up to {source.length} characters and the SIS {target.length}: longer values fail."
