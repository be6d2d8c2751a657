"""Which contact of a SIS a contact of Enroll is. Source: product facts, section 8 (PS12 Contacts Matching)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from shared.model.contacts import contact_field
from shared.model.record import Values


@dataclass(frozen=True, slots=True)
class Known:
    """How a contact is known: phones by their digits, e-mails without case."""

    first: str
    last: str
    phones: frozenset[str]
    emails: frozenset[str]


def known(first: object, last: object, phones: Collection[object], emails: Collection[object]) -> Known:
    digits = ("".join(one for one in str(phone or "") if one.isdigit())[-10:] for phone in phones)
    plain = (str(email or "").strip().casefold() for email in emails)
    return Known(_plain(first), _plain(last), frozenset(filter(None, digits)), frozenset(filter(None, plain)))


def same(wanted: Known, held: Known, *, exactly: bool) -> bool:
    """Exactly: both names, and a phone or e-mail; else without the last name, for a misspelt one.

    A contact with neither phone nor e-mail has its names alone.
    """
    if wanted.first != held.first or (exactly and wanted.last != held.last):
        return False
    if not wanted.phones and not wanted.emails:
        return exactly
    return bool(wanted.phones & held.phones or wanted.emails & held.emails)


def slots(values: Values) -> dict[int, Values]:
    """The contacts in a student's values, by their slot: field (`Phones1`) to value."""
    found: dict[int, Values] = {}
    for name, value in values.items():
        about = contact_field(name)
        if about is not None:
            found.setdefault(about.slot, {})[f"{about.field}{about.number or ''}"] = value
    return dict(sorted(found.items()))


def pair(wanted: Mapping[int, Known], held: Mapping[str, Known]) -> dict[int, str]:
    """The slots that are in the SIS already, each with the id of its contact; no contact is taken twice."""
    found: dict[int, str] = {}
    for exactly in (True, False):
        for slot, one in wanted.items():
            left = (id for id, other in held.items() if id not in found.values() and same(one, other, exactly=exactly))
            if slot not in found and (id := next(left, None)) is not None:
                found[slot] = id
    return dict(sorted(found.items()))


def wanted(contacts: Mapping[int, Values]) -> dict[int, Known]:
    """Without those in which nothing is said."""
    return {slot: _known(one) for slot, one in contacts.items() if any(value is not None for value in one.values())}


def _known(one: Values) -> Known:
    phones: Sequence[object] = [value for name, value in one.items() if name.startswith("Phones")]
    emails: Sequence[object] = [value for name, value in one.items() if name.startswith("Emails")]
    return known(one.get("FirstName"), one.get("LastName"), phones, emails)


def _plain(text: object) -> str:
    return str(text or "").strip().casefold()
