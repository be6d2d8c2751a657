"""What the simulated PowerSchool makes of students and contacts that are sent to it. Source: SIS facts, 1.8 to 1.12."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

Json = dict[str, Any]

LENGTHS = {
    "name.last_name": 50,
    "name.first_name": 50,
    "name.middle_name": 30,
    "state_province_id": 32,
    "student_username": 20,
    "addresses.physical.street": 60,
    "addresses.physical.city": 50,
    "addresses.physical.state_province": 2,
    "addresses.physical.postal_code": 10,
    "addresses.mailing.street": 60,
    "addresses.mailing.city": 50,
    "addresses.mailing.state_province": 2,
    "addresses.mailing.postal_code": 10,
    "phones.main.number": 30,
    "school_enrollment.entry_code": 10,
    "school_enrollment.entry_comment": 4000,
    "school_enrollment.district_of_residence": 20,
    "schedule_setup.home_room": 60,
}
REQUIRED = (
    *("name.last_name", "name.first_name", "school_enrollment.grade_level", "school_enrollment.entry_date"),
    *("school_enrollment.exit_date", "school_enrollment.school_number"),
)
DATES = (
    *("demographics.birth_date", "school_enrollment.entry_date", "school_enrollment.exit_date"),
    *("demographics.district_entry_date", "initial_enrollment.district_entry_date"),
)
WRITABLE = frozenset(
    {
        *("name", "demographics", "addresses", "phones", "contact", "contact_info", "initial_enrollment"),
        *("schedule_setup", "ethnicity_race", "school_enrollment"),
    }
)
SINGLE = ("state_province_id", "student_username")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{2}/\d{2}/\d{4}")


def flat(record: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values; custom fields are left out."""
    for name, value in record.items():
        if isinstance(value, dict) and not name.startswith("_"):
            yield from flat(value, f"{path}{name}.")
        elif not name.startswith("_"):
            yield path + name, value


def faults(record: Mapping[str, Any], schools: Mapping[str, Json], entry_codes: tuple[str, ...]) -> list[Json]:
    """What stands against the record: several at once, also several of one field."""
    values = dict(flat(record))
    found = []
    if record.get("action") == "INSERT":
        found += [_fault(name, "REQUIRED", "is required") for name in REQUIRED if values.get(name) in (None, "")]
    for name, most in LENGTHS.items():
        if len(str(values.get(name, ""))) > most:
            found.append(_fault(name, "FIELD_VALIDATION_ERROR", f"may have {most} characters"))
    found += [_fault(name, "INVALID_DATE_VALUE", "is not a date") for name in DATES if _bad_date(values.get(name))]
    found += _halves(values)
    if record.get("action") == "INSERT":
        school = values.get("school_enrollment.school_number")
        if school not in (None, "") and str(school) not in schools:
            found.append(_fault("school_enrollment.school_number", "FIELD_VALIDATION_ERROR", "is no school"))
        code = values.get("school_enrollment.entry_code")
        if code and entry_codes and str(code) not in entry_codes:
            found.append(_fault("school_enrollment.entry_code", "FIELD_VALIDATION_ERROR", "is no entry code"))
    elif any(values.get(name) == "" for name in ("name.last_name", "name.first_name")):
        found.append(_fault("name.last_name", "FIELD_VALIDATION_ERROR", "may not be blanked"))
    return found


def _halves(values: Mapping[str, Any]) -> Iterator[Json]:
    """An address is sent whole, and an emergency contact with a phone."""
    wholes = {
        f"addresses.{kind}": ("street", "city", "state_province", "postal_code") for kind in ("physical", "mailing")
    }
    for whole, names in wholes.items():
        for name in _blank(values, [f"{whole}.{one}" for one in names]):
            kind, part = name.split(".")[1:]
            yield _fault(name, f"REQUIRED_{kind}_{part}".upper(), "is required")
    for number in (1, 2):
        pair = [f"contact.emergency_contact_name{number}", f"contact.emergency_phone{number}"]
        yield from (_fault(name, "REQUIRED", "is required") for name in _blank(values, pair))


def _blank(values: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Those that are blank where others are not."""
    blank = [name for name in names if not values.get(name)]
    return blank if len(blank) < len(names) else []


def merged(student: Json, record: Mapping[str, Any], dropped: frozenset[str], extensions: frozenset[str]) -> None:
    """Take over what may be written; the rest is ignored without a word."""
    insert = record.get("action") == "INSERT"
    for path, value in flat(record):
        group, _, rest = path.partition(".")
        may = (group in WRITABLE and rest) or path in SINGLE or (insert and path == "local_id")
        if not may or path in dropped or (group == "school_enrollment" and not insert):
            continue
        place = student
        *names, last = path.split(".")
        for name in names:
            place = place.setdefault(name, {}) or place.update({name: {}}) or place[name]
        place[last] = None if value == "" else value
    tables = _many(_group(record.get("_extension_data")).get("_table_extension"))
    for table in tables:
        if table.get("name") in extensions:
            _extend(student, table, dropped)


def _extend(student: Json, table: Json, dropped: frozenset[str]) -> None:
    held = student.setdefault("_extension_data", {"_table_extension": []})["_table_extension"]
    mine = next((one for one in held if one["name"] == table["name"]), None)
    if mine is None:
        mine = {"recordFound": True, "name": table["name"], "_field": []}
        held.append(mine)
    for field in _many(table.get("_field")):
        if f"{table['name']}.{field['name']}" in dropped:
            continue
        mine["_field"] = [one for one in mine["_field"] if one["name"] != field["name"]]
        mine["_field"].append({"name": field["name"], "type": "String", "value": field.get("value")})


def _bad_date(value: Any) -> bool:
    if value in (None, ""):
        return False
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return True
    try:
        date.fromisoformat(value) if "-" in value else None
    except ValueError:
        return True
    return False


def _fault(field: str, code: str, why: str) -> Json:
    return {"field": "student/" + field.replace(".", "/"), "error_code": code, "error_description": f"{field} {why}"}


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _group(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


class ContactBook:
    """Contacts and their links to students, with real types and ids of their own."""

    def __init__(self) -> None:
        self.by_id: dict[int, Json] = {}
        self.of_student: dict[int, list[int]] = {}
        self._next = 900_000

    def take(self) -> int:
        self._next += 1
        return self._next

    def add(self, contact: Json) -> int:
        """With an id for every part of it."""
        id = contact.setdefault("contactId", self.take())
        for kind, key in (
            ("emails", "contactEmailId"),
            ("phones", "contactsPhoneId"),
            ("addresses", "contactsAddressId"),
        ):
            for part in contact.setdefault(kind, []):
                part.setdefault(key, self.take())
        for link in contact.setdefault("contactStudents", []):
            self._linked(id, link)
        self.by_id[id] = contact
        return int(id)

    def link(self, id: int, link: Json) -> Json | None:
        """One more student of a contact; None where there is no such contact."""
        contact = self.by_id.get(id)
        if contact is None:
            return None
        contact["contactStudents"].append(link)
        return self._linked(id, link)

    def _linked(self, id: int, link: Json) -> Json:
        link.setdefault("studentContactId", self.take())
        for detail in link.setdefault("studentDetails", []):
            detail.setdefault("studentContactDetailId", self.take())
        self.of_student.setdefault(link["dcid"], []).append(id)
        return link

    def of(self, dcid: int) -> list[Json]:
        """Those of a student, each with the link to this student alone."""
        found = (self.by_id[id] for id in self.of_student.get(dcid, ()))
        return [
            {**one, "contactStudents": [link for link in one["contactStudents"] if link["dcid"] == dcid]}
            for one in found
        ]

    def drop(self, id: int) -> bool:
        for ids in self.of_student.values():
            if id in ids:
                ids.remove(id)
        return self.by_id.pop(id, None) is not None

    def change(self, id: int, part: str, child: str, body: Json) -> bool:
        """A part of a contact: its demographics, or a phone, e-mail or address; without `child` a new one."""
        contact = self.by_id.get(id)
        if contact is None:
            return False
        if part == "demographics":
            contact.update({name: value for name, value in body.items() if not isinstance(value, list | dict)})
            return True
        key = {"emails": "contactEmailId", "phones": "contactsPhoneId", "addresses": "contactsAddressId"}[part]
        if not child:
            contact[part].append({**body, key: self.take()})
            return True
        held = next((one for one in contact[part] if str(one[key]) == child), None)
        if held is not None:
            held.update(body)
        return held is not None

    def change_detail(self, id: int, link: str, child: str, body: Json) -> bool:
        links: list[Json] = self.by_id.get(id, {}).get("contactStudents", [])
        details: list[Json] = next((one["studentDetails"] for one in links if str(one["studentContactId"]) == link), [])
        held = next((one for one in details if str(one["studentContactDetailId"]) == child), None)
        if held is not None:
            held.update(body)
        return held is not None
