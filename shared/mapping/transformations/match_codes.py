"""Match Codes: the partner of a value in a table."""

from shared.mapping.transformations.registry import Read, Reader, ValueProblem
from shared.model.errors import BadMapping
from shared.model.mapping import MatchCodes


def match_codes(row: MatchCodes, read: Read) -> Reader:
    """Looks values up exactly, then without the spaces around them. Blank gives blank.

    Raises:
        BadMapping: the table has a blank code, which no value would ever match.
    """
    if any(not code.strip() for code in row.codes):
        raise BadMapping(
            "mapping.code_blank",
            "The table of codes has a blank code; a blank value is never looked up.",
            "Take the blank code out.",
        )
    source, codes, unmatched, default = read(row.source), dict(row.codes), row.unmatched, row.default

    def look_up(values: list[str]) -> str:
        text = source(values)
        partner = codes.get(text)
        if partner is None:
            partner = codes.get(text.strip())
        if partner is not None:
            return partner
        if unmatched == "pass" or not text or text.isspace():
            return text
        if unmatched == "default":
            return default
        raise ValueProblem(
            "code.unmatched",
            "The table of codes has no partner for this value.",
            "Add the value to the table of codes, or correct it in the source.",
        )

    return look_up
