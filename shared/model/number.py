"""Whole numbers that came as text, out of a form, an address or a header."""

from typing import Final

MOST_DIGITS: Final = 18


def whole_number(text: str, otherwise: int = -1) -> int:
    """What ASCII digits write, at most 18 of them (64 bits). Anything else is `otherwise`, also a sign, or a `²`, which
    `str.isdigit` lets through and `int` refuses."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else otherwise
