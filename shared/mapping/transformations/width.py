"""Character Limit and Pad."""

import unicodedata
from typing import ClassVar, Literal

from pydantic import Field

from shared.mapping.transformations.registry import Inputs, Reader, Step, transformation
from shared.model.mapping import Source


@transformation("character_limit")
class CharacterLimit(Step):
    """At most `limit` characters, from the start, or from the end with `keep` "end". Accents stay with their letter."""

    label: ClassVar[str] = "Character Limit"
    blank_gives: ClassVar[str] = "blank"

    source: Source
    limit: int = Field(ge=1, le=100_000)
    keep: Literal["start", "end"] = "start"

    def compile(self, inputs: Inputs) -> Reader:
        source, limit, at_start = inputs.read(self.source), self.limit, self.keep == "start"

        def cut(values: list[str]) -> str:
            text = source(values)
            if len(text) <= limit:
                return text
            return _head(text, limit) if at_start else _tail(text, limit)

        return cut


@transformation("pad")
class Pad(Step):
    """At least `width` characters, filled up with `fill` at the left or the right: 42 becomes 00042.

    Outer spaces do not count.
    """

    label: ClassVar[str] = "Pad"
    blank_gives: ClassVar[str] = "blank"

    source: Source
    width: int = Field(ge=1, le=1000)
    fill: str = Field(default="0", min_length=1, max_length=1)
    side: Literal["left", "right"] = "left"

    def compile(self, inputs: Inputs) -> Reader:
        source, width, fill = inputs.read(self.source), self.width, self.fill
        put = str.rjust if self.side == "left" else str.ljust

        def pad(values: list[str]) -> str:
            text = source(values).strip()
            return put(text, width, fill) if text else ""

        return pad

    def samples(self) -> tuple[str, ...]:
        return ("7" * self.width,)


def _head(text: str, limit: int) -> str:
    end = limit
    while end and unicodedata.combining(text[end]):
        end -= 1
    return text[:end]


def _tail(text: str, limit: int) -> str:
    start = len(text) - limit
    while start < len(text) and unicodedata.combining(text[start]):
        start += 1
    return text[start:]
