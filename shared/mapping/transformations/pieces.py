"""Join, Pick and Split: many values to one, one value to a piece of it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from shared.mapping.transformations.registry import Inputs, Reader, Step, transformation, within_limit
from shared.model.mapping import Source

Sources = Annotated[tuple[Source, ...], Field(min_length=1, max_length=50)]


@transformation("join")
class Join(Step):
    """The sources in order with `delimiter` between them. Blank ones are left out, unless `blanks` is "keep"."""

    label: ClassVar[str] = "Join"
    blank_gives: ClassVar[str] = "nothing for a blank source, and blank where all are blank"

    sources: Sources
    delimiter: str = Field(default=" ", max_length=50)
    blanks: Literal["skip", "keep"] = "skip"

    def compile(self, inputs: Inputs) -> Reader:
        sources, delimiter, skip = [inputs.read(one) for one in self.sources], self.delimiter, self.blanks == "skip"

        def join(values: list[str]) -> str:
            texts = [source(values) for source in sources]
            filled = [text for text in texts if text and not text.isspace()]
            return within_limit(delimiter.join(filled if skip or not filled else texts))

        return join


@transformation("pick")
class Pick(Step):
    """The first of the sources that is not blank."""

    label: ClassVar[str] = "Pick"
    blank_gives: ClassVar[str] = "the next source, and blank where all are blank"

    sources: Sources

    def compile(self, inputs: Inputs) -> Reader:
        sources = [inputs.read(one) for one in self.sources]

        def pick(values: list[str]) -> str:
            for source in sources:
                text = source(values)
                if text and not text.isspace():
                    return text
            return ""

        return pick


@transformation("split")
class Split(Step):
    """The value cut at every `delimiter`, and of the pieces the one with the number `fragment`, without outer spaces.

    The first piece is 1; -1 is the last, -2 the one before it. A piece that is not there is blank.
    """

    label: ClassVar[str] = "Split"
    blank_gives: ClassVar[str] = "blank"

    source: Source
    delimiter: str = Field(min_length=1, max_length=50)
    fragment: int = Field(ge=-1000, le=1000)

    @field_validator("fragment")
    @classmethod
    def _counts_from_one(cls, fragment: int) -> int:
        if fragment == 0:
            raise ValueError("The first piece is 1, the last is -1")
        return fragment

    def compile(self, inputs: Inputs) -> Reader:
        source, delimiter = inputs.read(self.source), self.delimiter
        place = self.fragment - 1 if self.fragment > 0 else self.fragment
        needed = place + 1 if place >= 0 else -place

        def split(values: list[str]) -> str:
            pieces = source(values).split(delimiter)
            return pieces[place].strip() if len(pieces) >= needed else ""

        return split
