"""How registrations become students of the SIS."""

from collections import Counter
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from shared.model.school_code import SchoolCode


def _day(day: str) -> str:
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        raise ValueError("Use a day such as 2026-08-10.") from None


Day = Annotated[str, AfterValidator(_day)]


MatchBy = Literal["student_id", "state_id", "name_and_birth_date"]


class SchoolStart(BaseModel):
    """The day a school begins, where it is not that of the district; `school` is its code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    school: SchoolCode
    date: Day


class ExportRules(BaseModel):
    """How registrations become students of the SIS.

    `match`: by what a student who is there already is found, in this order; the first that finds one decides.
    A new student enters on the day the school starts (`start_date`, or that of their school in `school_starts`), and
    once that is past on the day of the export; `end_date` is the last day of the school year.
    `new_students` are pre-enrolled (before the SIS rolls over) or active.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: tuple[MatchBy, ...] = Field(default=("student_id", "state_id", "name_and_birth_date"), min_length=1)
    new_students: Literal["pre_enrolled", "active"] = "active"
    start_date: Day | Literal[""] = ""
    school_starts: tuple[SchoolStart, ...] = Field(default=(), max_length=2000)
    end_date: Day | Literal[""] = ""

    def entry_date(self, school_code: str, today: date) -> date:
        """The school's start date if today is on or before it, else today."""
        start = next((one.date for one in self.school_starts if one.school == school_code), self.start_date)
        return max(date.fromisoformat(start), today) if start else today


class NewExportRules(ExportRules):
    """Rules as they may be given today: a school begins on one day, and a school year ends after it began."""

    @field_validator("school_starts")
    @classmethod
    def _each_school_once(cls, starts: tuple[SchoolStart, ...]) -> tuple[SchoolStart, ...]:
        twice = [school for school, times in Counter(one.school for one in starts).items() if times > 1]
        if twice:
            raise ValueError(f"A school has one first day. There more than once: {', '.join(twice)}.")
        return starts

    @field_validator("end_date")
    @classmethod
    def _after_every_start(cls, end: str, given: ValidationInfo) -> str:
        starts = [given.data.get("start_date", ""), *(one.date for one in given.data.get("school_starts", ()))]
        if end and end <= max(starts):
            raise ValueError(f"The last day of school has to be after the first, which is {max(starts)}.")
        return end
