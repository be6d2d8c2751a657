"""Phone Number: ten digits, written one way."""

import re
from functools import lru_cache
from typing import ClassVar, Literal

from shared.mapping.transformations.registry import Inputs, Reader, Step, ValueProblem, transformation
from shared.model.error_texts import said
from shared.model.mapping import Source

_FORMS = {
    "(999) 999-9999": "({}) {}-{}",
    "9999999999": "{}{}{}",
    "999-999-9999": "{}-{}-{}",
}
_PUNCTUATION = dict.fromkeys(map(ord, " \u00a0\t.-()/\u2010\u2011\u2013"))
_EXTENSION = re.compile(r"[0-9][^0-9]*[#xX][^0-9]*[0-9]")


@transformation("phone_number")
class PhoneNumber(Step):
    """A North American number in one form. A leading 1 or +1, dots, dashes, brackets and spaces are understood.

    An extension is refused, not dropped. Whether the number is in service, or its area code exists, is not checked.
    """

    label: ClassVar[str] = "Phone Number"
    blank_gives: ClassVar[str] = "blank"

    source: Source
    form: Literal["(999) 999-9999", "9999999999", "999-999-9999"]

    def compile(self, inputs: Inputs) -> Reader:
        source = inputs.read(self.source)
        write = _FORMS[self.form].format

        @lru_cache(maxsize=4096)
        def convert(text: str) -> str:
            if not text:
                return ""
            digits = _ten_digits(text)
            return write(digits[:3], digits[3:6], digits[6:])

        return lambda values: convert(source(values).strip())

    def samples(self) -> tuple[str, ...]:
        return (_FORMS[self.form].format("480", "555", "0147"),)


def _ten_digits(text: str) -> str:
    if len(text) > 100:
        raise _not_a_phone()
    digits = text.removeprefix("+").translate(_PUNCTUATION)
    if not (digits.isascii() and digits.isdigit()):
        raise _extension() if _EXTENSION.search(text) else _not_a_phone()
    if len(digits) == 11 and digits[0] == "1":
        return digits[1:]
    if len(digits) != 10 or text[0] == "+":
        raise _not_a_phone()
    return digits


def _extension() -> ValueProblem:
    return ValueProblem(*said("phone.extension"))


def _not_a_phone() -> ValueProblem:
    return ValueProblem(*said("phone.not_ten_digits"))
