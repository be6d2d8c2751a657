"""Trim and Squish."""

from typing import ClassVar

from shared.mapping.transformations.registry import Inputs, Reader, Step, transformation
from shared.model.mapping import Source


@transformation("trim")
class Trim(Step):
    """Without the spaces at both ends."""

    label: ClassVar[str] = "Trim"
    blank_gives: ClassVar[str] = "blank"

    source: Source

    def compile(self, inputs: Inputs) -> Reader:
        source = inputs.read(self.source)
        return lambda values: source(values).strip()


@transformation("squish")
class Squish(Step):
    """Without the spaces at both ends, and with one space for every run of spaces, tabs and line ends inside."""

    label: ClassVar[str] = "Squish"
    blank_gives: ClassVar[str] = "blank"

    source: Source

    def compile(self, inputs: Inputs) -> Reader:
        source = inputs.read(self.source)
        return lambda values: " ".join(source(values).split())
