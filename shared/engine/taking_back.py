"""Decides how a record that a run has written is taken back, now that the target has said what it holds. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.model.catalog import Catalog
from shared.model.contacts import contact_field
from shared.model.error_texts import said
from shared.model.record import Action, Change, Found, Problem, Values


@dataclass(frozen=True, slots=True)
class Written:
    """What a run made of one record. `changes` holds field -> [before, after], `also` what it sent unchanged."""

    row: int
    key: str
    action: Action
    target_id: str | None
    changes: Mapping[str, tuple[Any, Any]]
    also: Values
    label: str = ""

    @property
    def values(self) -> Values:
        """As the run sent them."""
        return {**self.also, **{name: after for name, (_, after) in self.changes.items()}}


def take_back(one: Written, found: Found | None, about: Catalog, *, removable: bool) -> Change:
    """What was written goes back to what it was, field by field, where the target still holds what was written.

    ADOPT: all of it is so already; without a target id the record itself is gone. NONE: nothing of it can be taken
    back, for the reasons in `problems`. `removable`: whether the target can remove a record that the run has made.
    """
    if found is not None and found.problems:
        return _change(one, Action.NONE, found, problems=list(found.problems))
    if found is not None and one.target_id and found.target_id != one.target_id and one.action is not Action.REMOVE:
        found = None
    if one.action is Action.CREATE:
        return _uncreated(one, found, about, removable=removable)
    if found is None:
        if one.action is Action.REMOVE:
            values = {name: before for name, (before, _) in one.changes.items() if before is not None}
            return Change(one.key, Action.CREATE, one.row, values, {}, None, "", "", label=one.label)
        return _change(one, Action.NONE, found, problems=[Problem(*said("undo.record_gone"))])
    return _restored(one, found, about)


def _uncreated(one: Written, found: Found | None, about: Catalog, *, removable: bool) -> Change:
    if found is None:
        return _change(one, Action.ADOPT, found)
    if not removable:
        return _change(one, Action.NONE, found, problems=[Problem(*said("undo.made_in_sis"))])
    values = {name: after for name, (_, after) in one.changes.items()}
    changed = [name for name in _own(one, about) if found.values.get(name) != values[name]]
    if changed:
        return _change(one, Action.NONE, found, problems=[_changed_since(name, found) for name in changed])
    kept = {name: value for name, value in values.items() if value is not None}
    return Change(one.key, Action.REMOVE, one.row, kept, dict(kept), found.target_id, "", "", label=one.label)


def _restored(one: Written, found: Found, about: Catalog) -> Change:
    values: Values = {}
    problems: list[Problem] = []
    made = _made_contacts(one)
    for name in _own(one, about):
        before, after = one.changes[name]
        held, contact = found.values.get(name), contact_field(name)
        if held == before:
            continue
        if held != after:
            problems.append(_changed_since(name, found))
        elif contact is not None and contact.slot in made:
            if not any(problem.code == "undo.contact_made" for problem in problems):
                problems.append(Problem(*said("undo.contact_made"), name))
        else:
            values[name] = before
    if not values:
        return _change(one, Action.NONE if problems else Action.ADOPT, found, problems=problems)
    referring = {name: value for name, value in one.values.items() if _refers(name, about)}
    sent = {**referring, **_companions(values, one, found, about), **values}
    held_now = {name: found.values.get(name) for name in values}
    return Change(one.key, Action.UPDATE, one.row, sent, held_now, found.target_id, "", "", problems, one.label)


def _own(one: Written, about: Catalog) -> Iterator[str]:
    return (name for name in one.changes if not _refers(name, about))


def _refers(name: str, about: Catalog) -> bool:
    return name in about.fields and about.fields[name].refers


def _companions(values: Values, one: Written, found: Found, about: Catalog) -> Values:
    """Fields that are sent together with those that go back, as they stand now."""
    whole = {about.fields[name].together for name in values if name in about.fields} - {""}
    return {
        name: held
        for name in one.values
        if name in about.fields and about.fields[name].together in whole
        if (held := found.values.get(name)) is not None
    }


def _made_contacts(one: Written) -> set[int]:
    """Slots of contacts that were not there before: a contact goes with its student, and no SIS lets go of it here."""
    slots: dict[int, bool] = {}
    for name, (before, _) in one.changes.items():
        contact = contact_field(name)
        if contact is not None:
            slots[contact.slot] = slots.get(contact.slot, True) and before is None
    known = {contact.slot for name in one.also if (contact := contact_field(name)) is not None}
    return {slot for slot, is_new in slots.items() if is_new and slot not in known}


def _changed_since(name: str, found: Found) -> Problem:
    held = found.values.get(name)
    return Problem(*said("undo.changed_since"), name, value="" if held is None else str(held))


def _change(one: Written, action: Action, found: Found | None, problems: list[Problem] | None = None) -> Change:
    target_id = found.target_id if found else None
    return Change(one.key, action, one.row, {}, {}, target_id, "", "", problems or [], one.label)
