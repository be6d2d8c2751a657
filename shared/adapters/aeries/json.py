"""Aeries' JSON. Source: SIS facts, section 2.

Codes are padded with spaces, dates end in T00:00:00, old versions say a date of the year 1 for none, a language is
spelled in two ways. All of it ends here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from shared.model.contacts import contact_name

NO_DATE: Final = "0001-01-01"
_PLACE = ("", "City", "State", "ZipCode", "ZipExt")
STUDENT: Final = (
    *("StudentID", "SchoolCode", "StudentNumber", "StateStudentID", "LastName", "FirstName", "MiddleName"),
    *("NameSuffix", "Gender", "Grade", "Birthdate", "ParentGuardianName", "HomePhone", "StudentMobilePhone"),
    *(f"MailingAddress{part}" for part in _PLACE),
    *(f"ResidenceAddress{part}" for part in _PLACE),
    *("EthnicityCode", "RaceCode1", "RaceCode2", "RaceCode3", "RaceCode4", "RaceCode5", "SchoolEnterDate"),
    *("SchoolLeaveDate", "DistrictEnterDate", "InactiveStatusCode", "LanguageFluencyCode", "HomeLanguageCode"),
    *("CorrespondenceLanguageCode", "ParentEdLevelCode", "ParentEmailAddress", "StudentEmailAddress"),
    *("NextSchoolCode", "NextGrade"),
)
SCHOOL: Final = (
    *("SchoolCode", "Name", "InactiveStatusCode", "Address", "AddressCity", "AddressState", "AddressZipCode"),
    *("StateCountyID", "StateDistrictID", "StateSchoolID", "LowGradeLevel", "HighGradeLevel", "PhoneNumber"),
    "PrincipalName",
)
CONTACT_PERSON: Final = {
    "FirstName": "FirstName",
    "MiddleName": "MiddleName",
    "LastName": "LastName",
    "Relationship": "RelationshipToStudentCode",
    "Emails1": "EmailAddress",
    "Phones1": "CellPhone",
    "Phones2": "HomePhone",
    "Phones3": "WorkPhone",
    "LivesWith": "LivesWithStudentIndicator",
    "EducationalRights": "EducationalRightsHolder",
    "Priority": "ContactOrder",
}
CONTACT: Final = {"SequenceNumber": "SequenceNumber", **CONTACT_PERSON}
_MISSPELLED = {"CorrespondanceLanguageCode": "CorrespondenceLanguageCode", "BirthDate": "Birthdate"}


def named(contacts: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str]]:
    """Contacts as `N - Contacts.Field`. A name may stand in MailingName alone; it is the last name then."""
    for slot, one in enumerate(contacts, 1):
        for field, name in CONTACT.items():
            value = one.get(name, "")
            if field == "LastName" and not value and not one.get("FirstName"):
                value = one.get("MailingName", "")
            yield contact_name(slot, field), value


def texts(raw: Mapping[str, Any]) -> dict[str, str]:
    """The plain values of an object as texts; lists and objects in it are left out."""
    return {
        _MISSPELLED.get(name, name): text(value) for name, value in raw.items() if not isinstance(value, dict | list)
    }


def text(value: Any) -> str:
    """Without the spaces that codes are padded with, and a date without its empty time."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    found = str(value).replace("\0", "").strip()
    found = found.removesuffix("T00:00:00")
    return "" if found == NO_DATE else found
