"""Decides about a row that differs from what was last sent, now that the target has said what it holds. Pure."""

from collections.abc import Iterator, Set

from shared.engine.classify import Candidate
from shared.mapping.transformations.letters import plain_letters
from shared.model.catalog import Catalog
from shared.model.contacts import contact_field
from shared.model.error_texts import said
from shared.model.record import Action, Change, Found, Problem, Values


def decide(candidate: Candidate, found: Found | None, about: Catalog, fixed: Set[str] = frozenset()) -> Change:
    """Create, update with the fields that differ, or adopt what is there already. `fixed` are not updated."""
    values = dict(candidate.values)
    missing = about.missing_field
    if missing and (candidate.was_missing or (found is not None and found.values.get(missing))):
        values[missing] = 0
    known = (candidate.digest, candidate.mark)
    if found is None:
        action = Action.ADOPT if _says_nothing(values, about) else Action.CREATE
        return Change(candidate.key, action, candidate.row, values, {}, None, *known, label=candidate.label)
    referring = {name: value for name, value in values.items() if name in about.fields and about.fields[name].refers}
    differing = {
        name: value
        for name, value in values.items()
        if name not in referring and name not in fixed and found.values.get(name) != value
    }
    before = {name: found.values.get(name) for name in differing}
    sent = {**referring, **_companions(differing, values, found, about), **differing} if differing else {}
    action = Action.UPDATE if differing else Action.ADOPT
    return Change(candidate.key, action, candidate.row, sent, before, found.target_id, *known, label=candidate.label)


def _companions(differing: Values, values: Values, found: Found, about: Catalog) -> Values:
    """Fields that are equal, or left as they are, but can only be sent together with some that differ."""
    whole = {about.fields[name].together for name in differing if name in about.fields} - {""}
    if not whole:
        return {}
    equal = {name: value for name, value in values.items() if about.fields[name].together in whole}
    if not about.refuses_parts:
        return equal
    parts = [name for part, names, _ in about.wholes() if part in whole for name in names]
    kept = {name: found.values.get(name) for name in parts if contact_field(name) is None}
    return {**{name: held for name, held in kept.items() if held is not None}, **equal}


def objections(candidate: Candidate, found: Found | None, about: Catalog) -> list[Problem]:
    """Why the row is not to be sent at all; empty where nothing stands against it."""
    if found is not None and found.problems:
        return list(found.problems)
    if found is not None:
        return list(_another_person(candidate.values, found, about))
    if _says_nothing(candidate.values, about):
        return []
    return list(_not_enough(candidate.values, about))


def loses_access(change: Change, found: Found | None, about: Catalog) -> bool:
    """Whether the update takes away something of lists that are replaced as a whole, and leaves it in none of them."""
    held = found.values if found is not None else {}
    before: set[tuple[str, str]] = set()
    after: set[tuple[str, str]] = set()
    for name, field in about.fields.items():
        if field.replaces:
            kind = name.partition(" - ")[2]
            before |= {(kind, one) for one in held.get(name) or ()}
            after |= {(kind, one) for one in (change.values if name in change.before else held).get(name) or ()}
    return bool(before - after)


def _says_nothing(values: Values, about: Catalog) -> bool:
    """A row with a key and nothing else: blank leaves all as it is, so there is nothing to create either."""
    if not any(field.create for field in about.fields.values()):
        return False
    return all(name in about.fields and about.fields[name].refers for name in values)


def _not_enough(values: Values, about: Catalog) -> Iterator[Problem]:
    for name, field in about.fields.items():
        if field.create and values.get(name) is None:
            yield Problem(*_needed(about, field.label, field.rule), name)
    for names in about.create_one_of:
        if all(values.get(name) is None for name in names):
            labels = " or ".join(about.fields[name].label for name in names)
            yield Problem(*_needed(about, labels), names[0])


def _needed(about: Catalog, labels: str, rule: str = "") -> tuple[str, str, str]:
    """That no record can be created without these fields, and where they are given."""
    if not about.is_of_sis:
        return said("value.needed_to_create", noun=about.noun, labels=labels)
    match rule:
        case "exit_date":
            return said("export.no_last_day", noun=about.noun, labels=labels)
        case "school":
            return said("export.no_school", noun=about.noun, labels=labels)
        case _:
            return said("value.needed_in_sis", noun=about.noun, labels=labels)


def _another_person(values: Values, found: Found, about: Catalog) -> Iterator[Problem]:
    pairs = [(values.get(name), found.values.get(name)) for name in about.person]
    if not pairs or not all(one and other and _plain(one) != _plain(other) for one, other in pairs):
        return
    if about.is_of_sis:
        yield Problem(*said("key.another_in_sis", noun=about.noun))
    else:
        yield Problem(*said("key.another_person", noun=about.noun), about.match_keys[0][0])


def _plain(value: object) -> str:
    text = str(value).strip().casefold()
    return plain_letters(text).strip() or text if any(one.isalpha() for one in text) else text
