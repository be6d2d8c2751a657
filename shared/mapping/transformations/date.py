"""Date and Today."""

from datetime import datetime, time
from functools import lru_cache
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shared.mapping.transformations.date_pattern import needs_pivot, parser, readable, writable, writer, wrong_pattern
from shared.mapping.transformations.registry import Inputs, Reader, Step, ValueProblem, transformation
from shared.model.mapping import Source

_USUAL = ["YYYY-MM-DD", "MM/DD/YYYY", "M/D/YYYY", "MM/DD/YY", "MMDDYYYY", "YYYYMMDD", "DD/MM/YYYY", "D MMM YYYY"]
Readable = Annotated[str, AfterValidator(readable), Field(max_length=50, examples=_USUAL)]
Writable = Annotated[str, AfterValidator(writable), Field(max_length=50, examples=_USUAL)]
_SOME_DAY = datetime(2001, 12, 31, 23, 59, 58)  # noqa: DTZ001 - only to be written down

Patterns = Annotated[
    tuple[Readable, ...],
    BeforeValidator(lambda given: (given,) if isinstance(given, str) else given),
    Field(min_length=1, max_length=10),
]


@transformation("date")
class Date(Step):
    """A date written another way, for example `from` MM/DD/YYYY `to` YYYY-MM-DD.

    `from` may be a list of patterns; the first one that fits is used. M and D read one digit or two, MM and DD exactly
    two. MMM and MMMM are English month names, short and long, in any case; ddd and dddd days of the week, which are not
    checked. HH or H with mm and ss read a time, h with A one with AM or PM, S fractions of a second and Z a zone, both
    of which are dropped. EXCEL reads the number a spreadsheet keeps for a date. YY needs `pivot`: years up to it are
    20YY, years above it 19YY. A day that is in no calendar is a problem.
    """

    label: ClassVar[str] = "Date"
    blank_gives: ClassVar[str] = "blank"

    source: Source
    from_: Patterns = Field(alias="from", title="Source Data Formats")
    to: Writable = Field(title="Destination Date Format")
    pivot: int | None = Field(default=None, ge=0, le=99, title="Pivot (for two-digit years)")

    @model_validator(mode="after")
    def _pivot_given(self) -> Self:
        if self.pivot is None and any(map(needs_pivot, self.from_)):
            raise ValueError("YY needs pivot: the last two-digit year that is in the 2000s")
        return self

    def compile(self, inputs: Inputs) -> Reader:
        source = inputs.read(self.source)
        parsers, write = [parser(pattern, self.pivot) for pattern in self.from_], writer(self.to)
        shown = " or ".join(self.from_)

        def parse(text: str) -> datetime:
            problem = wrong_pattern(shown)
            for one in parsers:
                try:
                    return one(text)
                except ValueProblem as found:
                    problem = found if found.code != problem.code else problem
            raise problem

        @lru_cache(maxsize=4096)
        def convert(text: str) -> str:
            return write(parse(text)) if text else ""

        return lambda values: convert(source(values).strip())

    def samples(self) -> tuple[str, ...]:
        return (writer(self.to)(_SOME_DAY),)


@transformation("today")
class Today(Step):
    """The date on which the run began, where the district is, written as `to`."""

    label: ClassVar[str] = "Today"
    blank_gives: ClassVar[str] = "the date all the same; it reads no column"

    to: Writable = Field(default="YYYY-MM-DD", title="Destination Date Format")

    def compile(self, inputs: Inputs) -> Reader:
        text = writer(self.to)(datetime.combine(inputs.moment().today, time()))
        return lambda _: text

    def samples(self) -> tuple[str, ...]:
        return (writer(self.to)(_SOME_DAY),)
