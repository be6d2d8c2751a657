"""Number Format and Yes/No."""

import re
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import ClassVar, Literal

from pydantic import Field

from shared.mapping.transformations.registry import Inputs, Reader, Step, ValueProblem, transformation
from shared.model.error_texts import said
from shared.model.mapping import Source

_NUMBER = re.compile(r"([+-]?)\$?((?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]*)?|\.[0-9]+)")
_MAX_CHARS = 100
_EXACT = Context(prec=2 * _MAX_CHARS, rounding=ROUND_HALF_UP)

_YES = frozenset({"y", "yes", "true", "t", "1", "x", "on"})
_NO = frozenset({"n", "no", "false", "f", "0", "off"})
_WORDS = {
    "Yes/No": ("Yes", "No"),
    "Y/N": ("Y", "N"),
    "1/0": ("1", "0"),
    "true/false": ("true", "false"),
    "T/F": ("T", "F"),
}


@transformation("number_format")
class NumberFormat(Step):
    """A number written another way.

    Reads 1234.5, 1,234.50, $12 and (12) for minus 12. `decimals` rounds half up; without it the digits stay as they
    are, but for zeros in front. `grouping` puts a comma before every three digits.
    """

    label: ClassVar[str] = "Number Format"
    blank_gives: ClassVar[str] = "blank"

    source: Source
    decimals: int | None = Field(default=None, ge=0, le=10)
    grouping: bool = False
    decimal_mark: Literal[".", ","] = "."

    def compile(self, inputs: Inputs) -> Reader:
        source, form = inputs.read(self.source), "," if self.grouping else ""
        form += "f" if self.decimals is None else f".{self.decimals}f"
        swap = str.maketrans(",.", ".,") if self.decimal_mark == "," else {}

        @lru_cache(maxsize=4096)
        def convert(text: str) -> str:
            if not text:
                return ""
            number = _number(text)
            if self.decimals is not None:
                number = number.quantize(Decimal(1).scaleb(-self.decimals), context=_EXACT)
            return format(number if number else abs(number), form).translate(swap)

        return lambda values: convert(source(values).strip())


def _number(text: str) -> Decimal:
    minus = text.startswith("(") and text.endswith(")")
    found = _NUMBER.fullmatch(text[1:-1] if minus else text) if len(text) <= _MAX_CHARS else None
    if found is None or (minus and found[1]):
        raise ValueProblem(*said("number.not_a_number"))
    sign = "-" if minus else found[1]
    return _EXACT.create_decimal(sign + found[2].replace(",", ""))


@transformation("yes_no")
class YesNo(Step):
    """Yes or no in one form. Reads Y, Yes, T, True, 1, X and On, and N, No, F, False, 0 and Off, in any case."""

    label: ClassVar[str] = "Yes/No"
    blank_gives: ClassVar[str] = "blank, or no where `blank` says so"

    source: Source
    form: Literal["Yes/No", "Y/N", "1/0", "true/false", "T/F"] = "Yes/No"
    blank: Literal["blank", "no"] = "blank"

    def compile(self, inputs: Inputs) -> Reader:
        source, (yes, no) = inputs.read(self.source), _WORDS[self.form]
        nothing = no if self.blank == "no" else ""
        words = {**dict.fromkeys(_YES, yes), **dict.fromkeys(_NO, no), "": nothing}

        def convert(values: list[str]) -> str:
            found = words.get(source(values).strip().lower())
            if found is None:
                raise ValueProblem(*said("yes_no.unknown"))
            return found

        return convert

    def samples(self) -> tuple[str, ...]:
        return _WORDS[self.form]
