"""Transliterate."""

import unicodedata
from typing import ClassVar

from shared.mapping.transformations.registry import Inputs, Reader, Step, transformation, within_limit
from shared.model.mapping import Source

_SPELLED = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "SS",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "þ": "th",
        "Þ": "TH",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "ħ": "h",
        "Ħ": "H",
        "ı": "i",
        "ĸ": "k",
        "ŋ": "n",
        "Ŋ": "N",
        "ŧ": "t",
        "Ŧ": "T",
        "ɓ": "b",
        "ɗ": "d",
        "ƙ": "k",
        "ʼ": "'",
        **dict.fromkeys("\u2018\u2019\u02bb\u02bc\u02b9\u2032\u00b4`", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)


@transformation("transliterate")
class Transliterate(Step):
    """Only the letters A to Z in either case, apostrophes, dashes and spaces: José becomes Jose, Łukasz Lukasz.

    Accents fold to their letter and letters such as ø or ß are spelled out. Everything else drops out, digits and
    letters of other scripts too.
    """

    label: ClassVar[str] = "Transliterate"
    blank_gives: ClassVar[str] = "blank"

    source: Source

    def compile(self, inputs: Inputs) -> Reader:
        source = inputs.read(self.source)
        return lambda values: plain_letters(source(values))


def plain_letters(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKD", within_limit(text).translate(_SPELLED)).translate(_SPELLED)
    return "".join([" " if one.isspace() else one for one in text if _stays(one)])


def _stays(one: str) -> bool:
    return one in "'- " or (one.isascii() and one.isalpha()) or one.isspace()
