"""Lower, Upper and Proper Case."""

import re
from typing import ClassVar

from pydantic import Field

from shared.mapping.transformations.registry import Inputs, Reader, Step, transformation
from shared.model.mapping import Source

_WORD = re.compile(r"\S+")
_PART = re.compile(r"([-'\u2018\u2019\u02bb\u02bc\u2010\u2011/.(])")
_APOSTROPHES = frozenset("'\u2018\u2019\u02bb\u02bc")
_NUMERALS = frozenset({"ii", "iii", "iv", "vi", "vii", "viii"})


@transformation("lower")
class Lower(Step):
    """Every letter small, in any script."""

    label: ClassVar[str] = "Lower"
    blank_gives: ClassVar[str] = "blank"

    source: Source

    def compile(self, inputs: Inputs) -> Reader:
        source = inputs.read(self.source)
        return lambda values: source(values).lower()


@transformation("upper")
class Upper(Step):
    """Every letter a capital, in any script."""

    label: ClassVar[str] = "Upper"
    blank_gives: ClassVar[str] = "blank"

    source: Source

    def compile(self, inputs: Inputs) -> Reader:
        source = inputs.read(self.source)
        return lambda values: source(values).upper()


@transformation("proper_case")
class ProperCase(Step):
    """Capital first letters, as names have them: mcdonald-o'neil becomes McDonald-O'Neil, NGUYỄN becomes Nguyễn.

    Numerals at the end (III) stay capitals. A word that mixes capitals and small letters on purpose, such as DeShawn,
    is left as it is, unless `keep_mixed` is false.
    """

    label: ClassVar[str] = "Proper Case"
    blank_gives: ClassVar[str] = "blank"

    source: Source
    keep_mixed: bool = Field(default=True)

    def compile(self, inputs: Inputs) -> Reader:
        source, keep_mixed = inputs.read(self.source), self.keep_mixed

        def convert(values: list[str]) -> str:
            text = source(values)
            return _WORD.sub(lambda word: _word(word[0], keep_mixed, later=word.start() > 0), text)

        return convert


def _word(word: str, keep_mixed: bool, *, later: bool) -> str:
    if keep_mixed and word[0].isupper() and not word.isupper() and word[1:] != word[1:].lower():
        return word
    if later and word.lower() in _NUMERALS:
        return word.upper()
    parts = _PART.split(word.lower())
    texts, marks = parts[::2], parts[1::2]
    proper = [_capital(text) for text in texts]
    for place, mark in enumerate(marks, 1):
        if mark in _APOSTROPHES and (len(texts[place - 1]) > 2 or len(texts[place]) < 2):
            proper[place] = texts[place]
    return "".join(text + mark for text, mark in zip(proper, [*marks, ""], strict=True))


def _capital(text: str) -> str:
    if len(text) > 4 and text.startswith("mc"):
        return "Mc" + text[2].title() + text[3:]
    return text[:1].title() + text[1:]
