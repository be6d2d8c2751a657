"""What stands in a simulated Aeries: the schools, students and contacts of an invented district.

Source: SIS facts, 2.2 to 2.4. Every tenth student is in two schools; unknown texts are empty, codes padded.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

from services.sandbox import people
from services.sandbox.aeries_writing import BLANK, blank_student, contact_values, take_over
from services.sandbox.district import HEADERS, district_rows

Json = dict[str, Any]
_GRADES = {"PK": -1, "KG": 0}
TERM: Json = {
    "TermCode": "Y",
    "TermDescription": "Year",
    "StartDate": "2026-08-10T00:00:00",
    "EndDate": "2027-05-28T00:00:00",
    "FirstHalfEndDate": None,
    "SecondHalfStartDate": None,
    "TrackTerms": [],
}
SCHOOL = (
    *("RegionCode", "StateCharterNumber", "CharterStatusCode", "FederalTaxID"),
    *("FederalInformationProcessingStandardsCode", "QualityRatingAndImprovementSystemParticipationCode"),
    *("AccreditationStatusCode", "SchoolWebsite", "OrganizationCategoryCode", "SchoolCategoryCode"),
    *("LocalEducationAgencyTypeCode", "TitleIPartACode", "NSLPStatusCode", "NCESSchoolID", "CollegeBoardSchoolCode"),
    *("CampusEnrollmentTypeCode", "PreKSchoolTypeCode", "ShortName", "AddressZipExt", "PrincipalEmailAddress"),
)
"""Texts of a school that are all blank here."""


class AeriesSpec(BaseModel):
    """A site as a test or a demo asks for it. `statuses` go round over the students; every tenth is in two schools.

    `dropped` are fields that are ignored when they are written; `contact_verb` is what an update of a contact takes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    students: int = Field(default=20, ge=0, le=200_000)
    seed: int = 1
    certificate: str = Field(default="secret")
    page_cap: int = Field(default=100_000, ge=1)
    statuses: tuple[str, ...] = ("",)
    forbidden: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    contact_verb: str = "POST"
    zone: str = "America/Los_Angeles"


class AeriesSite:
    """One district's site."""

    def __init__(self, spec: AeriesSpec) -> None:
        self.spec = spec
        self.schools = [_school(code) for code in people.SCHOOLS]
        self.students: list[Json] = []
        self.contacts: list[Json] = []
        self.inserts = 0
        self.pre_enrolled: set[str] = set()
        self.supplements: dict[tuple[str, str], str] = {}
        self._touched: dict[tuple[str, int], datetime] = {}
        for number, row in enumerate(district_rows(spec.students, seed=spec.seed)):
            self._add(number, dict(zip(HEADERS, row, strict=False)))

    def _add(self, number: int, row: Mapping[str, str]) -> None:
        student = _student(number, row, self.spec.statuses[number % len(self.spec.statuses)])
        self.students.append(student)
        if number % 10 == 0:
            codes = [school["SchoolCode"] for school in self.schools if school["SchoolCode"] != student["SchoolCode"]]
            self.students.append({**student, "SchoolCode": codes[number % len(codes)], "InactiveStatusCode": "N "})
        for slot in (2, 1):  # not in their order
            which = f"Guardian {slot} "
            if row[f"{which}First Name"]:
                self.contacts.append(_contact(student, slot, row, which))

    def insert(self, school: int, given: Json) -> Json:
        """A second call for the same child makes a second student."""
        self.inserts += 1
        made = blank_student(91_000_000 + self.inserts, school, len(self.students) + 1)
        self.students.append(made)
        take_over(made, given, frozenset(self.spec.dropped))
        self.touch("student", made["StudentID"])
        return made

    def touch(self, area: str, student: int) -> None:
        self._touched[(area, student)] = self.now()

    def now(self) -> datetime:
        """The district's own time."""
        return datetime.now(ZoneInfo(self.spec.zone)).replace(tzinfo=None)

    def changed_since(self, area: str, since: datetime) -> list[Json]:
        ids = {student for (where, student), at in self._touched.items() if where == area and at >= since}
        return [one for one in self.students if one["StudentID"] in ids]

    def rows(self, student: str) -> list[Json]:
        return [one for one in self.students if str(one["StudentID"]) == student]

    def supplement(self, student: Json, of_school: bool) -> Json:
        """The one column there is; an empty one is a single space, as the real one answers."""
        place = (str(student["SchoolCode"]), str(student["StudentNumber"]))
        held = self.supplements.get(place, "") if of_school else ""
        column = {"ColumnCode": "BU", "ColumnDescription": "Bus stop", "Value": held or " ", "ColumnType": "varchar"}
        return {"StudentID": student["StudentID"], "SchoolCode": student["SchoolCode"], "Columns": [column]}

    def insert_contact(self, student: str, given: Json) -> Json:
        taken = [one["SequenceNumber"] for one in self.contacts if str(one["StudentID"]) == student]
        school = self.rows(student)[0]["SchoolCode"]
        made = {"StudentID": int(student), "SchoolCode": school, "SequenceNumber": max(taken, default=0) + 1}
        self.contacts.append({**made, **contact_values(given)})
        return self.contacts[-1]


def _school(code: str) -> Json:
    return {
        **dict.fromkeys(SCHOOL, ""),
        "SchoolCode": int(code),
        "Name": f"School {code}",
        "InactiveStatusCode": "",
        "Address": f"{code} School St",
        "AddressCity": "Mesa",
        "AddressState": "AZ",
        "AddressZipCode": "85201",
        "DoNotReport": False,
        "StateCountyID": "07",
        "StateDistrictID": "01234",
        "StateSchoolID": f"00{code}",
        "LowGradeLevel": 0,
        "HighGradeLevel": 12,
        "Terms": [TERM],
        "PrincipalName": "Sandbox Principal",
        "PhoneNumber": "4805550100",
        "AttendancePeriod": 0,
        "Tracks": 0,
        "ScheduleType": "Elementary",
        "SessionType": "Regular",
        "AttendanceType": "Daily",
        "AttendanceReporting": "Negative",
        "ScheduleBasis": "Semester",
        "EarlyCollegeHighSchoolIndicator": False,
        "ScienceTechnologyEngineeringAndMathematicsIndicator": False,
        "PathwaysInTechnologyIndicator": False,
        "UsingSectionStaffInMasterSchedule": False,
        "UsingSectionStaffInScheduling": False,
    }


def _student(number: int, row: Mapping[str, str], status: str) -> Json:
    month, day, year = row["Birth Date"].split("/")
    grade = _GRADES.get(row["Grade"])
    return {
        **dict.fromkeys(BLANK, ""),
        "StudentID": int(row["Student ID"]),
        "OldStudentID": 0,
        "SchoolCode": int(row["School"]),
        "StudentNumber": number + 1,
        "StateStudentID": row["State ID"],
        "LastName": row["Last Name"],
        "FirstName": row["First Name"],
        "MiddleName": row["Middle Name"],
        "Gender": {"Male": "M", "Female": "F"}.get(row["Gender"], "X"),
        "Grade": int(row["Grade"]) if grade is None else grade,
        "Birthdate": f"{year}-{month}-{day}T00:00:00",
        "HomePhone": row["Phone"],
        "MailingAddress": row["Street"],
        "MailingAddressCity": row["City"],
        "MailingAddressState": "AZ",
        "MailingAddressZipCode": row["Zip"],
        "EthnicityCode": "N",
        "RaceCode1": f"{row['Race']:<3}",
        "SchoolEnterDate": "2026-08-10T00:00:00",
        "SchoolLeaveDate": None,
        "InactiveStatusCode": f"{status:<2}" if status else "",
        "AddressVerified": False,
        "DistrictEnterDate": "2026-08-10T00:00:00",
        "FamilyKey": number + 1,
        "AtRiskPoints": "0.0000",
        "HomeRoomTeacherNumber": "0",
        "NextSchoolCode": 0,
        "NextGrade": 0,
        "HomeLanguageCode": "00 ",
        "CorrespondanceLanguageCode": "00",
        "ExtendedProperties": [],
    }


def _contact(student: Json, slot: int, row: Mapping[str, str], which: str) -> Json:
    """The second one has a MailingName alone."""
    first, last = row[f"{which}First Name"], row[f"{which}Last Name"]
    named = {"FirstName": first, "LastName": last} if slot == 1 else {"FirstName": "", "LastName": ""}
    return {
        "StudentID": student["StudentID"],
        "SchoolCode": student["SchoolCode"],
        "SequenceNumber": 10 - slot,
        "MailingName": f"{first} {last}",
        **named,
        "RelationshipToStudentCode": "11 ",
        "CellPhone": row[f"{which}Phone"],
        "HomePhone": "",
        "EmailAddress": row.get(f"{which}Email") or "",
        "ContactOrder": slot,
        "EducationalRightsHolder": slot == 1,
    }
