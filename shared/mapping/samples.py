"""What sample values look like: dates and how they are written, phones, grades, codes."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.mapping.transformations import ValueProblem
from shared.mapping.transformations.date_pattern import needs_pivot, parser
from shared.mapping.values import converter
from shared.model.catalog import Field

MONTH_FIRST = (
    *("M/D/YYYY", "M-D-YYYY", "M.D.YYYY", "M/D/YY", "M-D-YY", "MMDDYYYY"),
    *("M/D/YYYY H:mm", "M/D/YYYY h:mm:ss A"),
)
DAY_FIRST = ("D/M/YYYY", "D-M-YYYY", "D.M.YYYY", "D/M/YY", "D.M.YY")
CLEAR = (
    *("YYYY-MM-DD", "YYYY/MM/DD", "YYYYMMDD", "YYYY-MM-DD HH:mm:ss", "YYYY-MM-DDTHH:mm:ss"),
    *("D MMM YYYY", "D-MMM-YYYY", "D-MMM-YY", "MMM D, YYYY", "MMMM D, YYYY", "EXCEL"),
)
PIVOT = 40
"""Two-digit years up to 40 are in the 2000s: birth dates of pupils, and dates of this school year."""
GRADES = {
    "pk": -1,
    "prek": -1,
    "prekindergarten": -1,
    "p": -1,
    "ps": -1,
    "preschool": -1,
    "tk": -1,
    "k": 0,
    "kg": 0,
    "kindergarten": 0,
    "kinder": 0,
    "kf": 0,
    **{word: number for number, word in enumerate(["first", "second", "third", "fourth", "fifth", "sixth"], 1)},
}
GENDERS = {
    "male": "M",
    "m": "M",
    "boy": "M",
    "female": "F",
    "f": "F",
    "girl": "F",
    "x": "X",
    "nonbinary": "X",
    "nb": "X",
    "other": "X",
}
_PHONE = re.compile(r"\+?1?[ .(-]*[0-9]{3}[ .)-]*[0-9]{3}[ .-]*[0-9]{4}")
_ORDINAL = re.compile(r"(?:grade)?([0-9]{1,2})(?:st|nd|rd|th)?(?:grade)?")
_NAME = re.compile(r"[^,;@0-9]+,[^,;@0-9]+")


@dataclass(slots=True, frozen=True)
class Sampled:
    """Values of one column that are not blank, each once."""

    values: tuple[str, ...]

    def share(self, test: Callable[[str], bool]) -> float:
        """How many pass, from 0 to 1; 1 where there are no values to speak against it."""
        return sum(map(test, self.values)) / len(self.values) if self.values else 1.0

    def dates(self) -> tuple[str, ...]:
        """At most three patterns that read these dates; none where they are no dates. Day and month never mix."""
        if not self.values:
            return ()
        return max((self._cover((*CLEAR, *order)) for order in (MONTH_FIRST, DAY_FIRST)), key=lambda one: one[1])[0]

    def day_may_be_first(self, patterns: Sequence[str]) -> bool:
        """Whether nothing in the values tells which of the two it is."""
        told = [pattern for pattern in patterns if pattern in MONTH_FIRST]
        if not told:
            return False
        read = [value for value in self.values if any(_reads(pattern, value) for pattern in told)]
        return all(any(_reads(pattern, value) for pattern in DAY_FIRST) for value in read)

    def _cover(self, patterns: Sequence[str]) -> tuple[tuple[str, ...], int]:
        """The fewest patterns that read the most of the values, and how many they read."""
        read = {pattern: {value for value in self.values if _reads(pattern, value)} for pattern in patterns}
        chosen: list[str] = []
        left = set(self.values)
        while left and len(chosen) < 3:
            best = max(patterns, key=lambda pattern: len(read[pattern] & left))
            if not read[best] & left:
                break
            chosen.append(best)
            left -= read[best]
        count = len(self.values) - len(left)
        return (tuple(chosen), count) if len(left) <= len(self.values) // 5 else ((), 0)

    def phones(self) -> bool:
        return bool(self.values) and self.share(lambda value: bool(_PHONE.fullmatch(value))) > 0.8

    def whole_names(self) -> bool:
        return bool(self.values) and self.share(lambda value: bool(_NAME.fullmatch(value))) > 0.8

    def fit(self, field: Field) -> float:
        """How many of them the field takes as they are."""
        convert = converter(field)

        def taken(value: str) -> bool:
            try:
                convert(value)
            except ValueProblem:
                return False
            return True

        return self.share(taken)


def sampled(values: Sequence[str]) -> Sampled:
    return Sampled(tuple(dict.fromkeys(text for value in values if (text := value.strip()[:200]))))


def grade(text: str) -> int | None:
    """The number Enroll has for a grade; None for what is no grade."""
    word = "".join(one for one in text.casefold() if one.isalnum())
    if text.strip() in {"-1", "-2"}:
        return int(text)
    found = _ORDINAL.fullmatch(word)
    if found:
        return int(found[1]) if int(found[1]) <= 18 else None
    return GRADES.get(word.removesuffix("grade"))


def gender(text: str) -> str | None:
    return GENDERS.get("".join(one for one in text.casefold() if one.isalnum()))


def _reads(pattern: str, value: str) -> bool:
    if pattern == "EXCEL" and not (len(value) == 5 and value.isdigit() and "30000" <= value < "60000"):
        return False
    try:
        parser(pattern, PIVOT if needs_pivot(pattern) else None)(value)
    except ValueProblem:
        return False
    return True
