"""Value Input: a fixed value typed in."""

from pydantic import Field

from shared.mapping.transformations.registry import Read, Reader, Step, transformation


@transformation("value_input")
class ValueInput(Step):
    """`value`, whatever the row holds. Reads no column, so there is no blank input; a blank `value` is blank."""

    value: str = Field(max_length=10_000)

    def compile(self, read: Read) -> Reader:
        value = self.value
        return lambda _: value
