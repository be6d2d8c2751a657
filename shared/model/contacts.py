"""`N - Contacts.Field`: the names of a student's contacts, of which a SIS keeps any number in one table.

N is the slot of the contact, from 1 on; a field of which a contact has several carries its own number (`Emails1`,
`Phones2`). Source: product facts, section 8.
"""

import re
from typing import NamedTuple

_NAME = re.compile(r"\s*([1-9][0-9]{0,3})\s*-\s*contacts\s*\.\s*([a-z_]+?)([1-9][0-9]?)?\s*", re.IGNORECASE)


class ContactField(NamedTuple):
    """`number` is 0 where the contact has the field once."""

    slot: int
    field: str
    number: int


def contact_name(slot: int, field: str) -> str:
    return f"{slot} - Contacts.{field}"


def contact_field(name: str) -> ContactField | None:
    """What the name says, or None where it is not that of a contact's field."""
    found = _NAME.fullmatch(name)
    return ContactField(int(found[1]), found[2], int(found[3] or 0)) if found else None
