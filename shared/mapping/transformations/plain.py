"""The plainest: a value as it is, a value typed in."""

from typing import ClassVar

from pydantic import Field

from shared.mapping.transformations.registry import Inputs, Reader, Step, transformation
from shared.model.mapping import Source, ValueSource


@transformation("direct")
class Direct(Step):
    """The value as it stands, spaces included."""

    label: ClassVar[str] = "Direct"
    blank_gives: ClassVar[str] = "blank"

    source: Source

    def compile(self, inputs: Inputs) -> Reader:
        return inputs.read(self.source)


@transformation("value_input")
class ValueInput(Step):
    """`value`, whatever the row holds."""

    label: ClassVar[str] = "Value Input"
    blank_gives: ClassVar[str] = "the value all the same; it reads no column"

    value: str = Field(max_length=10_000)

    def compile(self, inputs: Inputs) -> Reader:
        return inputs.read(ValueSource(value=self.value))
