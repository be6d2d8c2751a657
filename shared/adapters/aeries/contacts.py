"""The contacts of an Aeries student: matched before they are inserted. Source: SIS facts, 2.4.

Some fields are written under other names than they are read by, and flags are Y and N.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from shared.adapters.aeries.json import CONTACT_PERSON, text, texts
from shared.adapters.aeries.server import Aeries
from shared.adapters.contact_match import Known, known, pair, wanted
from shared.adapters.contact_slots import SlotContacts
from shared.adapters.sis_values import same_digits
from shared.model.contacts import contact_name
from shared.model.number import whole_number
from shared.model.record import Values

READ: Final = {
    **CONTACT_PERSON,
    "Street": "Address",
    "City": "AddressCity",
    "State": "AddressState",
    "Zip": "AddressZipCode",
}
WRITTEN: Final = {**READ, "Zip": "AddressZip"}
_FLAGS = ("LivesWith", "EducationalRights")
_PHONES = ("Phones1", "Phones2", "Phones3")
MAILING_NAME: Final = 50


class Contacts(SlotContacts):
    """Those of one student, as the SIS has them now."""

    def __init__(self, server: Aeries, student: str, held: Sequence[Mapping[str, Any]]) -> None:
        self._server = server
        self._student = student
        self._held = {row["SequenceNumber"]: row for row in map(texts, held)}

    def values(self, slots: Mapping[int, Values]) -> Values:
        """What the SIS holds of the contacts in these slots, under the names of their fields."""
        places = pair(wanted(slots), self._known())
        return {
            contact_name(slot, name): value
            for slot, id in places.items()
            for name, value in _values(self._held[id], slots[slot]).items()
        }

    async def _save(self, slot: int, asked: Known, one: Values, id: str | None) -> str:
        del slot, asked
        if id is None:
            return await self._server.write_contact(f"/InsertContact/{self._student}", _written(one))
        now = _values(self._held[id], one)
        differs = {name: value for name, value in one.items() if value is not None and value != now.get(name)}
        if not differs:
            return ""
        names = {name: one.get(name) for name in ("FirstName", "LastName")} if differs.keys() & READ.keys() else {}
        return await self._server.write_contact(
            f"/UpdateContact/{self._student}/{id}", _written({**names, **differs}), update=True
        )

    def _known(self) -> dict[str, Known]:
        return {id: _known(row) for id, row in self._held.items()}


def _written(one: Values) -> dict[str, Any]:
    said_so = {name: value for name, value in one.items() if value is not None and name in WRITTEN}
    body: dict[str, Any] = {
        WRITTEN[name]: ("Y" if value else "N") if name in _FLAGS else value for name, value in said_so.items()
    }
    if "LastName" in said_so:
        whole = f"{text(one.get('FirstName'))} {text(one.get('LastName'))}".strip()
        body["MailingName"] = whole[:MAILING_NAME]
    return body


def _values(row: Mapping[str, str], mine: Values) -> Values:
    """As Enroll would have written them: a phone of the same digits is the same, a flag is 1 or 0."""
    found: Values = {name: row.get(theirs) or None for name, theirs in READ.items()}
    for name in _FLAGS:
        found[name] = int(row.get(READ[name], "") in ("1", "Y"))
    for name in _PHONES:
        found[name] = same_digits(mine.get(name), found[name])
    order = whole_number(row.get("ContactOrder", ""))
    return found | {"Priority": None if order < 0 else order}


def _known(row: Mapping[str, str]) -> Known:
    """A name may stand in MailingName alone."""
    first, last = row.get("FirstName", ""), row.get("LastName", "")
    if not first and not last:
        first, _, last = row.get("MailingName", "").partition(" ")
    return known(first, last, [row.get(READ[name]) for name in _PHONES], [row.get("EmailAddress")])
