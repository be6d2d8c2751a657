"""Enroll School Year."""

from typing import ClassVar, Literal

from shared.mapping.transformations.registry import Inputs, Reader, Step, transformation

_FORMS = {
    "YYYY": "{start}",
    "YYYY-YYYY": "{start}-{end}",
    "YYYY-YY": "{start}-{short_end}",
    "YY-YY": "{short_start}-{short_end}",
    "end YYYY": "{end}",
}


@transformation("enroll_school_year")
class EnrollSchoolYear(Step):
    """The school year of the run. Enroll calls 2026-27 the year 2026; `form` "end YYYY" gives 2027."""

    label: ClassVar[str] = "Enroll School Year"
    blank_gives: ClassVar[str] = "the year all the same; it reads no column"

    form: Literal["YYYY", "YYYY-YYYY", "YYYY-YY", "YY-YY", "end YYYY"] = "YYYY"

    def compile(self, inputs: Inputs) -> Reader:
        start = inputs.moment().school_year
        text = _FORMS[self.form].format(
            start=start, end=start + 1, short_start=f"{start % 100:02}", short_end=f"{(start + 1) % 100:02}"
        )
        return lambda _: text
