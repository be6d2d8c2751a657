"""If Then Else."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.mapping.transformations.registry import Inputs, Reader, Step, ValueProblem, transformation
from shared.mapping.transformations.replace import compile_pattern, half_character
from shared.model.error_texts import said
from shared.model.mapping import Source

Test: TypeAlias = Callable[[list[str]], bool]

_LISTS = ("one of", "not one of")
_ORDERS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "greater than": lambda left, right: left > right,
    "less than": lambda left, right: left < right,
    "at least": lambda left, right: left >= right,
    "at most": lambda left, right: left <= right,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda text, value: text == value,
    "contains": lambda text, value: value in text,
    "starts with": lambda text, value: text.startswith(value),
    "ends with": lambda text, value: text.endswith(value),
}

Operator: TypeAlias = Literal[
    "equals",
    "not equals",
    "contains",
    "not contains",
    "starts with",
    "ends with",
    "one of",
    "not one of",
    "blank",
    "not blank",
    "greater than",
    "less than",
    "at least",
    "at most",
    "matches",
]


class Condition(BaseModel):
    """One test of a source. Spaces around the value do not count; case does not either, unless `match_case` is true.

    `greater than` and its like compare numbers, or dates written as YYYY-MM-DD; a blank never passes them. `matches`
    looks for a regular expression (RE2) anywhere in the value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Source
    operator: Operator
    value: str | tuple[str, ...] = ""
    match_case: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.operator in _LISTS) != isinstance(self.value, tuple):
            takes = "a list of values" if self.operator in _LISTS else "one value"
            raise ValueError(f"{self.operator!r} takes {takes}")
        if isinstance(self.value, str):
            if self.operator == "matches":
                compile_pattern(self.value)
            if self.operator in _ORDERS and _ordinal(self.value) is None:
                raise ValueError(f"{self.operator!r} takes a number or a date written as YYYY-MM-DD")
        return self

    def compile(self, inputs: Inputs) -> Test:
        source, fold = inputs.read(self.source), _same if self.match_case else str.casefold
        if isinstance(self.value, tuple):
            values, wanted = frozenset(fold(one.strip()) for one in self.value), self.operator == "one of"
            return lambda row: (fold(source(row).strip()) in values) is wanted
        if self.operator in ("blank", "not blank"):
            wanted = self.operator == "blank"
            return lambda row: (not source(row).strip()) is wanted
        if self.operator in _ORDERS:
            return _ordered(source, _ORDERS[self.operator], self.value)
        if self.operator == "matches":
            return _matching(source, self.value)
        wanted, value = not self.operator.startswith("not "), fold(self.value.strip())
        compare = _TEXTS[self.operator.removeprefix("not ")]
        return lambda row: compare(fold(source(row).strip()), value) is wanted


@transformation("if_then_else")
class IfThenElse(Step):
    """`then` where the conditions of `if` hold (all of them, or any with `match` "any"), else `else`.

    Both results are sources: a column, a field, a fixed value or a transformation.
    """

    label: ClassVar[str] = "If Then Else"
    blank_gives: ClassVar[str] = "whatever the conditions say about a blank"

    if_: Annotated[tuple[Condition, ...], Field(alias="if", min_length=1, max_length=50)]
    match: Literal["all", "any"] = "all"
    then: Source
    else_: Annotated[Source, Field(alias="else")]

    def compile(self, inputs: Inputs) -> Reader:
        tests, decide = [one.compile(inputs) for one in self.if_], all if self.match == "all" else any
        then, otherwise = inputs.read(self.then), inputs.read(self.else_)
        if len(tests) == 1:
            test = tests[0]
            return lambda values: then(values) if test(values) else otherwise(values)
        return lambda values: then(values) if decide(test(values) for test in tests) else otherwise(values)


def _same(text: str) -> str:
    return text


def _ordinal(text: str) -> tuple[bool, Decimal] | None:
    text = text.strip()
    try:
        if len(text) == 10 and text[4] == text[7] == "-":
            return True, Decimal(date.fromisoformat(text).toordinal())
        if text.isascii() and len(text) <= 100 and "_" not in text:
            number = Decimal(text)
            return (False, number) if number.is_finite() else None
    except (ValueError, InvalidOperation):
        pass
    return None


def _ordered(source: Reader, compare: Callable[[Decimal, Decimal], bool], value: str) -> Test:
    limit = _ordinal(value)

    def test(row: list[str]) -> bool:
        text = source(row)
        if not text or text.isspace():
            return False
        found = _ordinal(text)
        if found is None or limit is None or found[0] is not limit[0]:
            raise ValueProblem(*said("if.not_comparable", what=value.strip()[:50]))
        return compare(found[1], limit[1])

    return test


def _matching(source: Reader, value: str) -> Test:
    pattern = compile_pattern(value)

    def test(row: list[str]) -> bool:
        try:
            return pattern.search(source(row)) is not None
        except UnicodeEncodeError:
            raise half_character() from None

    return test
