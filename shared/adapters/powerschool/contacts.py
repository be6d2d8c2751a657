"""The contacts of a PowerSchool student: matched before they are created. Source: SIS facts, 1.12."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared.adapters.contact_match import Known, known, pair, wanted
from shared.adapters.contact_slots import SlotContacts
from shared.adapters.powerschool.json import group, many, text
from shared.adapters.powerschool.server import PowerSchool
from shared.model.contacts import contact_name
from shared.model.record import Values

_DETAIL = {
    "Relationship": "relationship",
    "Custodial": "custodial",
    "Emergency": "emergency",
    "LivesWith": "livesWith",
    "SchoolPickup": "schoolPickup",
}
_FLAGS = ("Custodial", "Emergency", "LivesWith", "SchoolPickup")
_NAMES = {"FirstName": "firstName", "MiddleName": "middleName", "LastName": "lastName"}
_PHONES = ("Phones1", "Phones2")


class Contacts(SlotContacts):
    """Those of one student, as the SIS has them now."""

    def __init__(self, server: PowerSchool, student_number: str, held: Sequence[Mapping[str, Any]]) -> None:
        self._server = server
        self._number = student_number
        self._held = {text(one.get("contactId")): one for one in held}

    def values(self, slots: Mapping[int, Values]) -> Values:
        """What the SIS holds of the contacts in these slots, under the names of their fields."""
        places = pair(wanted(slots), self._known())
        return {
            contact_name(slot, name): value
            for slot, id in places.items()
            for name, value in _values(self._held[id]).items()
        }

    async def _save(self, slot: int, asked: Known, one: Values, id: str | None) -> str:
        del asked
        for method, path, body in self._create(slot, one) if id is None else self._change(one, self._held[id]):
            if refused := await self._server.write_contact(method, path, body):
                return "; ".join(refused)
        return ""

    def _known(self) -> dict[str, Known]:
        return {id: _known(one) for id, one in self._held.items()}

    def _create(self, slot: int, one: Values) -> Iterator[tuple[str, str, Any]]:
        """One call makes the contact and its link, so that a crash leaves both or neither."""
        phones = [text(one.get(name)) for name in _PHONES]
        numbers = [phone for phone in phones if phone]
        email = text(one.get("Emails1"))
        link = {"studentNumber": self._number, "sequence": slot, "studentDetails": [{**_detail(one), "active": True}]}
        body = {
            **{theirs: text(one.get(name)) or None for name, theirs in _NAMES.items()},
            "active": True,
            "emails": [{"type": "Current", "address": email, "primary": True}] if email else [],
            "phones": [
                {"phoneType": "Mobile" if not place else "Home", "phoneNumber": phone, "preferred": not place}
                for place, phone in enumerate(numbers)
            ],
            "addresses": [],
            "contactStudents": [link],
        }
        yield "POST", "contact", body

    def _change(self, one: Values, held: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
        """A call for each part that differs; what Enroll leaves blank stays as it is."""
        id = text(held.get("contactId"))
        now = _values(held)
        differs = {name for name, value in one.items() if value is not None and value != now.get(name)}
        if differs & _NAMES.keys():
            names = {theirs: text(one.get(name)) or held.get(theirs) for name, theirs in _NAMES.items()}
            yield "PUT", f"{id}/demographics", names
        if "Emails1" in differs:
            email = {"type": "Current", "address": text(one["Emails1"]), "primary": True}
            first = next(iter(_emails(held)), {})
            child = text(first.get("contactEmailId"))
            yield ("PUT", f"{id}/emails/{child}", {**first, **email}) if child else ("POST", f"{id}/emails", email)
        for place, name in enumerate(_PHONES):
            if name in differs:
                yield _phone(id, place, text(one[name]), _phones(held))
        link = _link(held)
        if differs & _DETAIL.keys() and link:
            detail = _active(link)
            path = f"{id}/students/{text(link.get('studentContactId'))}/studentdetails"
            child = text(detail.get("studentContactDetailId"))
            body = {**detail, **_detail(one), "active": True}
            yield ("PUT", f"{path}/{child}", body) if child else ("POST", path, body)


def _phone(id: str, place: int, number: str, held: Sequence[Mapping[str, Any]]) -> tuple[str, str, Any]:
    if place < len(held):
        child = text(held[place].get("contactsPhoneId"))
        return "PUT", f"{id}/phones/{child}", {**held[place], "phoneNumber": number}
    return "POST", f"{id}/phones", {"phoneType": "Home", "phoneNumber": number, "preferred": not place}


def _detail(one: Values) -> dict[str, Any]:
    """Flags as true and false; what is not said is left out."""
    said_so = {name: one[name] for name in _DETAIL if one.get(name) is not None}
    return {_DETAIL[name]: bool(value) if name in _FLAGS else text(value) for name, value in said_so.items()}


def _values(held: Mapping[str, Any]) -> Values:
    detail = _active(_link(held))
    emails = [text(one.get("address")) for one in _emails(held)]
    phones = [text(one.get("phoneNumber")) for one in _phones(held)]
    found: Values = {name: text(held.get(theirs)) or None for name, theirs in _NAMES.items()}
    found |= {name: phones[place] if place < len(phones) else None for place, name in enumerate(_PHONES)}
    found |= {"Emails1": emails[0] if emails else None, "Relationship": text(detail.get("relationship")) or None}
    return found | {name: int(bool(detail.get(_DETAIL[name]))) for name in _FLAGS}


def _known(held: Mapping[str, Any]) -> Known:
    emails = [text(one.get("address")) for one in _emails(held)]
    phones = [text(one.get("phoneNumber")) for one in _phones(held)]
    return known(text(held.get("firstName")), text(held.get("lastName")), phones, emails)


def _emails(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    return sorted(map(group, many(held.get("emails"))), key=lambda one: not one.get("primary"))


def _phones(held: Mapping[str, Any]) -> list[dict[str, Any]]:
    return sorted(map(group, many(held.get("phones"))), key=lambda one: not one.get("preferred"))


def _link(held: Mapping[str, Any]) -> dict[str, Any]:
    """The contacts of a student are asked for, so the first link is the student's own."""
    return next(map(group, many(held.get("contactStudents"))), {})


def _active(link: Mapping[str, Any]) -> dict[str, Any]:
    details = map(group, many(link.get("studentDetails")))
    return next((one for one in details if one.get("active", True)), {})
