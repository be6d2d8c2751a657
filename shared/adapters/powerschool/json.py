"""PowerSchool's JSON. Source: SIS facts, section 1.

JSON made from XML: one item stands where a list is meant, an empty group is `""`, a key without a value is absent, and
what looks like a number has lost its quotes, with the zeros before it. All of that ends in this module.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from shared.model.contacts import contact_name

MAX_CONTACTS: Final = 20
_ADDRESS = ("street", "city", "state_province", "postal_code")
STUDENT: Final = (
    *("dcid", "local_id", "state_province_id", "student_username"),
    *("name.first_name", "name.middle_name", "name.last_name"),
    *("demographics.gender", "demographics.birth_date", "demographics.district_entry_date"),
    "demographics.projected_graduation_year",
    *(f"addresses.{kind}.{part}" for kind in ("physical", "mailing") for part in _ADDRESS),
    "phones.main.number",
    *(f"school_enrollment.{part}" for part in ("enroll_status", "enroll_status_code", "grade_level", "entry_date")),
    *(f"school_enrollment.{part}" for part in ("exit_date", "school_number", "school_id", "entry_code", "track")),
    *("ethnicity_race.federal_ethnicity", "ethnicity_race.scheduling_reporting_ethnicity", "ethnicity_race.races"),
    *("contact.guardian_email", "contact.mother", "contact.father", "contact.emergency_contact_name1"),
    *("contact.emergency_phone1", "contact.emergency_contact_name2", "contact.emergency_phone2"),
    *("contact_info.email", "schedule_setup.home_room", "schedule_setup.next_school"),
    "schedule_setup.sched_next_year_grade",
)
SCHOOL: Final = ("id", "name", "school_number", "alternate_school_number", "low_grade", "high_grade")
CONTACT: Final = (
    *("ContactID", "FirstName", "MiddleName", "LastName", "Relationship", "Emails1", "Emails2", "Phones1"),
    *("Phones2", "Phones3", "Custodial", "Emergency", "LivesWith", "SchoolPickup", "Priority"),
)


def student(raw: Mapping[str, Any]) -> dict[str, str]:
    """A student as texts under dotted names; what has no value is left out."""
    found = {name: value for name in STUDENT if (value := text(at(raw, name)))}
    found["dcid"] = text(raw.get("id"))
    for kind in ("physical", "mailing"):
        place = f"addresses.{kind}.postal_code"
        if place in found:
            found[place] = postal_code(found[place])
    races = [group(one) for one in many(group(raw.get("ethnicity_race")).get("races"))]
    codes = [text(one.get("district_race_code")) for one in races]
    found["ethnicity_race.races"] = ",".join(code for code in codes if code)
    found |= dict(extensions(raw))
    return {name: value for name, value in found.items() if value}


def school(raw: Mapping[str, Any]) -> dict[str, str]:
    return {name: text(raw.get(name)) for name in SCHOOL}


def extensions(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Custom fields as `table.field`."""
    for table in many(group(raw.get("_extension_data")).get("_table_extension")):
        for field in many(group(table).get("_field")):
            yield f"{text(group(table).get('name'))}.{text(group(field).get('name'))}", text(group(field).get("value"))


def contacts(raw: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """The contacts of a student in the order the SIS gives them, as `N - Contacts.Field`."""
    for slot, one in enumerate(raw[:MAX_CONTACTS], 1):
        link = next((group(link) for link in many(one.get("contactStudents"))), {})
        details = [group(detail) for detail in many(link.get("studentDetails"))]
        detail = next((one for one in details if one.get("active", True)), {})
        emails = [text(group(email).get("address")) for email in _primary_first(one.get("emails"), "primary")]
        phones = [text(group(phone).get("phoneNumber")) for phone in _primary_first(one.get("phones"), "preferred")]
        values = {
            "ContactID": one.get("contactId"),
            "FirstName": one.get("firstName"),
            "MiddleName": one.get("middleName"),
            "LastName": one.get("lastName"),
            "Relationship": detail.get("relationship"),
            **{f"Emails{number}": email for number, email in enumerate(emails[:2], 1)},
            **{f"Phones{number}": phone for number, phone in enumerate(phones[:3], 1)},
            "Custodial": detail.get("custodial"),
            "Emergency": detail.get("emergency"),
            "LivesWith": detail.get("livesWith"),
            "SchoolPickup": detail.get("schoolPickup"),
            "Priority": link.get("sequence"),
        }
        yield from ((contact_name(slot, name), text(value)) for name, value in values.items())


def many(value: Any) -> list[Any]:
    """A list where the API means one: a single item stands alone, none is absent or an empty text."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def group(value: Any) -> dict[str, Any]:
    """A group of values; an empty one comes as an empty text."""
    return value if isinstance(value, dict) else {}


def text(value: Any) -> str:
    """The text that a value was before it lost its quotes."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float):
        return orjson.dumps(value).decode().removesuffix(".0")
    return str(value).replace("\0", "").strip()


def postal_code(given: str) -> str:
    """With the zeros again that a number has lost: five digits, or five and four."""
    if not given.isdigit():
        return given
    return given.zfill(5) if len(given) <= 5 else given.zfill(9) if len(given) == 8 else given


def at(raw: Mapping[str, Any], name: str) -> Any:
    found: Any = raw
    for part in name.split("."):
        found = group(found).get(part)
    return found


def _primary_first(values: Any, flag: str) -> list[Any]:
    return sorted(many(values), key=lambda one: not group(one).get(flag))
