"""What people call fields: by their label, with the name by which support knows them beside it."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from shared.model.catalog import Catalog

_CONTACT: Final = re.compile(r"([0-9]+) - Contacts\.(\w*)")
_NAMES_A_CONTACT: Final = frozenset({"contact.no_last_name", "contact.refused"})
"""Problems of a contact as a whole, whose value is the contact's name; of others it is what cannot be used."""


def called(name: str, about: Catalog) -> str:
    """The label of a field, or which contact it is; the name itself where it is no field of this catalog."""
    contact = _CONTACT.fullmatch(name)
    return f"Contact {contact[1]}" if contact and not contact[2] else about.label_of(name)


def wrong_at(problem: Mapping[str, str], about: Catalog) -> str:
    """What a problem is about: a field and its value, or a contact by name; blank where it says neither."""
    field, held = called(problem["field"], about) if problem["field"] else problem["column"], problem["value"]
    if contact := _CONTACT.fullmatch(problem["field"]):
        named = f"Contact {contact[1]}"
        if held and problem["code"] in _NAMES_A_CONTACT:
            named, held = f"{named} ({held})", ""
        field = f"{named}, {field.removeprefix(f'{contact[1]} - Contact ')}" if contact[2] else named
    return f"{field} = {held}" if field and held else field


FILTERS: Final[Mapping[str, Callable[..., object]]] = {"called": called, "wrong_at": wrong_at}
