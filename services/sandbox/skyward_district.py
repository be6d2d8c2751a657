"""What stands in a simulated Skyward: its objects, what it computes, and the people of an invented district.

Source: SIS facts, 3.6. A student is spread over a dozen objects; every tenth has each of the shapes that make it hard.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from services.sandbox import people
from services.sandbox.district import HEADERS, district_rows
from services.sandbox.skyward_objects import Computed, Json, Objects

DISTRICT = 1
THIS_YEAR = 2
NAME, ENROLLED, ADDRESS = "Demographics/Name", "Enrollment/EntryWithdrawal", "Demographics/Address"
FLAGS = {"IsWhite": "W", "IsBlack": "B", "IsAsian": "A", "IsAlaskan": "I", "IsHawaiian": "P"}
_CODED = "Code! Description CodeDescription-"
_TIMES = "CreatedTime- ModifiedTime-"
_LEGAL = "FirstNameLegal MiddleNameLegal LastNameLegal"
_GRADES = {"PK": -1, "KG": 0}
_ENTITY = ">District/Entity"
_STUDENT = ">Student/Student"
_NAME = f">{NAME}"
_KIN = ">Demographics/Relationship"
_YEAR = ">District/SchoolYear"
CODES = {
    "Demographics/Relationship": (*people.GUARDIANS, *(one for one in people.CONTACTS if one != "Aunt")),
    "Demographics/PhoneType": ("Home", "Cell", "Work"),
    "Demographics/EmailType": ("Home", "Work"),
    "Demographics/Language": ("en", "es", "nv", "vi"),
    "Demographics/State": ("AZ", "NM"),
    "Demographics/Directional": ("N", "S", "E", "W"),
    "Enrollment/EntryCode": ("E1", "E2"),
    "Enrollment/WithdrawalCode": ("W1", "W7"),
    "Enrollment/StudentType": ("R", "P"),
    "Enrollment/GradeLevel": people.GRADES,
}
SCHEMA = {
    "District/Entity": f"EntityID* Code! Name! DistrictID SchoolYearIDCurrent{_YEAR}",
    "District/SchoolYear": "SchoolYearID* NumericYear! Description NextNumericYear- IsCurrentYearForProvidedEntity-",
    "Enrollment/School": "SchoolID* Code! Name! SchoolNumber PhoneNumber",
    "Enrollment/EntitySchool": f"EntitySchoolID* EntityID!{_ENTITY} SchoolID!>Enrollment/School",
    "Enrollment/GradeReference": f"GradeReferenceID* GradeLevelID>Enrollment/GradeLevel {_CODED}",
    "Enrollment/Calendar": f"CalendarID* {_CODED} EntityID!{_ENTITY} SchoolYearID!{_YEAR}",
    ENROLLED: f"EntryWithdrawalID* StudentID!{_STUDENT} EntityID!{_ENTITY} SchoolID!>Enrollment/School "
    f"SchoolYearID!{_YEAR} CalendarID>Enrollment/Calendar StartDate! EndDate EntryCodeID>Enrollment/EntryCode "
    "EntryComment WithdrawalCodeID>Enrollment/WithdrawalCode StudentTypeID>Enrollment/StudentType "
    f"GradeReferenceID>Enrollment/GradeReference IsDefaultEntity PercentEnrolled WithdrawalDate- {_TIMES}",
    "Student/Student": f"StudentID* NameID!{_NAME} StudentNumber Grade- GradeNumeric- GradYear- IsCurrentActive- "
    "IsGraduated- LanguageIDNative>Demographics/Language LanguageIDPrimary>Demographics/Language "
    "EarliestDistrictEnrollmentDate- CalculatedStudentStateID- HasStudentEntityYearForCurrentSchoolYear- "
    f"GraduationDate- IsCurrentActiveDefaultEnrollment- MaskedStudentNumber- {_TIMES}",
    "Student/NextStudentNumber": "NextStudentNumberID* SequenceNumber MaskPrefix IsForStateID",
    NAME: f"NameID* FirstName! MiddleName LastName! {_LEGAL} BirthDate Gender- GenderCode IsHispanic {' '.join(FLAGS)} "
    "EthnicityAndRace- ExternalUniqueIdentifier BypassStudentRaceValidation Age- FullNameFL- Initials- NameKey- "
    "SkywardID- NameSuffixID CalculatedPrimaryFormattedPhoneNumber- IsCurrentStudent- IsStudentInDistrict- "
    f"IsStudentName- {_TIMES}",
    "Demographics/NameAddress": f"NameAddressID* NameID!{_NAME} AddressID!>{ADDRESS} IsMailing IsPhysical",
    ADDRESS: "AddressID* StreetNumber StreetID>Demographics/Street SecondaryUnitNumber POBox "
    "ZipID>Demographics/Zip ZipCodeAddOn FreeformAddress FullAddress-",
    "Demographics/Street": "StreetID* Name! DirectionalID>Demographics/Directional",
    "Demographics/Zip": "ZipID* ZipCode! City! StateID>Demographics/State CountryCode",
    "Demographics/NamePhone": f"NamePhoneID* NameID!{_NAME} PhoneNumber! Extension "
    "PhoneTypeID!>Demographics/PhoneType Rank! IsConfidential IsInternational Note FullPhoneNumber-",
    "Demographics/NameEmail": f"NameEmailID* NameID!{_NAME} EmailAddress! EmailTypeID!>Demographics/EmailType Rank! "
    "Note",
    "Demographics/EmergencyContact": f"EmergencyContactID* NameID!{_NAME} NameIDEmergencyContact!{_NAME} "
    f"RelationshipID{_KIN} Rank! AllowPickUp Comment",
    "Family/Family": "FamilyID* IsActive APIOptionFlags",
    "Family/FamilyGuardian": f"FamilyGuardianID* FamilyID!>Family/Family NameID!{_NAME} Rank! APIOptionFlags",
    "Family/StudentFamily": f"StudentFamilyID* StudentID!{_STUDENT} FamilyID!>Family/Family Rank! APIOptionFlags",
    "Family/StudentGuardian": f"StudentGuardianID* StudentID!{_STUDENT} NameIDGuardian!{_NAME} RelationshipID{_KIN} "
    "IsCustodialGuardian IsEmergencyContact AllowStudentPickup AllowFamilyAccess Rank! APIOptionFlags",
    **{path: f"{path.partition('/')[2]}ID* {_CODED}" for path in CODES},
}


def _now(objects: Objects, row: Json) -> Json:
    """The newest enrollment of a student that is open; an empty one where there is none."""
    rows = objects.tables[ENROLLED].referring("StudentID", row["StudentID"])
    return max((one for one in rows if not one["EndDate"]), key=lambda one: str(one["StartDate"]), default={})


def _grade(objects: Objects, row: Json) -> str | None:
    reference = objects.tables["Enrollment/GradeReference"].rows.get(_now(objects, row).get("GradeReferenceID") or 0)
    return reference["Code"] if reference else None


def _grade_number(objects: Objects, row: Json) -> int | None:
    code = _grade(objects, row)
    return None if code is None else _GRADES.get(code) if code in _GRADES else int(code)


def _grad_year(objects: Objects, row: Json) -> int | None:
    number = _grade_number(objects, row)
    year = objects.tables["District/SchoolYear"].rows.get(_now(objects, row).get("SchoolYearID") or 0)
    return None if number is None or year is None else int(year["NumericYear"]) + 12 - number


def _first_day(objects: Objects, row: Json) -> str | None:
    rows = objects.tables[ENROLLED].referring("StudentID", row["StudentID"])
    return min((str(one["StartDate"]) for one in rows), default=None)


def _full_address(objects: Objects, row: Json) -> str:
    street = objects.tables["Demographics/Street"].rows.get(row["StreetID"] or 0, {})
    place = objects.tables["Demographics/Zip"].rows.get(row["ZipID"] or 0, {})
    line = " ".join(str(one) for one in (row["StreetNumber"], street.get("Name"), row["SecondaryUnitNumber"]) if one)
    line = row["FreeformAddress"] or (f"PO Box {row['POBox']}" if row["POBox"] else line)
    return f"{line}\n{place.get('City', '')}, AZ {place.get('ZipCode', '')}"


def _of_name(objects: Objects, row: Json) -> list[Json]:
    return objects.tables["Student/Student"].referring("NameID", row["NameID"])


def _is_current(objects: Objects, row: Json) -> bool:
    return any(_now(objects, one) for one in _of_name(objects, row))


def _first_phone(objects: Objects, row: Json) -> str | None:
    phones = objects.tables["Demographics/NamePhone"].referring("NameID", row["NameID"])
    return min(phones, key=lambda one: int(one["Rank"]), default={}).get("PhoneNumber")


def _age(_: Objects, row: Json) -> int | None:
    born = str(row.get("BirthDate") or "")[:10]
    if not born:
        return None
    day, birthday = datetime.now(UTC).date(), date.fromisoformat(born)
    return day.year - birthday.year - ((day.month, day.day) < (birthday.month, birthday.day))


def _races(_: Objects, row: Json) -> str:
    return ", ".join(name.removeprefix("Is") for name in ("IsHispanic", *FLAGS) if row.get(name))


COMPUTED: Mapping[str, Mapping[str, Computed]] = {
    "Student/Student": {
        "Grade": _grade,
        "GradeNumeric": _grade_number,
        "GradYear": _grad_year,
        "IsCurrentActive": lambda objects, row: bool(_now(objects, row)),
        "IsGraduated": lambda objects, row: False,
        "EarliestDistrictEnrollmentDate": _first_day,
        "HasStudentEntityYearForCurrentSchoolYear": lambda objects, row: bool(_now(objects, row)),
        "GraduationDate": lambda objects, row: None,
        "IsCurrentActiveDefaultEnrollment": lambda objects, row: bool(_now(objects, row)),
        "MaskedStudentNumber": lambda objects, row: row["StudentNumber"],
    },
    ENROLLED: {"WithdrawalDate": lambda objects, row: row["EndDate"]},
    "District/SchoolYear": {
        "NextNumericYear": lambda objects, row: int(row["NumericYear"]) + 1,
        "IsCurrentYearForProvidedEntity": lambda objects, row: row["SchoolYearID"] == THIS_YEAR,
    },
    "Demographics/NamePhone": {"FullPhoneNumber": lambda objects, row: row["PhoneNumber"]},
    **{
        path: {"CodeDescription": lambda objects, row: f"{row['Code']} - {row['Description']}"}
        for path in (*CODES, "Enrollment/GradeReference", "Enrollment/Calendar")
    },
    NAME: {
        "Age": _age,
        "FullNameFL": lambda objects, row: f"{row['FirstName']} {row['LastName']}",
        "Initials": lambda objects, row: f"{row['FirstName'][:1]}{row['LastName'][:1]}",
        "NameKey": lambda objects, row: f"{row['LastName'][:5]}{row['FirstName'][:3]}000".upper(),
        "SkywardID": lambda objects, row: str(UUID(int=row["NameID"])),
        "CalculatedPrimaryFormattedPhoneNumber": _first_phone,
        "IsCurrentStudent": _is_current,
        "IsStudentInDistrict": _is_current,
        "IsStudentName": lambda objects, row: bool(_of_name(objects, row)),
        "Gender": lambda objects, row: {"M": "Male", "F": "Female"}.get(row["GenderCode"], "Other"),
        "EthnicityAndRace": _races,
    },
    ADDRESS: {"FullAddress": _full_address},
}
SCHEMA_OF_TEXTS = {**SCHEMA, NAME: SCHEMA[NAME].replace("Gender- GenderCode ", "Gender GenderCode- ")}
COMPUTED_OF_TEXTS = {
    **COMPUTED,
    NAME: {name: made for name, made in COMPUTED[NAME].items() if name != "Gender"}
    | {"GenderCode": lambda objects, row: str(row["Gender"] or "")[:1]},
}
"""Of servers where Gender may be written and GenderCode is what is made of it."""


def moment() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def visible(objects: Objects, path: str, entity: int) -> Callable[[Json], bool]:
    """What an entity sees of an object: the district all of it, a school its own students and what is theirs."""
    if entity == DISTRICT:
        return lambda row: True
    columns = objects.table(path).columns
    if "EntityID" in columns:
        return lambda row: bool(row["EntityID"] == entity)
    if path == "Enrollment/School":
        schools = {one["SchoolID"] for one in objects.tables["Enrollment/EntitySchool"].referring("EntityID", entity)}
        return lambda row: row["SchoolID"] in schools
    if "StudentID" in columns:
        students = {one["StudentID"] for one in objects.tables[ENROLLED].referring("EntityID", entity)}
        return lambda row: row["StudentID"] in students
    return lambda row: True


class Settlement:
    """Puts an invented district into the tables."""

    def __init__(self, objects: Objects, left_every: int) -> None:
        self._load = objects.load
        self._left_every = left_every
        self._streets: dict[str, int] = {}
        self._time = {"CreatedTime": "2026-08-01T08:00:00", "ModifiedTime": "2026-08-01T08:00:00"}
        self._load("District/SchoolYear", NumericYear=2026, Description="2025-2026")
        self._load("District/SchoolYear", NumericYear=2027, Description="2026-2027")
        self._codes = {
            path: {code: self._load(path, Code=code, Description=code) for code in codes}
            for path, codes in CODES.items()
        }
        self._grades = {
            code: self._load("Enrollment/GradeReference", Code=code, Description=f"Grade {code}", GradeLevelID=level)
            for code, level in self._codes["Enrollment/GradeLevel"].items()
        }
        state = self._codes["Demographics/State"]["AZ"]
        self._zips = {
            zip: self._load("Demographics/Zip", ZipCode=zip, City=city, StateID=state, CountryCode="US")
            for city, zip in people.CITIES
        }
        self._load(
            "District/Entity", Code="000", Name="Mesa Verde Unified", DistrictID=1, SchoolYearIDCurrent=THIS_YEAR
        )
        self._schools = {code: self._school(code) for code in people.SCHOOLS}

    def add(self, students: int, seed: int) -> None:
        next_number = 0
        for number, cells in enumerate(district_rows(students, seed=seed)):
            row = dict(zip(HEADERS, cells, strict=False))
            self._student(number, row)
            next_number = int(row["Student ID"]) + 1
        self._load("Student/NextStudentNumber", SequenceNumber=next_number or 1, MaskPrefix="", IsForStateID=False)

    def _school(self, code: str) -> tuple[int, int, int]:
        """Its entity, its school and its calendar, of which none has the number of another."""
        phone = f"48055501{int(code) % 100:02d}"
        school = self._load(
            "Enrollment/School", Code=code, Name=f"School {code}", SchoolNumber=f"0{code}", PhoneNumber=phone
        )
        entity = self._load(
            "District/Entity", Code=code, Name=f"School {code}", DistrictID=1, SchoolYearIDCurrent=THIS_YEAR
        )
        self._load("Enrollment/EntitySchool", EntityID=entity, SchoolID=school)
        calendar = {"Code": "REG", "Description": "Regular", "EntityID": entity, "SchoolYearID": THIS_YEAR}
        return entity, school, self._load("Enrollment/Calendar", **calendar)

    def _student(self, number: int, row: Mapping[str, str]) -> None:
        month, day, year = row["Birth Date"].split("/")
        race = {"IsHispanic": row["Race"] == "H", **{name: row["Race"] == code for name, code in FLAGS.items()}}
        name = self._name(
            row["First Name"],
            row["Last Name"],
            MiddleName=row["Middle Name"] or None,
            BirthDate=f"{year}-{month}-{day}T00:00:00",
            GenderCode={"Male": "M", "Female": "F"}.get(row["Gender"], "X"),
            Gender=row["Gender"],
            **race,
        )
        student = self._load(
            "Student/Student",
            NameID=name,
            StudentNumber=row["Student ID"],
            LanguageIDNative=self._codes["Demographics/Language"][row["Home Language"]],
            LanguageIDPrimary=self._codes["Demographics/Language"]["en"],
            CalculatedStudentStateID=row["State ID"],
            **self._time,
        )
        self._enrolled(number, student, row)
        self._lives(number, name, row)
        self._reached(name, row["Phone"], "")
        self._guarded(number, student, name, row)

    def _enrolled(self, number: int, student: int, row: Mapping[str, str]) -> None:
        """Every tenth was in another school before, and of that the enrollment is the younger row."""
        left = bool(self._left_every) and number % self._left_every == self._left_every - 1
        self._enrollment(student, row["School"], row["Grade"], "2026-08-10", "2026-10-02" if left else None)
        if number % 10 == 0:
            other = people.SCHOOLS[number % len(people.SCHOOLS)]
            self._enrollment(student, other, row["Grade"], "2025-08-11", "2026-05-29")

    def _enrollment(self, student: int, school: str, grade: str, start: str, end: str | None) -> None:
        entity, place, calendar = self._schools[school]
        self._load(
            ENROLLED,
            StudentID=student,
            EntityID=entity,
            SchoolID=place,
            CalendarID=calendar,
            SchoolYearID=THIS_YEAR if start > "2026-07" else 1,
            StartDate=f"{start}T00:00:00",
            EndDate=f"{end}T00:00:00" if end else None,
            EntryCodeID=self._codes["Enrollment/EntryCode"]["E1"],
            WithdrawalCodeID=self._codes["Enrollment/WithdrawalCode"]["W1"] if end else None,
            StudentTypeID=self._codes["Enrollment/StudentType"]["R"],
            GradeReferenceID=self._grades[grade],
            IsDefaultEntity=True,
            PercentEnrolled=100,
            **self._time,
        )

    def _lives(self, number: int, name: int, row: Mapping[str, str]) -> None:
        """Of every ten one has a free text for an address, and one gets mail in a box."""
        house, _, street = row["Street"].partition(" ")
        place = {"ZipID": self._zips[row["Zip"]]}
        if number % 10 == 5:
            home = self._load(ADDRESS, FreeformAddress=row["Street"], **place)
        else:
            if street not in self._streets:
                self._streets[street] = self._load("Demographics/Street", Name=street)
            unit = row["Apartment"] or None
            home = self._load(
                ADDRESS, StreetNumber=house, StreetID=self._streets[street], SecondaryUnitNumber=unit, **place
            )
        boxed = number % 10 == 6
        self._load("Demographics/NameAddress", NameID=name, AddressID=home, IsMailing=not boxed, IsPhysical=True)
        if boxed:
            box = self._load(ADDRESS, POBox=str(100 + number), **place)
            self._load("Demographics/NameAddress", NameID=name, AddressID=box, IsMailing=True, IsPhysical=False)

    def _guarded(self, number: int, student: int, name: int, row: Mapping[str, str]) -> None:
        """The second guardian is the older row. Of every ten, the first guardian of one is to be called in an emergency
        as well, and the family of one has a guardian who is none of the student's.
        """
        family = self._load("Family/Family", IsActive=True)
        self._load("Family/StudentFamily", StudentID=student, FamilyID=family, Rank=1)
        first = 0
        for slot in (2, 1):
            which = f"Guardian {slot} "
            if row[f"{which}First Name"]:
                first = self._name(row[f"{which}First Name"], row[f"{which}Last Name"])
                self._reached(first, row[f"{which}Phone"], row.get(f"{which}Email", ""))
                self._load("Family/FamilyGuardian", FamilyID=family, NameID=first, Rank=slot)
                self._guardian(student, first, slot, row.get(f"{which}Relation", "") or "Father")
        if number % 10 == 4:
            other = self._name("Casimir", "Outis")
            self._load("Family/FamilyGuardian", FamilyID=family, NameID=other, Rank=9)
        called = self._name(*row["Emergency 1 Name"].split(" ", 1))
        self._reached(called, row["Emergency 1 Phone"], "")
        self._emergency(name, called, 1, row["Emergency 1 Relation"])
        if number % 10 == 7:
            self._emergency(name, first, 2, row["Guardian 1 Relation"])

    def _guardian(self, student: int, name: int, rank: int, kin: str) -> None:
        self._load(
            "Family/StudentGuardian",
            StudentID=student,
            NameIDGuardian=name,
            RelationshipID=self._codes["Demographics/Relationship"][kin],
            IsCustodialGuardian=rank == 1,
            IsEmergencyContact=False,
            AllowStudentPickup=True,
            AllowFamilyAccess=rank == 1,
            Rank=rank,
        )

    def _emergency(self, name: int, called: int, rank: int, kin: str) -> None:
        relation = self._codes["Demographics/Relationship"][kin]
        about = {"NameID": name, "NameIDEmergencyContact": called, "RelationshipID": relation}
        self._load("Demographics/EmergencyContact", Rank=rank, AllowPickUp=rank == 2, **about)

    def _name(self, first: str, last: str, **more: Any) -> int:
        return self._load(NAME, FirstName=first, LastName=last, **more, **self._time)

    def _reached(self, name: int, phone: str, email: str) -> None:
        """The phone of rank 2 is the older row."""
        types = self._codes["Demographics/PhoneType"]
        phones = ((2, "Work", "4805550199"), (1, "Cell", phone)) if email else ((1, "Home", phone),)
        for rank, kind, number in phones:
            self._load("Demographics/NamePhone", NameID=name, PhoneNumber=number, PhoneTypeID=types[kind], Rank=rank)
        if email:
            home = self._codes["Demographics/EmailType"]["Home"]
            self._load("Demographics/NameEmail", NameID=name, EmailAddress=email, EmailTypeID=home, Rank=1)
