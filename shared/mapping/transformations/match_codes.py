"""Match Codes: the partner of a value in a table."""

from collections.abc import Callable
from typing import ClassVar

import orjson

from shared.mapping.transformations.registry import Inputs, Reader, Step, ValueProblem, transformation
from shared.model.error_texts import said
from shared.model.errors import BadMapping
from shared.model.mapping import CodeMatch


@transformation("match_codes")
class MatchCodes(Step, CodeMatch):
    """The partner of the value in a table of codes."""

    label: ClassVar[str] = "Match Codes"
    blank_gives: ClassVar[str] = "`when_blank`, which is blank unless it is filled in"

    def compile(self, inputs: Inputs) -> Reader:
        return match_codes(self, inputs)

    def samples(self) -> tuple[str, ...]:
        return (*self.codes.values(), self.default, self.when_blank)


def match_codes(match: CodeMatch, inputs: Inputs) -> Reader:
    """Looks values up exactly, then without the spaces around them.

    Raises:
        BadMapping: the table has a blank code, which no value would ever match.
    """
    if any(not code.strip() for code in match.codes):
        raise BadMapping(*said("mapping.code_blank"))
    source, when_blank, separator = inputs.read(match.source), match.when_blank, match.separator
    partner = _partner(match)

    def look_up(values: list[str]) -> str:
        text = source(values)
        if not text or text.isspace():
            return when_blank
        if separator:
            return _each(partner, text.split(separator))
        if text[0] == "[" and (found := _list(text)) is not None:
            return _each(partner, found)
        return partner(text)

    return look_up


def _partner(match: CodeMatch) -> Callable[[str], str]:
    codes, unmatched, default = dict(match.codes), match.unmatched, match.default

    def partner(text: str) -> str:
        found = codes.get(text)
        if found is None:
            found = codes.get(text.strip())
        if found is not None:
            return found
        if unmatched == "pass":
            return text
        if unmatched == "default":
            return default
        raise ValueProblem(*said("code.unmatched"))

    return partner


def _each(partner: Callable[[str], str], texts: list[str]) -> str:
    """A JSON list of the partners, each once and none of them blank; blank where nothing is left."""
    partners = [partner(text.strip()) for text in texts if text.strip()]
    kept = list(dict.fromkeys(one for one in partners if one.strip()))
    try:
        return orjson.dumps(kept).decode() if kept else ""
    except TypeError:  # a surrogate by itself, which no JSON text holds
        raise ValueProblem(*said("value.bad_text")) from None


def _list(text: str) -> list[str] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, list) and all(isinstance(one, str) for one in found) else None
