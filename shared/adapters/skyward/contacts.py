"""The guardians of a Skyward student as contacts: matched before they are made. Source: SIS facts, 3.6."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

from shared.adapters.contact_match import Known, known, pair, wanted
from shared.adapters.contact_slots import SlotContacts
from shared.adapters.sis_values import same_digits
from shared.adapters.skyward.codes import Codes
from shared.adapters.skyward.objects import ObjectRefused, Objects, Row
from shared.adapters.skyward.people import NAME, People
from shared.model.contacts import contact_name
from shared.model.record import Values

LINK: Final = "Family/StudentGuardian"
_NAMES: Final = ("FirstName", "MiddleName", "LastName")
_FLAGS: Final = {
    "Custodial": "IsCustodialGuardian",
    "Emergency": "IsEmergencyContact",
    "SchoolPickup": "AllowStudentPickup",
}
_PHONES: Final = ("Phones1", "Phones2")


class Contacts(SlotContacts):
    """Those of one student. `key` begins the keys of the names that are made."""

    def __init__(self, objects: Objects, codes: Codes, people: People, student: str, key: str) -> None:
        self._objects = objects
        self._codes = codes
        self._people = people
        self._student = student
        self._key = key
        self._links: dict[str, Row] = {}
        self._held: dict[str, Values] = {}

    async def load(self) -> "Contacts":
        fields = ["StudentID", "NameIDGuardian", "RelationshipID", "Rank", *_FLAGS.values()]
        links = await self._objects.find(LINK, fields, StudentID=int(self._student))
        self._links = {str(one["NameIDGuardian"]): one for one in links}
        ids = [one["NameIDGuardian"] for one in links]
        names = await self._objects.among(NAME, _NAMES, "NameID", ids)
        self._phones, self._emails = await self._people.phones(ids), await self._people.emails(ids)
        for row in names:
            self._held[str(row["NameID"])] = await self._values(row)
        return self

    def values(self, slots: Mapping[int, Values]) -> Values:
        """What the SIS holds of the contacts in these slots, under the names of their fields."""
        found: Values = {}
        for slot, id in pair(wanted(slots), self._known()).items():
            for name, value in self._held[id].items():
                mine = slots[slot].get(name)
                found[contact_name(slot, name)] = same_digits(mine, value) if name in _PHONES else value
        return found

    async def _save(self, slot: int, asked: Known, one: Values, id: str | None) -> str:
        try:
            await self._written(slot, asked, one, id)
        except ObjectRefused as refused:
            return str(refused)
        return ""

    async def _written(self, slot: int, asked: Known, one: Values, id: str | None) -> None:
        link = await self._link(one)
        if id is None:
            names = {name: one.get(name) for name in _NAMES if one.get(name)}
            id = await self._people.named(f"{self._key}-{_fingerprint(asked)}", names)
            if id not in self._links:  # last, so that a contact that is linked is a whole one
                await self._reached(id, one)
                about = {"StudentID": int(self._student), "NameIDGuardian": int(id), "Rank": slot, **link}
                await self._objects.create(LINK, about)
                return
        held = self._held.get(id, {})
        names = {name: one[name] for name in _NAMES if one.get(name) and one[name] != held.get(name)}
        if names:
            await self._objects.change(NAME, id, names)
        await self._reached(id, one)
        differs = {name: value for name, value in link.items() if value != self._links[id].get(name)}
        if differs:
            await self._objects.change(LINK, str(self._links[id]["StudentGuardianID"]), differs)

    async def _reached(self, id: str, one: Values) -> None:
        phones, emails = await self._people.phones([int(id)]), await self._people.emails([int(id)])
        for rank, name in enumerate(_PHONES, 1):
            if one.get(name):
                await self._people.set_phone(id, rank, str(one[name]), phones.get(id, ()))
        if one.get("Emails1"):
            await self._people.set_email(id, str(one["Emails1"]), emails.get(id, ()))

    async def _link(self, one: Values) -> dict[str, Any]:
        """Raises ObjectRefused for a relationship that the SIS does not have."""
        found: dict[str, Any] = {
            theirs: bool(one[name]) for name, theirs in _FLAGS.items() if one.get(name) is not None
        }
        if code := one.get("Relationship"):
            found["RelationshipID"] = await self._codes.id("relationship", str(code))
            if found["RelationshipID"] is None:
                raise ObjectRefused(f"there is no relationship {code!r}")
        return found

    async def _values(self, row: Row) -> Values:
        id = str(row["NameID"])
        link, phones = self._links[id], self._phones.get(id, [])
        found: Values = {name: row.get(name) or None for name in _NAMES}
        found["Relationship"] = await self._codes.code("relationship", link.get("RelationshipID")) or None
        for place, name in enumerate(_PHONES):
            found[name] = phones[place].get("PhoneNumber") if place < len(phones) else None
        emails: Sequence[Row] = self._emails.get(id, [])
        found["Emails1"] = emails[0].get("EmailAddress") if emails else None
        return found | {name: int(bool(link.get(theirs))) for name, theirs in _FLAGS.items()}

    def _known(self) -> dict[str, Known]:
        return {
            id: known(one["FirstName"], one["LastName"], [one[name] for name in _PHONES], [one["Emails1"]])
            for id, one in self._held.items()
        }


def _fingerprint(one: Known) -> str:
    """The same for a contact that is the same by the rules of matching."""
    told = "\n".join((one.first, one.last, *sorted(one.phones), *sorted(one.emails)))
    return blake2b(told.encode(), digest_size=6).hexdigest()
