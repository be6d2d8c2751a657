"""What the simulated Aeries makes of students and contacts that are sent to it. Source: SIS facts, 2.4 and 2.6."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

READ_AS = {
    "BirthDate": "Birthdate",
    "NextSchool": "NextSchoolCode",
    "CorrespondenceLanguageCode": "CorrespondanceLanguageCode",
    **{f"Race{number}Code": f"RaceCode{number}" for number in range(1, 6)},
}
"""What is written under one name and read under another."""
LENGTHS = {
    "LastName": 100,
    "FirstName": 100,
    "MiddleName": 100,
    "NameSuffix": 10,
    "Gender": 1,
    "InactiveStatusCode": 1,
    "HomeLanguageCode": 2,
    "CorrespondenceLanguageCode": 2,
    "LanguageFluencyCode": 1,
    "EthnicityCode": 1,
    **{f"Race{number}Code": 3 for number in range(1, 6)},
    "CorrespondanceLanguageCode": 2,
    "BirthCity": 30,
    "BirthStateCode": 3,
    "BirthCountryCode": 2,
    "ParentEdLevelCode": 2,
    "ParentGuardianName": 50,
    **{f"{kind}Address": 55 for kind in ("Mailing", "Residence")},
    **{f"{kind}AddressCity": 30 for kind in ("Mailing", "Residence")},
    **{f"{kind}AddressState": 2 for kind in ("Mailing", "Residence")},
    **{f"{kind}AddressZipCode": 5 for kind in ("Mailing", "Residence")},
    **{f"{kind}AddressZipExt": 4 for kind in ("Mailing", "Residence")},
    **{f"UserCode{number}": 1 if number < 9 else 2 for number in range(1, 14)},
}
BLANK = (
    *("NameSuffix", "LastNameAlias", "FirstNameAlias", "GradeLevelShortDescription", "ParentGuardianName"),
    *("StudentMobilePhone", "MailingAddressZipExt", *(f"RaceCode{number}" for number in range(2, 6))),
    *(f"ResidenceAddress{part}" for part in ("", "City", "State", "ZipCode", "ZipExt")),
    *("LanguageFluencyCode", "ParentEdLevelCode", "ParentEmailAddress", "StudentEmailAddress"),
    *(f"UserCode{number}" for number in range(1, 14)),
)
"""Texts of a student that nobody here has."""
DATES = ("BirthDate", "SchoolEnterDate", "DistrictEnterDate", "USEnterDate", "USSchoolEnterDate")
WRITABLE = frozenset({*LENGTHS, *DATES, "Grade", "NextGrade", "NextSchool", "HomePhone"})
CONTACT = {
    "MailingName": 50,
    "NamePrefix": 5,
    "NameSuffix": 10,
    "FirstName": 20,
    "MiddleName": 20,
    "LastName": 50,
    "RelationshipToStudentCode": 2,
    "EmailAddress": 50,
    "Address": 50,
    "AddressCity": 24,
    "AddressState": 2,
    "AddressZip": 5,
    "AddressZipExt": 4,
    "CellPhone": 25,
    "HomePhone": 25,
    "WorkPhone": 25,
    "WorkPhoneExt": 5,
    "ContactOrder": 9,
    "MiscCode": 2,
    "MailTagCode": 1,
    "LivesWithStudentIndicator": 1,
    "EducationalRightsHolder": 1,
    "AccessToPortal": 1,
    "PrimaryContact": 1,
}
FLAGS = ("LivesWithStudentIndicator", "EducationalRightsHolder", "AccessToPortal", "PrimaryContact")
_AS_WRITTEN = {"RelationshiptoStudentCode": "RelationshipToStudentCode"}
"""One sample of the vendor's has its own spelling."""


def too_long(given: Mapping[str, Any]) -> str:
    """Why the call is refused; empty where it is not."""
    return next((f"{name} is too long" for name, most in LENGTHS.items() if len(str(given.get(name, ""))) > most), "")


def blank_student(id: int, school: int, number: int) -> Json:
    """Ids are the server's own; unknown texts are empty, dates are null."""
    codes = dict.fromkeys((READ_AS.get(name, name) for name in WRITABLE), "")
    dates = dict.fromkeys((READ_AS.get(name, name) for name in DATES), None)
    about = {"StudentID": id, "SchoolCode": school, "StudentNumber": number, "StateStudentID": ""}
    return {**codes, **dates, **about, "Grade": 0, "NextGrade": 0, "NextSchoolCode": 0, "ExtendedProperties": []}


def take_over(row: Json, given: Mapping[str, Any], dropped: frozenset[str], *, addresses: bool | None = None) -> None:
    """What may be written; the rest is ignored without a word. Codes come back padded, dates with a time."""
    for name, value in given.items():
        is_address = name.startswith(("MailingAddress", "ResidenceAddress"))
        if name not in WRITABLE or name in dropped or (addresses is not None and addresses != is_address):
            continue
        row[READ_AS.get(name, name)] = _as_read(name, value)


def _as_read(name: str, value: Any) -> Any:
    if name in DATES:
        return f"{value}T00:00:00" if value else None
    if name in ("Grade", "NextGrade", "NextSchool"):
        return int(value) if str(value).lstrip("-").isdigit() else 0
    if name == "HomePhone":
        return "".join(one for one in str(value) if one.isdigit())[:10]
    return f"{value:<3}" if name.startswith("Race") and value else value


def contact_refused(given: Mapping[str, Any]) -> str:
    return next((f"{name} is too long" for name, most in CONTACT.items() if len(str(given.get(name, ""))) > most), "")


def contact_values(given: Mapping[str, Any]) -> Json:
    """As they are read: the zip under another name, flags as true and false, codes padded."""
    spelled = {_AS_WRITTEN.get(name, name): value for name, value in given.items()}
    known = {name: value for name, value in spelled.items() if name in CONTACT}
    found: Json = {("AddressZipCode" if name == "AddressZip" else name): value for name, value in known.items()}
    for name in FLAGS:
        if name in found:
            found[name] = found[name] in ("Y", True)
    if code := found.get("RelationshipToStudentCode"):
        found["RelationshipToStudentCode"] = f"{code:<3}"
    return found
